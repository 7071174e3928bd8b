"""``python -m cropmark`` is the command ``cropmark``."""

from cropmark.cli import main

if __name__ == "__main__":
    main()
