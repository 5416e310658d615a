"""Blocks of labelled lines, as causes and findings are told: why, proof, fix."""

from collections.abc import Iterable, Iterator, Sequence

from glassbridge.app.cli.columns import SCREEN, fold, plain, printable
from glassbridge.app.cli.shell_lines import shell_lines
from glassbridge.app.cli.table import bold, is_styled
from glassbridge.app.cli.words import counted

LABEL = 8
"""How wide the labels are: `why`, `proof`, `PROBLEM`."""


def labelled(label: str, lines: Iterable[str], colour: int | None = None) -> Iterator[str]:
    """Lines beside a label, which stands before the first one only."""
    shown = (bold(label) if colour is None else painted(label, colour)) + " " * (LABEL - len(label))
    for line in lines:
        yield f"{shown}{line}"
        shown = " " * LABEL


def folded(text: str) -> Iterator[str]:
    """A sentence on as many lines as it takes beside a label."""
    return fold(plain(text), SCREEN - LABEL)


def fix_lines(commands: Sequence[str], note: str, most: int | None = None) -> Iterator[str]:
    """Commands that can be copied, then what they do; the note stands alone where there is none."""
    for command in commands[:most]:
        yield from shell_lines(printable(command), SCREEN - LABEL)
    left = len(commands) - (len(commands) if most is None else most)
    if left > 0:
        yield from folded(f"... and {counted(left, 'command')} more: --json has them all")
    if note:
        yield from folded(f"({note})" if commands else note)


def painted(text: str, colour: int) -> str:
    """Bold and in a colour, where the terminal has any."""
    return f"\033[1;{colour}m{text}\033[0m" if is_styled() else text
