"""How wide text is, without a font: as the widest common one has it, so nothing sticks out."""

_NARROW = frozenset("ijlftrI.,:;'|!()[]{}-/ ")
_WIDE = frozenset("mwMW@%_+<>=~#&")
_EM = {"narrow": 0.4, "common": 0.62, "capital": 0.7, "wide": 0.92, "mono": 0.61}
"""DejaVu Sans, which is broader than Helvetica, Arial and what phones have."""
BOLD = 1.14
"""How much wider bold letters are."""
_FULL_WIDTH_FROM = 0x1100
"""Hangul, and after it CJK: a whole em each."""


def width_of(text: str, size: float, *, mono: bool = False) -> float:
    """Pixels, rather too many than too few."""
    if mono:
        return size * sum(1 if ord(c) >= _FULL_WIDTH_FROM else _EM["mono"] for c in text)
    return size * sum(map(_em, text))


def wrap(text: str, width: float, size: float, *, mono: bool = False) -> list[str]:
    """Lines of no more than that width; a word that is wider by itself is cut."""
    lines: list[str] = []
    line = ""
    for whole in text.split():
        for word in _pieces(whole, width, size, mono=mono):
            longer = f"{line} {word}" if line else word
            if line and width_of(longer, size, mono=mono) > width:
                lines.append(line)
                longer = word
            line = longer
    return [*lines, line]


def fit(text: str, width: float, size: float, *, mono: bool = False) -> str:
    """One line of it, its end cut where it is too wide."""
    if width_of(text, size, mono=mono) <= width:
        return text
    while text and width_of(f"{text}...", size, mono=mono) > width:
        text = text[:-1]
    return f"{text}..."


def _em(character: str) -> float:
    if ord(character) >= _FULL_WIDTH_FROM:
        return 1
    if character in _NARROW:
        return _EM["narrow"]
    if character in _WIDE:
        return _EM["wide"]
    return _EM["capital" if character.isupper() else "common"]


def _pieces(word: str, width: float, size: float, *, mono: bool) -> list[str]:
    pieces = [""]
    for character in word:
        if pieces[-1] and width_of(pieces[-1] + character, size, mono=mono) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces
