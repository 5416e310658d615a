"""Commands that show by example what they are for, in their help and in the reference."""

from collections.abc import Iterator, Sequence
from typing import Any

import click


class Shown(click.Command):
    """A command with examples; without one it cannot be made."""

    def __init__(self, *args: Any, example: Sequence[str], **settings: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **settings)
        self.example = tuple(example)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take Docker's `--flag=true` and `--flag=false` too, where no other command follows."""
        if ctx.allow_interspersed_args:
            args = list(_plain_flags(self.get_params(ctx), args))
        return super().parse_args(ctx, args)

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


def _plain_flags(params: Sequence[click.Parameter], args: Sequence[str]) -> Iterator[str]:
    """`--flag` for `--flag=true`; for `--flag=false` its opposite, or nothing if it has none."""
    flags = {
        name: option
        for option in params
        if isinstance(option, click.Option) and option.is_flag
        for name in option.opts
    }
    words = iter(args)
    for word in words:
        if word == "--":
            yield word
            break
        name, equals, value = word.partition("=")
        if not equals or name not in flags:
            yield word
        elif _is_true(value, word):
            yield name
        else:
            yield from flags[name].secondary_opts[:1]
    yield from words


def _is_true(value: str, word: str) -> bool:
    from glassbridge.model.options import parse_flag  # noqa: PLC0415 - a third of `--help`'s time

    return parse_flag(value, word)


def write_example(formatter: click.HelpFormatter, lines: Sequence[str]) -> None:
    """Lines that must not be wrapped or joined, for they are meant to be copied."""
    with formatter.section("Example" if len(lines) == 1 else "Examples"):
        for line in lines:
            formatter.write(f"{' ' * formatter.current_indent}{line}\n")
