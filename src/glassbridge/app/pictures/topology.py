"""What is plugged into what, as a picture: bridges are bars, containers hang from them."""

from collections.abc import Iterator

from glassbridge import __version__
from glassbridge.app.pictures.lettering import BOLD, fit, width_of
from glassbridge.app.pictures.palette import style_sheet
from glassbridge.app.pictures.svg import Box, Node, document, group, line, rect, text
from glassbridge.app.pictures.topology_layout import (
    BUS,
    LINE,
    MARGIN,
    PAD,
    SMALL,
    SPINE,
    WIDTH,
    Bus,
    Card,
    Chip,
    lay_out,
)
from glassbridge.model.wiring import Wiring


def topology_svg(wiring: Wiring) -> str:
    """One SVG file; the same wiring gives the same text."""
    layout = lay_out(wiring)
    height = layout.bottom + 40
    counts = wiring.counts
    said = ", ".join(
        f"{number} {what}{'' if number == 1 else 's'}"
        for number, what in (
            (counts.bridges, "bridge"),
            (counts.cables, "cable"),
            (counts.containers, "container"),
            (counts.namespaces, "namespace"),
        )
    )
    nodes = [
        rect(Box(0, 0, WIDTH, height), "paper"),
        text(MARGIN, 44, "What is plugged into what", "ink t1"),
        text(MARGIN, 70, said, "soft"),
        text(WIDTH - MARGIN, 70, fit(wiring.recorded, WIDTH / 2, 12.5), "soft", "end"),
        *(node for card in layout.cards for node in _card(card)),
        *_legend(layout.bottom + 8),
    ]
    return document(nodes, width=WIDTH, height=height, title=said, style=style_sheet())


def _card(card: Card) -> Iterator[Node]:
    box = card.box
    yield rect(box, "lane", 10)
    yield text(box.x + PAD, box.y + 25, card.title, "ink t2")
    after = box.x + PAD + width_of(card.title, 14) * BOLD + 12
    yield text(after, box.y + 25, card.words, "soft small")
    if card.has_spine and card.buses:
        yield from _spine(card)
        for bus in card.buses:
            yield from _rails(bus)
    for bus in card.buses:
        yield from _bus(bus)


def _spine(card: Card) -> Iterator[Node]:
    """The namespace's IP stack, which routes between what is plugged into it."""
    x, y = card.box.x + PAD, card.box.y + 36
    routed = [bus for bus in card.buses if bus.is_routed or not bus.title]
    if not routed:
        return
    ends = [bus.box.y + BUS / 2 if bus.title else bus.rails[-1].y for bus in routed]
    yield rect(Box(x, y, SPINE, max(ends) - y + 8), "route", 4)
    for bus in routed:
        at = bus.box.y + BUS / 2 if bus.title else bus.rails[0].y
        yield rect(Box(x + SPINE - 2, at - 4, bus.box.x - x - SPINE + 2, 8), "route")


def _rails(bus: Bus) -> Iterator[Node]:
    """A bar folded into as many rows as its chips need; what has none hangs from the stack."""
    style = "rail" if bus.title else "rail stack"
    x = bus.box.x + 2
    if len(bus.rails) > 1:
        yield line(x, bus.rails[0].y - 2, x, bus.rails[-1].y + 1.5, style)
    for rail in bus.rails[1 if bus.title else 0 :]:
        yield line(bus.box.x, rail.y, rail.x2, rail.y, style)
    for chip in bus.chips:
        x = chip.box.middle_x
        yield line(x, chip.hangs_from, x, chip.box.y, "wire thin" if chip.cable else "flow")


def _bus(bus: Bus) -> Iterator[Node]:
    if bus.title:
        style = "bridge" if bus.is_bridge else "trunk"
        yield rect(bus.box, style if bus.is_up else f"{style} faint", 5)
        yield text(bus.box.x + 12, bus.box.y + 18.5, bus.title, "on t3")
        after = bus.box.x + 12 + width_of(bus.title, 13) * BOLD + 14
        yield text(after, bus.box.y + 18.5, bus.words, "on plain")
    yield from map(_chip, bus.chips)


def _chip(chip: Chip) -> Node:
    box = chip.box
    brief = len(chip.lines) < 2 and not chip.published  # noqa: PLR2004 - the second line
    parts = [
        rect(box, "box" if chip.is_up else "box predicted", 5),
        text(box.x + 7, box.y + LINE + 1, chip.title, "ink strong brief" if brief else "ink t3"),
    ]
    y = box.y + LINE + 1
    for index, said in enumerate(chip.lines):
        y += LINE
        style = "ink" if index == 0 else "soft"
        parts.append(text(box.x + 7, y, said, f"{style} note"))
    x = box.x + 7
    for port in chip.published:
        room = box.right - x - 6
        shown = fit(port, room - 12, SMALL)
        wide = width_of(shown, SMALL) + 12
        if wide > room:
            break
        parts.append(rect(Box(x, y + 6, wide, 16), "nat", 8))
        parts.append(text(x + 6, y + 18, shown, "dark note"))
        x += wide + 5
    return group(parts, tooltip=chip.tooltip)


def _legend(y: float) -> Iterator[Node]:
    x = MARGIN
    items = (
        ("route", "the namespace's own IP stack, which routes"),
        ("bridge", "bridge"),
        ("trunk", "link that carries others"),
        ("cable", "veth or other cable"),
        ("nat", "published port"),
    )
    for style, word in items:
        yield rect(Box(x, y + 3, 16, 10), style, 3)
        yield text(x + 22, y + 12, word, "soft note")
        x += 22 + width_of(word, SMALL) + 20
    yield rect(Box(x, y + 2, 16, 12), "box predicted", 3)
    yield text(x + 22, y + 12, "down", "soft note")
    yield text(WIDTH - MARGIN, y + 12, f"glassbridge {__version__}", "soft note", "end")
