"""The steps of a walk, drawn: boxes in lanes, cables between them, and who heard a question."""

from collections.abc import Iterator

from glassbridge.app.pictures.glyphs import SIZE, Sign, draw_sign
from glassbridge.app.pictures.lettering import BOLD, fit, width_of
from glassbridge.app.pictures.svg import Box, Node, arrow, circle, group, line, rect, text
from glassbridge.app.pictures.walk_rows import (
    ARROW,
    BAR,
    GUTTER,
    INDENT,
    LINE,
    MARGIN,
    MONO,
    PAD,
    PILL,
    PILL_PAD,
    SMALL,
    TEXT,
    Lane,
    Row,
    WalkLayout,
    change_height,
    gate_places,
    heard_lanes,
    is_stacked,
)
from glassbridge.model.report import Seen

_RING = 11.0
_LONG = 10_000
"""Microseconds from which milliseconds are easier to read."""


def draw_steps(layout: WalkLayout) -> Iterator[Node]:
    """From the back to the front: lanes, what runs between them, and the steps."""
    yield from map(_lane, layout.lanes)
    yield from _flows(layout)
    for row in layout.rows:
        yield from _question(row, layout)
    yield from map(_row, layout.rows)
    yield from _ways(layout)


def _lane(lane: Lane) -> Node:
    box, place = lane.box, lane.place
    inode = f"network namespace {place.inode}" if place.inode else "beyond this host"
    return group(
        [
            rect(box, "lane", 8),
            text(
                box.middle_x,
                box.y + 20,
                fit(place.name, (box.width - 16) / BOLD, 14),
                "ink t2",
                "middle",
            ),
            text(box.middle_x, box.y + 35, fit(inode, box.width, SMALL), "soft small", "middle"),
        ]
    )


def _row(row: Row) -> Node:
    parts = [*_gutter(row)]
    if row.lane is not row.to:
        parts += _cable(row)
    else:
        parts += _box(row)
    if row.ends_here:
        parts.append(_cross(row.to.box.middle_x, row.box.bottom + 24))
    return group(parts, "faint" if row.hop.seen is Seen.NOT_REACHED else "")


def _gutter(row: Row) -> Iterator[Node]:
    first, last = row.hops[0].n, row.hops[-1].n
    number = str(first) if first == last else f"{first}-{last}"
    middle = row.box.middle_y + 4.5
    yield text(MARGIN + 40, middle, number, "ink strong", "end")
    us = next((hop.us for hop in reversed(row.hops) if hop.us is not None), None)
    if us is not None:
        yield text(MARGIN + GUTTER - 12, middle, f"+{_elapsed(us)}", "soft small", "end")


def _elapsed(us: float) -> str:
    return f"{us:.0f} us" if us < _LONG else f"{us / 1000:.0f} ms"


def _outline(row: Row) -> str:
    """Solid was observed, dashed is only predicted, red is where they disagree."""
    match row.hop.seen:
        case Seen.DIFFERS:
            return " differs"
        case Seen.UNPREDICTED:
            return " surprise"
        case Seen.UNWITNESSED | Seen.NOT_REACHED:
            return " predicted"
        case Seen.AGREES:
            return ""


def _box(row: Row) -> Iterator[Node]:
    box = row.box
    hidden = BAR / 2 if row.sign is Sign.BRIDGE else 0
    frame = Box(box.x, box.y + hidden, box.width, box.height - hidden)
    yield rect(frame, f"box{_outline(row)}", 6)
    y = box.y + PAD
    if row.sign is Sign.BRIDGE:
        yield from _bar(row)
        y += BAR
    elif len(row.hops) == 1:
        yield draw_sign(row.sign, box.x + PAD, box.middle_y - SIZE / 2)
    x = box.x + INDENT
    if len(row.hops) > 1 or row.sign is Sign.BRIDGE:
        x = box.x + PAD
    for name, dx, dy in gate_places(row.hops, box.width):
        yield draw_sign(Sign.GATE, box.x + dx, y + dy - 2)
        yield text(box.x + dx + SIZE + 5, y + dy + 13, name, "ink")
    y += max((dy + SIZE for _, _, dy in gate_places(row.hops, box.width)), default=0)
    if row.label and row.sign is not Sign.BRIDGE:
        yield text(x, y + SMALL - 1, fit(row.label, box.right - x - PAD, SMALL), "soft small")
        y += SMALL + 3
    lines = len(row.lines) + len(row.changes)
    if row.sign is not Sign.BRIDGE and lines == 1 and not row.label and len(row.hops) == 1:
        y = box.middle_y - LINE / 2
    for content in row.lines:
        yield text(x, y + LINE - 4, content, "ink")
        y += LINE
    for old, new in row.changes:
        room = box.right - x - PAD
        yield from _change(x, y + 4, room, old, new)
        y += change_height(old, new, room)


def _bar(row: Row) -> Iterator[Node]:
    """The bridge as a bar that all its ports hang from."""
    bar = Box(row.lane.box.x + 2, row.box.y, row.lane.box.width - 4, BAR - 2)
    yield rect(bar, "bridge", 3)
    yield text(bar.x + 14, bar.y + 15.5, f"bridge {row.label}", "on")
    for step in range(6):
        yield rect(Box(bar.right - 24 - step * 16, bar.y + 7, 9, 8), "paper", 1)


def _change(x: float, y: float, width: float, old: str, new: str) -> Iterator[Node]:
    """Old, struck through, then new: beside it, or below where there is no room."""
    stacked = is_stacked(old, new, width)
    room = (width if stacked else width - ARROW) / (1 if stacked else 2)
    was = _pill(x, y, room, old)
    left = x + ARROW if stacked else was.right + ARROW
    now = _pill(left, y + (PILL + 5 if stacked else 0), room - (ARROW if stacked else 0), new)
    yield rect(was, "pill", 10)
    yield text(was.middle_x, was.y + 14, _in_pill(old, was), "mono soft", "middle")
    yield line(was.x + 6, was.middle_y, was.right - 6, was.middle_y, "strike")
    yield rect(now, "nat", 10)
    yield text(now.middle_x, now.y + 14, _in_pill(new, now), "mono dark strong", "middle")
    yield arrow(now.x - ARROW + 5, now.middle_y, now.x - 5, now.middle_y, "flow", "tip")


def _pill(x: float, y: float, room: float, content: str) -> Box:
    return Box(x, y, min(room, width_of(content, MONO, mono=True) + PILL_PAD), PILL)


def _in_pill(content: str, pill: Box) -> str:
    return fit(content, pill.width - PILL_PAD + 2, MONO, mono=True)


def _cable(row: Row) -> Iterator[Node]:
    """A plug in each lane, and the wire between them."""
    near, _, far = row.label.partition(" -> ")
    y = row.box.y + 36
    to_right = row.to.box.x > row.lane.box.x
    plugs = []
    for lane, name in ((row.lane, near), (row.to, far)):
        wide = max(width_of(name, TEXT) * BOLD + 16, 40)
        plugs.append((Box(lane.box.middle_x - wide / 2, y - 11, wide, 22), name))
    start, end = plugs[0][0], plugs[1][0]
    x1, x2 = (start.right, end.x) if to_right else (start.x, end.right)
    dashed = " predicted" if row.hop.seen in {Seen.UNWITNESSED, Seen.NOT_REACHED} else ""
    yield arrow(x1, y, x2 + (-2 if to_right else 2), y, f"wire{dashed}", "cable", 14)
    for plug, name in plugs:
        if name:
            yield rect(plug, f"box{_outline(row)}", 4)
            yield text(plug.middle_x, y + 4.5, name, "ink strong", "middle")
        else:
            yield draw_sign(Sign.OUTSIDE, plug.middle_x - SIZE / 2, y - SIZE / 2)
    middle = (x1 + x2) / 2
    room = row.box.width - 2 * PAD
    for said, height, style in zip(row.lines, (15.0, 53.0), ("ink", "warn strong"), strict=False):
        yield text(middle, row.box.y + height, fit(said, room / BOLD, TEXT), style, "middle")


def _question(row: Row, layout: WalkLayout) -> Iterator[Node]:
    """For a MAC address: to every lane that hears it; back comes the answer."""
    heard = heard_lanes(row, layout.lanes)
    y = row.box.middle_y
    for side in (1, -1):
        there = [
            (lane, answers) for lane, answers in heard if (lane.box.x > row.box.x) is (side > 0)
        ]
        if not there:
            continue
        edge = row.box.right if side > 0 else row.box.x
        ends = [lane.box.middle_x - side * _RING for lane, _ in there]
        yield from _dashes(edge, (max if side > 0 else min)(ends), y - 4)
        yield from (
            node
            for (_, answers), end in zip(there, ends, strict=True)
            if answers
            for node in _dashes(end, edge, y + 4)
        )
        for lane, answers in there:
            yield from _ring(lane.box.middle_x, y, answers)


def _dashes(x1: float, x2: float, y: float) -> Iterator[Node]:
    yield arrow(x1, y, x2, y, "under", "tip")
    yield line(x1, y, x2 + (7 if x2 < x1 else -7), y, "asks")


def _ring(x: float, y: float, answers: bool) -> Iterator[Node]:
    yield circle(x, y, _RING, "neighbour")
    yield circle(x, y, _RING, "etch predicted")
    if answers:
        yield circle(x, y, 5, "dark")
    yield text(x, y + 27, "answers" if answers else "hears it", "soft small", "middle")


def _flows(layout: WalkLayout) -> Iterator[Node]:
    """From each step to the next one."""
    for row, following in zip(layout.rows, layout.rows[1:], strict=False):
        if row.ends_here or following.hop.seen is Seen.NOT_REACHED:
            continue
        x1, x2 = row.to.box.middle_x, following.lane.box.middle_x
        y1 = row.box.y + 47 if row.lane is not row.to else row.box.bottom
        y2 = following.box.y + (25 if following.lane is not following.to else 0)
        yield arrow(x1, y1, x2, y2, "flow", "tip")


def _cross(x: float, y: float) -> Node:
    return group(
        [
            line(x - 13, y - 13, x + 13, y + 13, "cross"),
            line(x - 13, y + 13, x + 13, y - 13, "cross"),
            text(x + 26, y + 5, "ends here", "ink strong"),
        ]
    )


def _ways(layout: WalkLayout) -> Iterator[Node]:
    """Where the reply begins."""
    back = next((row for row in layout.rows if row.hop.step.is_reply), None)
    if back is None or back is layout.rows[0]:
        return
    y = back.box.y - 9
    yield line(MARGIN, y, MARGIN + GUTTER - 12, y, "flow")
    yield text(MARGIN, y + 14, "the reply", "soft small")
