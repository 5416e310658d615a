"""Commands whose exit code is their answer: their errors share one that no answer has."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from glassbridge.app.cli.exits import (
    REQUEST_FAILED,
    CommandEnded,
    output_told,
    show_error,
    show_usage_error,
)
from glassbridge.app.cli.shown import Shown
from glassbridge.errors import GlassbridgeError


class Answering(Shown):
    """A command with exit codes of its own, which its help and the reference list."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's
        exit_codes: Sequence[tuple[int, str]],
        **settings: Any,  # noqa: ANN401 - click's
    ) -> None:
        super().__init__(*args, **settings)
        self.exit_codes = tuple(exit_codes)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:  # noqa: ANN401 - click's
        """Read the arguments."""
        with _errors_apart():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's
        """Run it."""
        with _errors_apart():
            return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes after the examples."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in self.exit_codes])


@contextmanager
def _errors_apart() -> Iterator[None]:
    """Tell an error here, and end with the code that no answer has."""
    try:
        with output_told():
            yield
    except (CommandEnded, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except GlassbridgeError as error:
        show_error(error.message, error.hint)
        raise CommandEnded(REQUEST_FAILED) from error
    except click.ClickException as error:
        show_usage_error(error)
        raise CommandEnded(REQUEST_FAILED) from error
    except Exception as error:
        # Python's own exit code for a crash is 1, which is an answer here
        import traceback  # noqa: PLC0415 - see main.py

        traceback.print_exception(error)
        raise CommandEnded(REQUEST_FAILED) from error
