"""Commands that show by example what they are for, in their help and in the reference."""

from collections.abc import Sequence
from typing import Any

import click


class Shown(click.Command):
    """A command with examples; without one it cannot be made."""

    def __init__(self, *args: Any, example: Sequence[str], **settings: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **settings)
        self.example = tuple(example)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are typed."""
        super().format_epilog(ctx, formatter)
        write_example(formatter, self.example)


class ShownGroup(click.Group):
    """A group of commands with examples."""

    def __init__(self, *args: Any, example: Sequence[str], **settings: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **settings)
        self.example = tuple(example)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are typed."""
        super().format_epilog(ctx, formatter)
        write_example(formatter, self.example)


def write_example(formatter: click.HelpFormatter, lines: Sequence[str]) -> None:
    """Lines that must not be wrapped or joined, for they are meant to be copied."""
    with formatter.section("Example" if len(lines) == 1 else "Examples"):
        for line in lines:
            formatter.write(f"{' ' * formatter.current_indent}{line}\n")
