"""`glassbridge` and `python -m glassbridge`."""

import sys

from glassbridge.app.cli.main import run_command_line


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run_command_line())


if __name__ == "__main__":
    main()
