"""Text in the columns of a terminal: how wide it is, cut to fit, folded, and made printable."""

import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial

SCREEN = 100
"""No line is wider."""

_NAME_FLOOR = 11
"""A name is still recognised at that width: `proje…e-web1`."""

_ADDRESS_FLOOR = 17
"""A MAC address is never shortened."""


def is_unicode() -> bool:
    """Whether standard output can show more than ASCII."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "") in {"utf8", "utf8sig"}


def cut_mark() -> str:
    """What stands where text was cut."""
    return "…" if is_unicode() else "~"


def printable(text: str) -> str:
    """Without control characters and what the terminal cannot show: names come from anywhere."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    encoding = "utf-8" if is_unicode() else "ascii"
    return shown.encode(encoding, errors="replace").decode(encoding)


def plain(text: str) -> str:
    """Printable, and on one line."""
    return printable(" ".join(text.split()))


def columns(text: str) -> int:
    """How many columns a text takes: East Asian characters two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_column, text))


def _column(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def pad(text: str, width: int) -> str:
    """Fill up with blanks."""
    return text + " " * (width - columns(text))


def cut(text: str, width: int) -> str:
    """The beginning of a text that is too wide."""
    if columns(text) <= width:
        return text
    return _begin(text, max(width - 1, 0)) + cut_mark()[:width]


def shorten(word: str, width: int) -> str:
    """Beginning and end of a word: names in a row often differ in the end only."""
    if columns(word) <= width:
        return word
    tail = _begin(word[::-1], (width - 1) // 2)[::-1]
    return f"{_begin(word, width - 1 - columns(tail))}{cut_mark()}{tail}"


def fit(text: str, width: int) -> str:
    """Make a text fit: long names are shortened first, then long addresses, then its end is cut."""
    words = text[: 4 * SCREEN].split(" ")
    for is_candidate, floor in _SHORTENED:
        longest = max((columns(w) for w in words if is_candidate(w)), default=0)
        caps = range(floor, longest + 1)
        capped = partial(_capped, words, is_candidate)
        fitting = bisect_right(caps, width, key=lambda cap: columns(" ".join(capped(cap))))
        if fitting:
            return cut(" ".join(capped(caps[fitting - 1])), width)
        if caps:
            words = capped(floor)
    return cut(" ".join(words), width)


def _capped(words: list[str], is_candidate: Callable[[str], bool], cap: int) -> list[str]:
    return [shorten(word, cap) if is_candidate(word) else word for word in words]


def fold(text: str, width: int) -> Iterator[str]:
    """The whole text on as many lines as it takes, broken between words."""
    line = ""
    for word in text.split():
        rest = word
        if line and columns(line) + 1 + columns(rest) > width:
            yield line
            line = ""
        while columns(rest) > width:
            head = _begin(rest, width)
            yield head
            rest = rest[len(head) :]
        line = f"{line} {rest}" if line else rest
    yield line


def _begin(text: str, width: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += _column(character)
        if used > width:
            return text[:index]
    return text


def _is_address(word: str) -> bool:
    return word.count(":") > 1


def _is_name(word: str) -> bool:
    """Not an IPv4 address, a prefix or a port: those have no letter."""
    return not _is_address(word) and any(map(str.isalpha, word))


_SHORTENED: tuple[tuple[Callable[[str], bool], int], ...] = (
    (_is_name, _NAME_FLOOR),
    (_is_address, _ADDRESS_FLOOR),
)
