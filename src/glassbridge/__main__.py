"""`glassbridge` and `python -m glassbridge`."""

import gc
import os
import sys

_NEW_OBJECTS = 50_000
"""After so many the collector looks: most commands end before, and save a tenth of their time."""

_INTERRUPTED = 130
"""As exits.INTERRUPTED, which may not be loaded yet."""


def main() -> None:
    """Entry point of the console script."""
    gc.set_threshold(_NEW_OBJECTS)
    _open_closed_streams()
    try:
        from glassbridge.app.cli.main import run_command_line  # noqa: PLC0415 - spare imports, too

        code = run_command_line()
    except KeyboardInterrupt:  # while a module was loaded
        code = _INTERRUPTED
    gc.freeze()  # else the interpreter, at its end, looks for cycles in what the kernel frees
    sys.exit(code)


def _open_closed_streams() -> None:
    """Write into nothing what `>&-` closed: the next socket would have its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - open to the end


if __name__ == "__main__":
    main()
