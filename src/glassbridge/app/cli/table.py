"""Aligned tables and the little styling there is; nothing here depends on colour to be read."""

import os
import sys
from collections.abc import Iterable, Sequence
from itertools import zip_longest

Cell = str | tuple[str, ...]
"""Text, or several lines of it."""

_GAP = "  "
_NAME_WIDTH = 40


def table(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Lay out rows below their headings; a cell of several lines makes its row taller."""
    lines = [tuple(headings)]
    for row in rows:
        cells = [(cell,) if isinstance(cell, str) else cell for cell in row]
        lines += zip_longest(*cells, fillvalue="")
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([bold(text[0]), *text[1:]])


def sheet(rows: Iterable[tuple[str, Cell]], indent: str = "") -> str:
    """Lay out labelled lines; the label stands before the first line of its cell only."""
    given = [(label, (cell,) if isinstance(cell, str) else cell) for label, cell in rows]
    width = max((len(label) for label, _ in given), default=0)
    lines = []
    for label, cell in given:
        for index, text in enumerate(cell or ("",)):
            shown = bold(label.ljust(width)) if index == 0 else " " * width
            lines.append(f"{indent}{shown}{_GAP}{text}".rstrip())
    return "\n".join(lines)


def shorten(name: str, width: int = _NAME_WIDTH) -> str:
    """Cut a name that would push the table over the screen."""
    return name if len(name) <= width else f"{name[: width - 3]}..."


def bold(text: str) -> str:
    """Emphasis, where there is a terminal that wants it."""
    return f"\033[1m{text}\033[0m" if is_styled() else text


def is_styled() -> bool:
    """Only on a terminal, and not against the user's wish (no-color.org)."""
    return (
        sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") != "dumb"
    )
