"""A packet's walk as one reads it: what happened from hop to hop, then why, proof and mending."""

import re
from collections.abc import Iterator
from typing import TypeAlias

from glassbridge.app.cli.blocks import fix_lines, folded, labelled, painted
from glassbridge.app.cli.columns import SCREEN, columns, cut, fit, fold, pad, plain
from glassbridge.app.cli.rule_words import rule_text
from glassbridge.app.cli.table import bold
from glassbridge.app.cli.walk_rows import (
    AGREES,
    DROPPED,
    LEGEND,
    UNSEEN,
    Row,
    walk_rows,
    was_observed,
)
from glassbridge.app.cli.words import counted, elapsed
from glassbridge.app.sentences import sentence_of
from glassbridge.model.observation import WitnessName
from glassbridge.model.report import Explanation, Hop, Seen, TraceReport, Verdict
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.step_details import Place

Cells: TypeAlias = tuple[str, str, str, str, str]
"""Of one line: number, where, what, mark, time."""

_GAP, _HEAD_GAP = "  ", 6
_WHERE_MAX, _SEEN, _TIME = 26, 4, 7

_HANDLE = re.compile(r" #\d")

_GREEN, _RED, _YELLOW = 32, 31, 33
_COLOURS = {
    Verdict.DELIVERED: _GREEN,
    Verdict.DROPPED: _RED,
    Verdict.DISAGREE: _YELLOW,
    Verdict.INSUFFICIENT_INFO: _YELLOW,
}


def walk_screen(report: TraceReport) -> str:
    """The whole report within 100 columns; nothing in it depends on colour."""
    lines = [*head_lines(report), "", *_table(list(walk_rows(report)))]
    block = list(explanation_lines(report))
    if block:
        lines += ["", *block, ""]
    return "\n".join(line.rstrip() for line in (*lines, *witness_lines(report)))


def head_lines(report: TraceReport) -> list[str]:
    """Who to whom, the verdict, and how prediction and observation agree; on two lines at need."""
    title, verdict, rest = plain(report.title), _verdict(report), _agreement(report)
    free = SCREEN - columns(title) - len(verdict) - len(rest)
    gap = " " * min(_HEAD_GAP, free // 2)
    if len(gap) >= len(_GAP):
        lines = [f"{bold(title)}{gap}{_painted(verdict, report)}{gap}{rest}"]
    else:
        lines = [bold(fit(title, SCREEN)), f"{_painted(verdict, report)}{_GAP}{rest}"]
    if report.recorded:
        lines.append(cut(f"from a recording, not from this host: {plain(report.recorded)}", SCREEN))
    return lines


def explanation_lines(report: TraceReport) -> Iterator[str]:
    """What cannot be known, what differs, why it was dropped, and remarks; nothing of a success."""
    blocks = (
        _unknown(report),
        _disagreement(report),
        _cause(report.cause),
        _advice(report),
        _remarks(report),
    )
    told = [lines for lines in map(list, blocks) if lines]
    for index, lines in enumerate(told):
        if index:
            yield ""
        yield from lines


def witness_lines(report: TraceReport) -> Iterator[str]:
    """Who saw what is told here, how many events are missing, and who could not speak."""
    observed = was_observed(report)
    told = [w.name for w in report.witnesses if w.spoke]
    # without a packet the others have only waited
    spoke = [name for name in told if observed or name is WitnessName.LOOKUPS]
    whose = " somebody's packet" if report.observation and report.observation.is_live else ""
    seen = f"seen by {', '.join(spoke)}"
    if observed:
        lost = counted(report.lost_events, "event")
        said = f"predicted;{whose} {seen if spoke else 'seen by nobody'}; {lost} lost"
    else:
        said = "; ".join(("predicted", *([seen] if spoke else ()), "no packet was sent"))
    yield from fold(said, SCREEN)
    for witness in report.witnesses:
        if not witness.spoke:
            why = witness.why_not or "no reason told"
            yield from fold(plain(f"silent: {witness.name} ({why})"), SCREEN)


def _place(place: Place) -> str:
    """`nginx-1 eth0`."""
    return f"{place.name} {place.ifname}".strip()


def _verdict(report: TraceReport) -> str:
    cause = report.cause
    match report.verdict:
        case Verdict.DROPPED if cause is not None:
            hop = next((h for h in report.hops if h.n == cause.hop), None)
            what = "REPLY DROPPED" if hop is not None and hop.step.is_reply else "DROPPED"
            return f"{what} at {cause.hop}"
        case Verdict.INSUFFICIENT_INFO:
            return "INSUFFICIENT INFO"
        case verdict:
            return verdict.value


def _agreement(report: TraceReport) -> str:
    observed = was_observed(report)
    match report.agrees:
        case None:
            words = "seen; not all could be predicted" if observed else "predicted only"
        case True:
            words = "predicted = observed" if observed else "predicted; kernel look-ups agree"
        case False:
            words = "prediction and packet differ" if observed else "kernel look-ups differ"
    time = report.round_trip_us
    return words if time is None else f"{words}, {elapsed(time)}"


def _painted(text: str, report: TraceReport) -> str:
    return painted(text, _COLOURS[report.verdict])


def _table(rows: list[Row]) -> list[str]:
    if not rows:
        return ["not one step is known"]
    shown = [_cells(row) for row in rows]
    number = max(2, *(len(cells[0]) for cells in shown))
    where = min(_WHERE_MAX, max(5, *(columns(cells[1]) for cells in shown)))
    what = SCREEN - number - where - _SEEN - _TIME - 4 * len(_GAP)
    lines = [
        _GAP.join(
            (
                cells[0].rjust(number),
                pad(fit(cells[1], where), where),
                pad(fit(cells[2], what), what),
                cells[3].center(_SEEN),
                cells[4].rjust(_TIME),
            )
        )
        for whole in (("#", "where", "what happened", "seen", "+us"), *shown)
        for cells in _wrapped(whole, what)
    ]
    marks = {row.mark for row in rows}
    if marks - {AGREES, UNSEEN}:
        told = [f"{mark} {LEGEND[mark]}" for mark in LEGEND if mark in marks]
        if any(_HANDLE.search(row.what) for row in rows):
            told.append("#N a rule's handle")
        lines += ["", *_joined(told)]
    return [bold(lines[0].rstrip()), *lines[1:]]


def _joined(words: list[str]) -> Iterator[str]:
    line = words[0]
    for word in words[1:]:
        longer = f"{line}{_GAP}{word}"
        if columns(longer) > SCREEN:
            yield line
            longer = word
        line = longer
    yield line


def _wrapped(cells: Cells, width: int) -> Iterator[Cells]:
    """Of the row at which it ended no word is cut: it is the one that matters."""
    if cells[3] != DROPPED:
        yield cells
        return
    first, *more = fold(cells[2], width)
    yield (*cells[:2], first, *cells[3:])
    yield from (("", "", line, "", "") for line in more)


def _cells(row: Row) -> Cells:
    us = "" if row.us is None else f"{row.us:.0f}"
    time = us if len(us) <= _TIME else elapsed(row.us or 0)
    return row.number, plain(row.where), plain(row.what), row.mark, cut(time, _TIME)


def _cause(cause: Explanation | None) -> Iterator[str]:
    if cause is None:
        return
    sentence = cause.sentence if cause.is_certain else f"probably: {cause.sentence}"
    yield from labelled("why", folded(sentence))
    yield from labelled("where", folded(f"step {cause.hop}, {_place(cause.where)}"))
    if cause.rule is not None:
        yield from labelled("rule", _rule(cause.rule))
    yield from labelled("proof", (line for fact in _facts(cause) for line in folded(fact)))
    yield from labelled("fix", fix_lines(cause.fix, cause.fix_note))


def _rule(rule: RuleRef) -> Iterator[str]:
    yield from folded(rule_text(rule))
    if rule.text:
        yield from folded(rule.text)


def _facts(cause: Explanation) -> Iterator[str]:
    """What the kernel said first, then what was looked up."""
    if cause.reason and not any(cause.reason in fact.says for fact in cause.evidence):
        yield f"kernel: {cause.reason}{f' in {cause.function}' if cause.function else ''}"
    for fact in cause.evidence:
        if cause.rule is None or fact.what != "rule":
            yield f"{fact.what}: {fact.says}"


def _disagreement(report: TraceReport) -> Iterator[str]:
    """Both sides of each hop at which they differ, side by side."""
    if report.verdict is not Verdict.DISAGREE:
        return
    differing = [h for h in report.hops if h.seen in {Seen.DIFFERS, Seen.UNPREDICTED} or h.differs]
    number = max((len(str(h.n)) for h in differing), default=1)
    side = (SCREEN - number - 2 * len(_GAP)) // 2
    for cells in (("#", "predicted", "seen"), *map(_sides, differing)):
        left, right = fit(plain(cells[1]), side), fit(plain(cells[2]), side)
        yield _GAP.join((cells[0].rjust(number), pad(left, side), right))


def _advice(report: TraceReport) -> Iterator[str]:
    """What tells which side is right."""
    if report.verdict is not Verdict.DISAGREE:
        return
    yield from labelled(
        "do",
        folded(
            "run it once more: the state may have changed between the prediction and the packet. "
            "If they still differ, the packet is right, and the prediction has missed something: "
            "--tree shows on what it relied"
        ),
    )


def _sides(hop: Hop) -> tuple[str, str, str]:
    if hop.seen is Seen.UNPREDICTED or not hop.is_predicted:
        return str(hop.n), "nothing", hop.differs or sentence_of(hop.step)
    return str(hop.n), sentence_of(hop.step), hop.differs or "something else"


def _unknown(report: TraceReport) -> Iterator[str]:
    if report.verdict is not Verdict.INSUFFICIENT_INFO:
        return
    yield from labelled("why", folded(report.why_unknown or "how the walk goes on"))
    if not report.hops:
        return
    if report.recorded:
        advice = "trace on the host itself: there a real packet can tell"
    elif report.observation is not None and report.observation.is_live:
        advice = "wait longer, with --timeout, or send a packet of our own, without --live"
    elif not was_observed(report):
        advice = "send a real packet, without --no-probe: it may tell what the state cannot"
    else:
        advice = "--tree shows what is known of each step; more witnesses speak to root"
    yield from labelled("do", folded(advice))


def _remarks(report: TraceReport) -> Iterator[str]:
    for label, sentences in (("assumed", report.assumptions), ("note", report.notes)):
        yield from labelled(label, (line for text in sentences for line in folded(text)))
