"""Cropmark: farm telemetry and provenance that a shopper's own phone can check."""

__version__ = "0.1.0"
