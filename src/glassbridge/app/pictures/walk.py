"""The walk of a packet as a picture: one lane per namespace, one step below the other."""

from collections.abc import Iterator
from datetime import UTC, datetime

from glassbridge.app.pictures.lettering import BOLD, fit, width_of
from glassbridge.app.pictures.palette import style_sheet
from glassbridge.app.pictures.svg import Box, Node, document, group, line, path, rect, text
from glassbridge.app.pictures.walk_cards import card, legend, remarks
from glassbridge.app.pictures.walk_rows import MARGIN, WIDTH, lay_out
from glassbridge.app.pictures.walk_steps import draw_steps
from glassbridge.model.report import TraceReport, Verdict

_TOP = 104.0
_WORDS = {
    Verdict.DELIVERED: ("cable", "DELIVERED"),
    Verdict.DROPPED: ("drop", "DROPPED"),
    Verdict.DISAGREE: ("alarm", "PREDICTION AND PACKET DISAGREE"),
    Verdict.INSUFFICIENT_INFO: ("soft", "INSUFFICIENT INFORMATION"),
}


def walk_svg(report: TraceReport) -> str:
    """The whole report as one SVG file; the same report gives the same text."""
    layout = lay_out(report, _TOP)
    cards = card(report, layout.bottom + 18)
    notes = remarks(report, cards.bottom)
    signs = dict.fromkeys(row.sign for row in layout.rows)
    key = legend(signs, report, notes.bottom)
    height = key.bottom + MARGIN
    nodes = [
        rect(Box(0, 0, WIDTH, height), "paper"),
        *_head(report),
        *draw_steps(layout),
        *cards.nodes,
        *notes.nodes,
        *key.nodes,
    ]
    title = f"{report.title}: {report.verdict}"
    return document(nodes, width=WIDTH, height=height, title=title, style=style_sheet())


def _head(report: TraceReport) -> Iterator[Node]:
    style, word = _WORDS[report.verdict]
    if report.cause is not None and report.verdict is Verdict.DROPPED:
        word = f"{word} at step {report.cause.hop}"
    wide = width_of(word, 14) * BOLD + 46
    badge = Box(WIDTH - MARGIN - wide, 20, wide, 32)
    room = badge.x - 2 * MARGIN
    size = "t1" if width_of(report.title, 21) * BOLD <= room else "t2"
    fitted = fit(report.title, room / BOLD, 21 if size == "t1" else 14)
    yield text(MARGIN, 44, fitted, f"ink {size}")
    yield rect(badge, style, 16)
    yield _verdict_sign(report.verdict, badge.x + 20, badge.middle_y)
    yield text(badge.x + 34, badge.middle_y + 5, word, "on t2")
    yield text(MARGIN, 70, " \N{MIDDLE DOT} ".join(_facts(report)), "soft")
    spoke = ", ".join(w.name for w in report.witnesses if w.spoke)
    if spoke:
        lost = f"; {report.lost_events} events lost" if report.lost_events else ""
        yield text(MARGIN, 88, f"witnesses: {spoke}{lost}", "soft")


def _facts(report: TraceReport) -> Iterator[str]:
    if report.recorded:
        yield f"from a recording: {report.recorded}"
    elif at_ns := _begun(report):
        when = datetime.fromtimestamp(at_ns // 10**9, UTC)
        yield f"{when:%Y-%m-%d %H:%M:%S} UTC"
    match report.agrees:
        case True:
            yield "predicted = observed"
        case False:
            yield "prediction and observation differ"
        case None:
            yield "predicted, no packet observed"
    if report.round_trip_us is not None:
        yield f"there and back in {report.round_trip_us:.0f} us"
    yield f"trace {report.trace_id}"


def _begun(report: TraceReport) -> int:
    if report.observation is not None and report.observation.sent_ns:
        return report.observation.sent_ns
    return next((hop.at_ns for hop in report.hops if hop.at_ns is not None), 0)


def _verdict_sign(verdict: Verdict, x: float, y: float) -> Node:
    match verdict:
        case Verdict.DELIVERED:
            return path([(x - 6, y), (x - 2, y + 5), (x + 7, y - 6)], "mark")
        case Verdict.DROPPED:
            strokes = [
                line(x - 5, y - 5, x + 5, y + 5, "mark"),
                line(x - 5, y + 5, x + 5, y - 5, "mark"),
            ]
            return group(strokes)
        case Verdict.DISAGREE | Verdict.INSUFFICIENT_INFO:
            return text(
                x, y + 5, "?" if verdict is not Verdict.DISAGREE else "!", "on t2", "middle"
            )
