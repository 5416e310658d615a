"""A shell command on as many lines as it takes: joined by backslashes, it can still be copied."""

import re
from collections.abc import Iterator

from glassbridge.app.cli.columns import columns

_INDENT = "    "
_WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:\\.|[^"\\])*"|['"\\])+""")
"""With its quotes and what stands in them; a quote that is never closed counts as a letter."""

_HARMLESS = re.compile(r"'[\w ./:@,=+-]+'")
"""Means the same without its quotes."""


def shell_lines(command: str, width: int) -> Iterator[str]:
    """Break a command between its words; a word that is itself too wide is left whole.

    But what nft reads from one quoted word it reads from several as well.
    """
    line = ""
    for word in _words(command, width):
        longer = f"{line} {word}" if line else word
        if line.strip() and columns(longer) + len(" \\") > width:
            yield f"{line} \\"
            longer = _INDENT + word
        line = longer
    yield line


def _words(command: str, width: int) -> Iterator[str]:
    before = ""
    for word in _WORD.findall(command):
        is_wide = columns(_INDENT + word) > width
        if before == "nft" and is_wide and _HARMLESS.fullmatch(word):
            yield from word.strip("'").split()
        else:
            yield word
        before = word
