"""The rows of a walk: one for each hop in which something happened, the uneventful ones together.

A row that stands for several hops has their numbers; they are the same on every screen.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from glassbridge.app.sentences import rule_name, sentence_of, where_of
from glassbridge.model.observation import NeighbourMessage
from glassbridge.model.report import Hop, Seen, TraceReport, Verdict
from glassbridge.model.step_details import Crossed, HookPassed, NeighbourFound, Received, Translated
from glassbridge.model.walk import Action

AGREES, DROPPED, DIFFERS, UNPREDICTED, UNKNOWN, UNSEEN = "=", "X", "!", "+", "?", ""

LEGEND = {
    AGREES: "predicted and seen",
    DROPPED: "dropped here",
    DIFFERS: "seen otherwise than predicted",
    UNPREDICTED: "seen, but not predicted",
    UNKNOWN: "cannot be known",
}


class Row(NamedTuple):
    """One line of the table; all text, not yet cut to any width."""

    number: str
    where: str
    what: str
    mark: str = UNSEEN
    us: float | None = None


def walk_rows(report: TraceReport) -> Iterator[Row]:
    """The way there, then the way back: in one row when nothing happened on it."""
    there = [hop for hop in report.hops if not hop.step.is_reply]
    back = [hop for hop in report.hops if hop.step.is_reply]
    yield from _in_time(_way(there, report))
    if all(hop.seen is Seen.NOT_REACHED for hop in back):
        return
    if _is_uneventful(there, back):
        yield _came_back(back, report)
        return
    yield Row("", "", f"the reply, {_from_to(report)}:")
    yield from _in_time(_way(back, report))


def _in_time(rows: Iterable[Row]) -> Iterator[Row]:
    """Without times that a later row belies: what a port sends shows the look-up before it late."""
    told: list[Row] = []
    latest = float("inf")
    for row in reversed(list(rows)):
        is_late = row.us is not None and row.us > latest
        told.append(row._replace(us=None) if is_late else row)
        latest = min(latest, row.us if row.us is not None else latest)
    return reversed(told)


def was_observed(report: TraceReport) -> bool:
    """Whether there was a packet; without one the kernel's look-ups still may agree."""
    if report.observation is None:
        return report.agrees is not None
    return report.observation.packet is not None


def mark_of(hop: Hop, report: TraceReport) -> str:
    """How prediction and observation stand to each other, in one character."""
    was_open = hop.step.action is Action.UNKNOWN
    if hop.seen is Seen.DIFFERS:
        return DROPPED if was_open and is_end(hop, report) else DIFFERS
    if hop.seen is Seen.UNPREDICTED:
        return UNPREDICTED
    if is_end(hop, report):
        return DROPPED
    if hop.seen is Seen.AGREES:
        return AGREES
    return UNKNOWN if was_open else UNSEEN


def is_end(hop: Hop, report: TraceReport) -> bool:
    """Whether the packet, or its reply, ended at that hop."""
    if hop.seen is Seen.NOT_REACHED:
        return False
    blamed = report.cause is not None and report.cause.hop == hop.n
    return hop.step.drop is not None or (blamed and report.verdict is Verdict.DROPPED)


def _way(hops: Iterable[Hop], report: TraceReport) -> Iterator[Row]:
    for span in _spans(hops):
        yield _row(span, report)
        for hop in span:
            if isinstance(hop.step.detail, NeighbourFound):
                yield from _answer(hop, hop.step.detail, report)
            if hop.differs:
                yield Row("", "", f"seen: {hop.differs}")


def _spans(hops: Iterable[Hop]) -> list[list[Hop]]:
    """Hops that share a row: what a row tells is its last one."""
    spans: list[list[Hop]] = []
    for hop in hops:
        if spans and _joins(spans[-1], hop):
            spans[-1].append(hop)
        else:
            spans.append([hop])
    return spans


def _joins(span: list[Hop], hop: Hop) -> bool:
    last = span[-1]
    if Seen.NOT_REACHED in {last.seen, hop.seen}:
        return last.seen is hop.seen
    if last.step.place.cookie != hop.step.place.cookie:
        return False
    if all(map(_is_silent, span)):
        return True
    return all(map(_is_passed, span)) and _is_passed(hop)


def _is_plain(hop: Hop) -> bool:
    """Nothing about it has to be seen: it went as predicted, or nobody saw otherwise."""
    if hop.seen in {Seen.DIFFERS, Seen.UNPREDICTED, Seen.NOT_REACHED} or hop.differs:
        return False
    return hop.step.drop is None and hop.step.action not in {Action.DROPPED, Action.UNKNOWN}


def _is_passed(hop: Hop) -> bool:
    """A hook that let the packet through."""
    detail = hop.step.detail
    return _is_plain(hop) and isinstance(detail, HookPassed) and detail.verdict == "accept"


def _is_silent(hop: Hop) -> bool:
    """A hook at which no rule decided, or the arrival at one's own address."""
    match hop.step.detail:
        case HookPassed(decided_by=rule):
            return _is_passed(hop) and (rule is None or rule.is_policy)
        case Received():
            return _is_plain(hop)
        case _:
            return False


def _row(span: list[Hop], report: TraceReport) -> Row:
    last = span[-1]
    marks = [mark_of(hop, report) for hop in span]
    mark = next((m for m in (DIFFERS, UNPREDICTED, DROPPED, UNKNOWN, AGREES) if m in marks), UNSEEN)
    return Row(_numbers(span), where_of(last.step), _what(span), mark, _time(span))


def _what(span: list[Hop]) -> str:
    last = span[-1]
    if last.seen is Seen.NOT_REACHED:
        return f"not reached; predicted: {sentence_of(last.step)}"
    if len(span) == 1 or not all(map(_is_passed, span)):
        return sentence_of(last.step)
    hooks = [hop.step.detail for hop in span if isinstance(hop.step.detail, HookPassed)]
    rules = [h.decided_by for h in hooks if h.decided_by and not h.decided_by.is_policy]
    said = f"last rule {rule_name(rules[-1])}" if rules else "no rule objects"
    return f"firewall: {len(hooks)} hooks passed, {said}"


def _answer(hop: Hop, found: NeighbourFound, report: TraceReport) -> Iterator[Row]:
    """Who answered the question for a MAC address, and when."""
    if not found.is_asked or found.mac is None or hop.seen is Seen.NOT_REACHED:
        return
    who = " and ".join(found.answered_by) or str(found.address)
    heard = () if report.observation is None else report.observation.sightings
    at_ns = next(
        (
            s.at_ns
            for s in heard
            if isinstance(s.seen, NeighbourMessage)
            and s.seen.is_reply
            and s.seen.sender == found.address
        ),
        None,
    )
    us = None
    if at_ns is not None and hop.at_ns is not None and hop.us is not None:
        us = hop.us + (at_ns - hop.at_ns) / 1000
    yield Row("", who, f"answered {found.mac}", mark_of(hop, report), us)


def _is_uneventful(there: list[Hop], back: list[Hop]) -> bool:
    """Over the same cables, and nothing happened that one would have to know."""
    asked = any(isinstance(h.step.detail, NeighbourFound) and h.step.detail.is_asked for h in back)
    return all(map(_is_plain, back)) and not asked and _cables(back) == _cables(there)[::-1]


def _cables(hops: Iterable[Hop]) -> list[frozenset[tuple[int, str]]]:
    return [
        frozenset({(d.from_.cookie, d.from_.ifname), (d.to.cookie, d.to.ifname)})
        for d in (hop.step.detail for hop in hops)
        if isinstance(d, Crossed)
    ]


def _came_back(back: list[Hop], report: TraceReport) -> Row:
    translated = any(isinstance(hop.step.detail, Translated) for hop in back)
    mark = AGREES if any(hop.seen is Seen.AGREES for hop in back) else UNSEEN
    came = "came" if mark == AGREES and was_observed(report) else "comes"
    what = f"reply {came} back the same way{', translated back' if translated else ''}"
    times = [hop.us for hop in back if hop.us is not None]
    us = report.round_trip_us if report.round_trip_us is not None else max(times, default=None)
    return Row(_numbers(back), _from_to(report), what, mark, us)


def _from_to(report: TraceReport) -> str:
    far = report.destination.name if report.destination else report.wish.destination
    return f"{far} -> {report.source.name}"


def _numbers(span: list[Hop]) -> str:
    first, last = span[0].n, span[-1].n
    return str(first) if first == last else f"{first}-{last}"


def _time(span: list[Hop]) -> float | None:
    return next((hop.us for hop in reversed(span) if hop.us is not None), None)
