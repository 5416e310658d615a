"""SVG elements as values, and as text; coordinates are pixels, y grows downwards."""

import re
from collections.abc import Iterable
from math import hypot
from xml.sax.saxutils import escape

from msgspec import Struct

_ATTRIBUTE_ENTITIES = {'"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
_ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Node(Struct, frozen=True):
    """One element."""

    tag: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple["Node | str", ...] = ()


class Box(Struct, frozen=True):
    """A rectangle's place."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle_x(self) -> float:
        return self.x + self.width / 2

    @property
    def middle_y(self) -> float:
        return self.y + self.height / 2

    def overlaps(self, other: "Box") -> bool:
        """They share more than an edge."""
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )


def rect(box: Box, style: str, radius: float = 0) -> Node:
    """A rectangle, its corners rounded."""
    return _node(
        "rect",
        ("class", style),
        ("x", box.x),
        ("y", box.y),
        ("width", box.width),
        ("height", box.height),
        *([("rx", radius)] if radius else []),
    )


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> Node:
    """From one point to another."""
    return _node("line", ("class", style), ("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2))


def path(points: Iterable[tuple[float, float]], style: str, *, closed: bool = False) -> Node:
    """Straight from point to point."""
    steps = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    return _node("path", ("class", style), ("d", f"M{steps}{'Z' if closed else ''}"))


def arrow(
    x1: float, y1: float, x2: float, y2: float, style: str, head: str, size: float = 7
) -> Node:
    """A line whose end is a triangle of that size in the style `head`."""
    length = hypot(x2 - x1, y2 - y1) or 1
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    back_x, back_y = x2 - size * dx, y2 - size * dy
    wings = [(back_x - side * dy, back_y + side * dx) for side in (size / 2, -size / 2)]
    return group([line(x1, y1, back_x, back_y, style), path([(x2, y2), *wings], head, closed=True)])


def circle(x: float, y: float, radius: float, style: str) -> Node:
    """About a point."""
    return _node("circle", ("class", style), ("cx", x), ("cy", y), ("r", radius))


def text(x: float, y: float, content: str, style: str, anchor: str = "start") -> Node:
    """A line of text on its baseline; anchor is `start`, `middle` or `end`."""
    anchored = [] if anchor == "start" else [("text-anchor", anchor)]
    return _node("text", ("class", style), ("x", x), ("y", y), *anchored, children=(content,))


def group(children: Iterable[Node], style: str = "", tooltip: str = "") -> Node:
    """Elements that belong together; a pointer over them shows the tooltip."""
    titled = [_node("title", children=(tooltip,))] if tooltip else []
    attributes = [("class", style)] if style else []
    return _node("g", *attributes, children=(*titled, *children))


def document(
    children: Iterable[Node], *, width: float, height: float, title: str, style: str
) -> str:
    """A whole file: its title is what screen readers say, its style a sheet of CSS."""
    top = _node(
        "svg",
        ("xmlns", "http://www.w3.org/2000/svg"),
        ("width", width),
        ("height", height),
        ("viewBox", f"0 0 {_number(width)} {_number(height)}"),
        ("role", "img"),
        children=(_node("title", children=(title,)), _node("style", children=(style,)), *children),
    )
    return "".join(_lines(top, 0))


def _node(
    tag: str, *attributes: tuple[str, str | float], children: Iterable[Node | str] = ()
) -> Node:
    written = tuple((n, v if isinstance(v, str) else _number(v)) for n, v in attributes)
    return Node(tag, written, tuple(children))


def _number(value: float) -> str:
    """Two places are finer than any screen."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _lines(node: Node, depth: int) -> Iterable[str]:
    indent = " " * depth
    attributes = "".join(
        f' {name}="{escape(_legal(value), _ATTRIBUTE_ENTITIES)}"' for name, value in node.attributes
    )
    opened = f"{indent}<{node.tag}{attributes}"
    if not node.children:
        yield f"{opened}/>\n"
    elif all(isinstance(child, str) for child in node.children):
        content = "".join(escape(_legal(c)) for c in node.children if isinstance(c, str))
        yield f"{opened}>{content}</{node.tag}>\n"
    else:
        yield f"{opened}>\n"
        for child in node.children:
            assert isinstance(child, Node)  # no element here mixes text and elements
            yield from _lines(child, depth + 1)
        yield f"{indent}</{node.tag}>\n"


def _legal(content: str) -> str:
    """XML 1.0 has no way to write most control characters, lone surrogates, U+FFFE and U+FFFF."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", content)
