"""Where everything of a wiring stands: a card per namespace, buses in it, chips below each bus.

No forces and no chance: what is added at one place moves only what stands behind it.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from glassbridge.app.pictures.lettering import BOLD, fit, width_of
from glassbridge.app.pictures.svg import Box
from glassbridge.model.ruleset import Origin
from glassbridge.model.wiring import Hanger, Hanging, Wiring, hangings

WIDTH, MARGIN = 1120.0, 24.0
SPINE, PAD, GAP = 14.0, 16.0, 12.0
BUS, STUB, BRIEF_STUB = 28.0, 14.0, 8.0
NAME, TEXT, SMALL = 13.0, 11.5, 10.5
LINE = 15.0

_CARD_HEAD, _TOP = 40.0, 92.0
_CHIP, _BRIEF_CHIP = 190.0, 112.0
_BRIEF_FROM = 40
"""Below a bus with more, chips are small."""
_INDENT = SPINE + 2 * PAD
_PUBLISHED_SHOWN = 2


class Content(Struct, frozen=True, kw_only=True):
    """What is to be told of a container or link."""

    title: str
    lines: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    tooltip: str = ""
    cable: str = ""
    """`veth`, `macvlan`, ...; empty where nothing is plugged in."""
    is_up: bool = True


class Chip(Content, frozen=True, kw_only=True):
    """One container or link below its bus, as much of it as fits."""

    box: Box
    hangs_from: float
    """The height of its rail or bus."""


class Rail(Struct, frozen=True, kw_only=True):
    """What a row of chips hangs from."""

    x1: float
    x2: float
    y: float


class Bus(Struct, frozen=True, kw_only=True):
    """A bridge, or a link with others on top of it; or no bar, for what hangs on the stack."""

    box: Box
    title: str = ""
    words: str = ""
    is_bridge: bool = False
    is_routed: bool = False
    """It has an address, so the namespace's IP stack is one more port of it."""
    is_up: bool = True
    rails: tuple[Rail, ...] = ()
    chips: tuple[Chip, ...] = ()

    @property
    def bottom(self) -> float:
        return max([self.box.bottom, *(chip.box.bottom for chip in self.chips)])


class Card(Struct, frozen=True, kw_only=True):
    """One namespace."""

    box: Box
    title: str
    words: str = ""
    has_spine: bool = True
    buses: tuple[Bus, ...] = ()


class TopologyLayout(Struct, frozen=True, kw_only=True):
    """The whole picture."""

    cards: tuple[Card, ...]
    bottom: float


def lay_out(wiring: Wiring) -> TopologyLayout:
    """From the top down: the host, what runs inside of others, what has no cable."""
    cards: list[Card] = []
    at = _TOP
    for hanger in _hangers(wiring.roots):
        cards.append(_card(hanger, at))
        at = cards[-1].box.bottom + GAP
    if wiring.apart:
        cards.append(_apart(wiring.apart, at))
        at = cards[-1].box.bottom + GAP
    return TopologyLayout(cards=tuple(cards), bottom=at)


def _hangers(roots: Iterable[Hanger]) -> Iterator[Hanger]:
    """The roots, and behind each the namespaces below it that have something on their own."""
    for root in roots:
        yield root
        for link in hangings(root):
            if link.far is not None and link.far.namespace.links:
                yield link.far.namespace


def _card(hanger: Hanger, top: float) -> Card:
    buses: list[Bus] = []
    at = top + _CARD_HEAD
    single = [link for link in hanger.links if not _is_bus(link)]
    if single:
        buses.append(_bus(None, single, at))
        at = buses[-1].bottom + GAP + 4
    for link in _bars(hanger.links):
        buses.append(_bus(link, link.links, at))
        at = buses[-1].bottom + GAP + 4
    box = Box(MARGIN, top, WIDTH - 2 * MARGIN, max(at - top, _CARD_HEAD))
    others = [name for name in hanger.names if name != hanger.name]
    words = [f"network namespace {hanger.inode}"] if hanger.inode else []
    words += [str(hanger.owner)] if hanger.owner else []
    if others:
        words.append(f"also {', '.join(others)}")
    room = box.width - 3 * PAD - width_of(hanger.name, 14) * BOLD
    return Card(
        box=box,
        title=fit(hanger.name, box.width / 2, 14),
        words=fit(", ".join(words), room, TEXT),
        buses=tuple(buses),
    )


def _apart(apart: Sequence[Hanger], top: float) -> Card:
    bus = _chips_below(
        Bus(box=Box(MARGIN + PAD, top + _CARD_HEAD - 4 - STUB, 0, 0)),
        [Content(title=h.name, lines=(f"netns {h.inode}",), tooltip=h.name) for h in apart],
        MARGIN + PAD,
    )
    box = Box(MARGIN, top, WIDTH - 2 * MARGIN, bus.bottom + PAD - top)
    return Card(box=box, title="without a cable", has_spine=False, buses=(bus,))


def _is_bus(link: Hanging) -> bool:
    return bool(link.links) or link.kind == "bridge"


def _bars(links: Iterable[Hanging]) -> Iterator[Hanging]:
    """Every link that carries others, also where it hangs on one of them."""
    for link in links:
        if _is_bus(link):
            yield link
        yield from _bars(link.links)


def _bus(link: Hanging | None, hung: Iterable[Hanging], top: float) -> Bus:
    left = MARGIN + _INDENT
    contents = [_content(one) for one in hung]
    if link is None:
        return _chips_below(Bus(box=Box(left, top + 6, 0, 0)), contents, left)
    bar = Box(left, top, WIDTH - MARGIN - PAD - left, BUS)
    words = _described(link, len(contents))
    room = bar.width - width_of(link.ifname, NAME) * BOLD - 3 * PAD
    bus = Bus(
        box=bar,
        title=link.ifname,
        words=fit(words, room, TEXT),
        is_bridge=link.kind == "bridge",
        is_routed=bool(link.addresses),
        is_up=link.is_up,
    )
    return _chips_below(bus, contents, left)


def _described(link: Hanging, ports: int) -> str:
    words = [*link.addresses]
    if link.network:
        owner = f" ({link.owner})" if link.owner not in {Origin.GLASSBRIDGE, Origin.UNKNOWN} else ""
        words.append(f"network {link.network}{owner}")
    elif link.kind != "bridge":
        words.append(link.kind or "hardware")
    words += ["internal"] if link.is_internal else []
    words += ["uplink"] if link.is_uplink else []
    words += [] if link.is_up else ["DOWN"]
    what = "port" if link.kind == "bridge" else "link"
    words.append(f"{ports} {what}{'' if ports == 1 else 's'}")
    return " \N{MIDDLE DOT} ".join(words)


def _content(link: Hanging) -> Content:
    far = link.far
    if far is None:
        said = [*(a for a in link.addresses[:2]), link.kind or "hardware"]
        said += ["uplink"] if link.is_uplink else []
        said += [] if link.is_up else ["DOWN"]
        return Content(
            title=link.ifname,
            lines=(said[0], ", ".join(said[1:])) if said[1:] else tuple(said),
            tooltip=" ".join((link.ifname, *said, str(link.mac or ""))),
            is_up=link.is_up,
        )
    addresses = [a.partition("/")[0] for a in far.addresses]
    cable = f"{link.ifname or link.kind} - {far.ifname or '?'}"
    marks = ["DOWN"] if not (link.is_up and far.is_up) else []
    marks += ["isolated"] if link.is_isolated else []
    name = far.namespace.name
    if name != "host" and len(far.namespace.names) > 1:
        name = ", ".join(far.namespace.names)
    return Content(
        title=name,
        lines=(", ".join(addresses) or "no address", " ".join((*marks, cable))),
        published=far.published,
        tooltip=" ".join((name, *addresses, cable, str(far.mac or ""), *far.published)),
        cable=link.kind,
        is_up=link.is_up and far.is_up,
    )


def _chips_below(bus: Bus, contents: Sequence[Content], left: float) -> Bus:
    """Rows of chips, as many in each as fit; every row has a rail to hang from."""
    is_brief = len(contents) > _BRIEF_FROM
    room = WIDTH - MARGIN - PAD - left - PAD
    each = _BRIEF_CHIP if is_brief else _CHIP
    stub = BRIEF_STUB if is_brief else STUB
    columns = max(1, int((room + GAP / 2) // (each + GAP / 2)))
    width = (room - (columns - 1) * GAP / 2) / columns
    chips: list[Chip] = []
    rails: list[Rail] = []
    at = bus.box.bottom
    for start in range(0, len(contents), columns):
        row = contents[start : start + columns]
        tallest = max(_height(content, is_brief=is_brief) for content in row)
        xs = [left + PAD + index * (width + GAP / 2) for index in range(len(row))]
        rail = at if not start else at + 6
        rails.append(Rail(x1=left, x2=xs[-1] + width / 2, y=rail))
        chips += [
            _chip(content, Box(x, rail + stub, width, tallest), rail, is_brief=is_brief)
            for content, x in zip(row, xs, strict=True)
        ]
        at = rail + stub + tallest
    return Bus(
        box=bus.box,
        title=bus.title,
        words=bus.words,
        is_bridge=bus.is_bridge,
        is_routed=bus.is_routed,
        is_up=bus.is_up,
        rails=tuple(rails),
        chips=tuple(chips),
    )


def _height(content: Content, *, is_brief: bool) -> float:
    lines = min(len(content.lines), 1 if is_brief else 2)
    published = 0 if is_brief else min(len(content.published), 1)
    return 10 + LINE * (1 + lines) + 20 * published


def _chip(content: Content, box: Box, rail: float, *, is_brief: bool) -> Chip:
    room = box.width - 14
    shown = content.lines[:1] if is_brief else content.lines
    published = content.published
    if len(published) > _PUBLISHED_SHOWN:
        published = (*published[: _PUBLISHED_SHOWN - 1], f"+{len(published) - 1}")
    return Chip(
        box=box,
        hangs_from=rail,
        title=fit(content.title, room / BOLD, TEXT if is_brief else NAME),
        lines=tuple(fit(text, room, SMALL) for text in shown),
        published=() if is_brief else published,
        tooltip=content.tooltip,
        cable=content.cable,
        is_up=content.is_up,
    )
