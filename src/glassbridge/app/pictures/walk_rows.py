"""A walk cut into the rows of its picture: which lane, how tall, which words."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from glassbridge.app.pictures.glyphs import SIZE, Sign, sign_of
from glassbridge.app.pictures.lettering import width_of, wrap
from glassbridge.app.pictures.svg import Box
from glassbridge.app.sentences import changed_ends, sentence_of, where_of
from glassbridge.model.report import Hop, Seen, TraceReport
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.step_details import (
    Crossed,
    Entered,
    HookPassed,
    Left,
    NeighbourFound,
    Place,
    Switched,
    Translated,
)
from glassbridge.model.walk import Action

WIDTH, MARGIN, GUTTER = 1120.0, 24.0, 106.0
"""The width of A4, lying, at 96 pixels an inch."""
LINE, TEXT, SMALL = 16.0, 12.5, 11.0
PAD, INDENT = 9.0, SIZE + 20.0
MONO, PILL, PILL_PAD, ARROW = 12.0, 20.0, 14.0, 30.0
BAR = 24.0
"""Of a bridge."""
OUTSIDE = Place(cookie=-1, name="outside")

_LANE_GAP, _LANE_MAX, _ROW_GAP, _HEADER = 16.0, 560.0, 17.0, 46.0
_CABLE, _CROSS = 54.0, 44.0
_GATE_GAP = 14.0
_OUTSIDE_SHARE = 0.4
"""Nothing happens there that we could know."""


class Lane(Struct, frozen=True, kw_only=True):
    """One namespace on the way, or the world outside."""

    place: Place
    box: Box
    """From its name down to the end of the walk."""


class Row(Struct, frozen=True, kw_only=True):
    """One step, or several hooks in a row that let the packet pass."""

    hops: tuple[Hop, ...]
    sign: Sign
    lane: Lane
    to: Lane
    """Of a cable: where it ends; else the same lane."""
    box: Box
    label: str = ""
    """Which link or port, where the lane's name does not say it."""
    lines: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    ends_here: bool = False
    """The packet goes no further: a cross is drawn below the box."""

    @property
    def hop(self) -> Hop:
        return self.hops[0]


class WalkLayout(Struct, frozen=True, kw_only=True):
    """Everything at its place."""

    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    bottom: float


def lay_out(report: TraceReport, top: float) -> WalkLayout:
    """Lanes side by side, steps from the top down."""
    lanes = _lanes(report, top)
    rows: list[Row] = []
    at = top + _HEADER
    for hops in _together(report.hops):
        row = _row(hops, lanes, at, report)
        rows.append(row)
        at = row.box.bottom + _ROW_GAP + (_CROSS if row.ends_here else 0)
    grown = {
        key: Lane(place=lane.place, box=Box(lane.box.x, top, lane.box.width, at - top))
        for key, lane in lanes.items()
    }
    return WalkLayout(lanes=tuple(grown.values()), rows=tuple(rows), bottom=at)


def _lanes(report: TraceReport, top: float) -> dict[int, Lane]:
    """In the order in which the packet comes to them."""
    places: dict[int, Place] = {}
    for hop in report.hops:
        for place in _ends(hop):
            places.setdefault(place.cookie, place)
    if report.destination is not None:  # where it should have come
        places.setdefault(report.destination.cookie, report.destination)
    shares = [_OUTSIDE_SHARE if c == OUTSIDE.cookie else 1.0 for c in places]
    room = WIDTH - 2 * MARGIN - GUTTER - _LANE_GAP * (len(places) - 1)
    lanes: dict[int, Lane] = {}
    x = MARGIN + GUTTER
    for place, share in zip(places.values(), shares, strict=True):
        width = min(_LANE_MAX, room * share / sum(shares))
        lanes[place.cookie] = Lane(place=place, box=Box(x, top, width, _HEADER))
        x += width + _LANE_GAP
    return lanes


def _ends(hop: Hop) -> tuple[Place, Place]:
    """Where a step begins and where it ends."""
    match hop.step.detail:
        case Crossed(from_=near, to=far):
            return near, far
        case Entered():
            return OUTSIDE, hop.step.place
        case Left():
            return hop.step.place, OUTSIDE
        case _:
            return hop.step.place, hop.step.place


def _together(hops: Iterable[Hop]) -> Iterator[tuple[Hop, ...]]:
    """Hooks that follow each other in one namespace and pass the packet stand side by side."""
    span: list[Hop] = []
    for hop in hops:
        if span and not (_passes(span[-1]) and _passes(hop) and _same(span[-1], hop)):
            yield tuple(span)
            span = []
        span.append(hop)
    if span:
        yield tuple(span)


def _passes(hop: Hop) -> bool:
    detail = hop.step.detail
    return (
        isinstance(detail, HookPassed)
        and detail.verdict == "accept"
        and hop.step.drop is None
        and hop.step.action is not Action.DROPPED
        and hop.seen in {Seen.AGREES, Seen.UNWITNESSED}
        and not hop.differs
    )


def _same(one: Hop, other: Hop) -> bool:
    return (one.step.place.cookie, one.step.is_reply, one.seen) == (
        other.step.place.cookie,
        other.step.is_reply,
        other.seen,
    )


def _row(hops: tuple[Hop, ...], lanes: dict[int, Lane], top: float, report: TraceReport) -> Row:
    hop, detail = hops[0], hops[0].step.detail
    near, far = (lanes[place.cookie] for place in _ends(hop))
    cause = report.cause
    ends_here = hop.seen is not Seen.NOT_REACHED and (
        hop.step.drop is not None or (cause is not None and cause.hop == hop.n)
    )
    sign = sign_of(detail)
    if near is not far:
        box = Box(min(near.box.x, far.box.x), top, _span(near, far), _CABLE)
        return Row(
            hops=hops, sign=sign, lane=near, to=far, box=box, ends_here=ends_here,
            label=_label(hop), lines=(_said(hop), *_seen_instead(hop)),
        )  # fmt: skip
    width = near.box.width - 2 * PAD
    changes = tuple(changed_ends(detail)) if isinstance(detail, Translated) else ()
    lines = tuple(_lines(hops, width - INDENT - PAD))
    label = _label(hop) if len(hops) == 1 else ""
    height = 2 * PAD + LINE * len(lines) + (SMALL + 3 if label and sign is not Sign.BRIDGE else 0)
    height += sum(change_height(*change, width - INDENT - PAD) for change in changes)
    height += BAR if sign is Sign.BRIDGE else 0
    height += max((y + SIZE for _, _, y in gate_places(hops, width)), default=0)
    return Row(
        hops=hops, sign=sign, lane=near, to=far, label=label, lines=lines, changes=changes,
        ends_here=ends_here, box=Box(near.box.x + PAD, top, width, max(height, SIZE + 2 * PAD)),
    )  # fmt: skip


def _span(near: Lane, far: Lane) -> float:
    return max(near.box.right, far.box.right) - min(near.box.x, far.box.x)


def _label(hop: Hop) -> str:
    """`eth0`, `gb0 port 1`: what the lane's name does not say; of a cable both ends."""
    place = hop.step.place
    match hop.step.detail:
        case Switched(bridge=bridge):
            return bridge
        case Entered():
            return f" -> {place.ifname}"
        case Left():
            return f"{place.ifname} -> "
        case _:
            return where_of(hop.step).removeprefix(place.name).strip()


def is_stacked(old: str, new: str, width: float) -> bool:
    """Whether two addresses are too wide to stand side by side."""
    room = (width - ARROW) / 2 - PILL_PAD
    return max(width_of(text, MONO, mono=True) for text in (old, new)) > room


def change_height(old: str, new: str, width: float) -> float:
    """Of an old and a new address."""
    return 2 * PILL + 12 if is_stacked(old, new, width) else PILL + 7


def _lines(hops: tuple[Hop, ...], width: float) -> Iterator[str]:
    if len(hops) > 1:
        deciding = [hop for hop in hops if _rule_of(hop)]
        for said in [*map(_decided, deciding)] or ["no rule objects"]:
            yield from wrap(said, width + INDENT - PAD, TEXT)
        return
    yield from wrap(_said(hops[0]), width, TEXT)
    for said in _seen_instead(hops[0]):
        yield from wrap(said, width, TEXT)


def _seen_instead(hop: Hop) -> list[str]:
    return [f"seen instead: {hop.differs}"] if hop.differs else []


def _decided(hop: Hop) -> str:
    """Several hooks share the box: which of them is named."""
    return f"{_label(hop)}: {sentence_of(hop.step).removeprefix('firewall: ')}"


def _rule_of(hop: Hop) -> RuleRef | None:
    detail = hop.step.detail
    return detail.decided_by if isinstance(detail, HookPassed) else None


def _said(hop: Hop) -> str:
    detail = hop.step.detail
    if isinstance(detail, Translated) and changed_ends(detail):
        return {
            "masquerade": "masqueraded: the sender's address is hidden",
            "connection": "translated back, as its connection is",
        }.get(detail.kind, f"{detail.kind}: a new address is written into the packet")
    return sentence_of(hop.step)


def gate_places(hops: tuple[Hop, ...], width: float) -> list[tuple[str, float, float]]:
    """Of several hooks: the name of each, and where its gate stands within the box."""
    if len(hops) == 1:
        return []
    places: list[tuple[str, float, float]] = []
    x, y = PAD, 0.0
    for hop in hops:
        name = _label(hop)
        needed = SIZE + 5 + width_of(name, TEXT)
        if x > PAD and x + needed > width - PAD:
            x, y = PAD, y + SIZE + 4
        places.append((name, x, y))
        x += needed + _GATE_GAP
    return places


def heard_lanes(row: Row, lanes: Iterable[Lane]) -> list[tuple[Lane, bool]]:
    """Whose lanes hear the question of a row, and whether the answer comes from there."""
    detail = row.hop.step.detail
    if not isinstance(detail, NeighbourFound) or not detail.is_asked:
        return []
    return [
        (lane, lane.place.name in detail.answered_by)
        for lane in lanes
        if lane is not row.lane and lane.place.name in {*detail.heard_by, *detail.answered_by}
    ]
