"""Receive, verify, archive, receipt and project telemetry; home of the shared primitives."""
