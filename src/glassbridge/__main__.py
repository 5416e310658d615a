"""`glassbridge` and `python -m glassbridge`."""

import gc
import sys

_NEW_OBJECTS = 50_000
"""After so many the collector looks: most commands end before, and save a tenth of their time."""


def main() -> None:
    """Entry point of the console script."""
    gc.set_threshold(_NEW_OBJECTS)
    from glassbridge.app.cli.main import run_command_line  # noqa: PLC0415 - spare imports, too

    sys.exit(run_command_line())


if __name__ == "__main__":
    main()
