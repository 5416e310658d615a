"""Write docs/cli.md from the commands' own code, or check it with --check."""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from glassbridge.app.cli.answering import Answering
from glassbridge.app.cli.exits import EXIT_CODES
from glassbridge.app.cli.main import SECTIONS, glassbridge

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"

BAR = "\\|"
"""A bar that ends no cell, not even within backticks."""

INTRODUCTION = """\
# Commands

Written by `scripts/cli_page.py`; `make docs` writes it anew.

Docker's words and flags where Docker has them. What Docker has and glassbridge has not is refused
by name, with a hint, and exit code 9: it is never ignored.

Errors go to stderr as two lines, `error:` with what went wrong on what, and `hint:` with what to
do. Every reading command takes `--json`; its output is the API's own JSON. Nothing depends on
colour, and `NO_COLOR` is heeded.
"""

EXITS = """
## Exit codes

`run` without `-d` and `exec` return the code of the command that ran; so that it cannot be mistaken
for one of ours, our own failures there are 125, as in Docker. A mistake in the flags themselves
keeps its own code there too: nothing has run yet. A command whose exit code is its answer has codes
of its own; they stand with it.

| code | meaning |
| --- | --- |
"""


def page() -> str:
    """The whole page."""
    root = click.Context(glassbridge, info_name="glassbridge")
    parts = [INTRODUCTION, EXITS, *(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES)]
    for section, entries in SECTIONS.items():
        parts.append(f"\n## {section}\n")
        for name in entries:
            command = glassbridge.get_command(root, name)
            assert command is not None, name
            parts += _command(command, name, root)
    return "".join(parts)


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"\n### {context.command_path}\n\n```\n{usage}\n```\n\n"
    yield f"{_text(command.help or '')}\n"
    yield from _options(command, context)
    yield "\n```sh\n" + "".join(f"{line}\n" for line in getattr(command, "example", ())) + "```\n"
    if isinstance(command, Answering):
        yield "\n| exit code | meaning |\n| --- | --- |\n"
        yield from (f"| {code} | {meaning} |\n" for code, meaning in command.exit_codes)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None, inner
            yield from _command(found, inner, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [p for p in command.get_params(context) if isinstance(p, click.Option)]
    records = [option.get_help_record(context) for option in options]
    shown = [r for r in records if r is not None and "--help" not in r[0]]
    if shown:
        yield "\n| option | meaning |\n| --- | --- |\n"
    for flags, meaning in shown:
        cells = (f"`{flags}`", " ".join(meaning.split()))
        yield f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |\n"


def _text(docstring: str) -> str:
    return "\n".join(line.strip() for line in docstring.strip().splitlines())


def main() -> int:
    """Write or check; the exit code is 1 when the page is not what it should be."""
    new = page()
    if "--check" not in sys.argv:
        PAGE.write_text(new)
        return 0
    old = PAGE.read_text()
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), "written", "should be"
    )
    sys.stdout.writelines(lines)
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
