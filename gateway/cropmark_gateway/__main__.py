"""``python -m cropmark_gateway`` is ``cropmark gateway``."""

from cropmark_gateway.cli import app

if __name__ == "__main__":
    app()
