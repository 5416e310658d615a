"""A small sign for each kind of step; the shape says it, the colour says it again."""

from collections.abc import Iterator
from enum import StrEnum
from typing import assert_never

from glassbridge.app.pictures.svg import Box, Node, arrow, circle, group, line, path, rect, text
from glassbridge.model.step_details import (
    Crossed,
    Detail,
    Entered,
    FilterMet,
    HookPassed,
    Left,
    NeighbourFound,
    PortEntered,
    Received,
    RouteChosen,
    Sighted,
    SocketFound,
    Switched,
    Translated,
)

SIZE = 22


class Sign(StrEnum):
    """What is drawn; the value is its word in the legend."""

    ROUTE = "route"
    NEIGHBOUR = "ARP or ND"
    CABLE = "veth cable"
    PORT = "bridge port"
    BRIDGE = "bridge"
    GATE = "firewall hook"
    SHUT = "refused"
    NAT = "translated"
    SOCKET = "socket"
    RECEIVE = "own address"
    OUTSIDE = "outside"
    SIGHT = "seen only"


def sign_of(detail: Detail) -> Sign:  # noqa: C901, PLR0911, PLR0912 - one arm for each kind of step
    """Which sign stands at a step."""
    match detail:
        case RouteChosen():
            return Sign.ROUTE
        case NeighbourFound():
            return Sign.NEIGHBOUR
        case Crossed():
            return Sign.CABLE
        case PortEntered():
            return Sign.PORT
        case Switched():
            return Sign.BRIDGE
        case HookPassed(verdict=verdict):
            return Sign.SHUT if verdict in {"drop", "reject"} else Sign.GATE
        case FilterMet():
            return Sign.GATE
        case Translated():
            return Sign.NAT
        case Received():
            return Sign.RECEIVE
        case SocketFound():
            return Sign.SOCKET
        case Entered() | Left():
            return Sign.OUTSIDE
        case Sighted():
            return Sign.SIGHT
        case _ as unreachable:
            assert_never(unreachable)


def draw_sign(sign: Sign, x: float, y: float) -> Node:
    """The sign with its upper left corner there, SIZE on each side."""
    return group(_strokes(sign, x, y))


def _strokes(sign: Sign, x: float, y: float) -> Iterator[Node]:  # noqa: C901, PLR0912 - one arm each
    match sign:
        case Sign.ROUTE:
            yield path(_at(x, y, (11, 1), (21, 11), (11, 21), (1, 11)), "route", closed=True)
            yield arrow(x + 5, y + 11, x + 17, y + 11, "etch", "dark")
        case Sign.NEIGHBOUR:
            yield circle(x + 11, y + 11, 10, "neighbour")
            yield circle(x + 11, y + 11, 10, "etch predicted")
            yield text(x + 11, y + 15.5, "?", "strong dark", "middle")
        case Sign.CABLE:
            yield line(x, y + 11, x + 22, y + 11, "wire")
        case Sign.PORT:
            yield rect(Box(x + 1, y + 2, 20, 18), "bridge", 2)
            yield path(_at(x, y, (6, 16), (6, 9), (9, 9), (9, 6), (13, 6), (13, 9), (16, 9),
                           (16, 16)), "paper", closed=True)  # fmt: skip
        case Sign.BRIDGE:
            yield rect(Box(x, y + 4, 22, 7), "bridge", 2)
            for offset in (3, 9.5, 16):
                yield rect(Box(x + offset, y + 11, 3, 7), "bridge")
        case Sign.GATE | Sign.SHUT:
            yield from _gate(sign, x, y)
        case Sign.NAT:
            yield rect(Box(x, y + 1, 22, 20), "nat", 4)
            yield arrow(x + 3, y + 8, x + 19, y + 8, "etch", "dark")
            yield arrow(x + 19, y + 15, x + 3, y + 15, "etch", "dark")
        case Sign.SOCKET:
            yield circle(x + 11, y + 11, 9, "glyph")
            yield circle(x + 11, y + 11, 4, "ink")
        case Sign.RECEIVE:
            yield arrow(x + 11, y + 2, x + 11, y + 15, "glyph", "ink")
            yield path(_at(x, y, (2, 12), (2, 19), (20, 19), (20, 12)), "glyph")
        case Sign.OUTSIDE:
            yield circle(x + 11, y + 11, 9, "glyph")
            yield line(x + 2, y + 11, x + 20, y + 11, "glyph")
            yield path(_at(x, y, (11, 2), (7, 7), (7, 15), (11, 20), (15, 15), (15, 7)), "glyph",
                       closed=True)  # fmt: skip
        case Sign.SIGHT:
            yield path(_at(x, y, (1, 11), (11, 4), (21, 11), (11, 18)), "glyph", closed=True)
            yield circle(x + 11, y + 11, 3, "ink")
        case _ as unreachable:
            assert_never(unreachable)


def _gate(sign: Sign, x: float, y: float) -> Iterator[Node]:
    """Two posts; the bar is up, or down with a cross on it."""
    yield rect(Box(x + 1, y + 2, 4, 18), "firewall")
    yield rect(Box(x + 17, y + 2, 4, 18), "firewall")
    if sign is Sign.GATE:
        yield path(_at(x, y, (5, 16), (15, 3)), "glyph")
        return
    for height in (7, 12, 17):
        yield line(x + 3, y + height, x + 19, y + height, "glyph")
    yield path(_at(x, y, (6, 6), (16, 18)), "glyph")


def _at(x: float, y: float, *points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x + dx, y + dy) for dx, dy in points]
