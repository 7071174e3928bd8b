"""Resolve requirements.lock anew: one file of exact versions that pip accepts on Python 3.11 to 3.13."""

import subprocess
import sys


def main() -> int:
    """Run the resolver over every extra; its exit code is ours."""
    command = [
        "uv", "pip", "compile", "--universal", "--python-version", "3.11", "--all-extras", "--no-emit-index-url",
        "--no-header", "--no-annotate", "--quiet", "pyproject.toml", "--output-file", "requirements.lock",
    ]  # fmt: skip
    return subprocess.run(command, check=False).returncode  # noqa: S603 - a fixed command


if __name__ == "__main__":
    sys.exit(main())
