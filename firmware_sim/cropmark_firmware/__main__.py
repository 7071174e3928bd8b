"""``python -m cropmark_firmware`` is ``cropmark sim``."""

from cropmark_firmware.cli import app

if __name__ == "__main__":
    app()
