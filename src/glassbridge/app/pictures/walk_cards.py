"""What stands below the walk: why it ended, what was taken for granted, and how to read it."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from glassbridge import __version__
from glassbridge.app.pictures.glyphs import SIZE, Sign, draw_sign
from glassbridge.app.pictures.lettering import BOLD, width_of, wrap
from glassbridge.app.pictures.svg import Box, Node, line, rect, text
from glassbridge.app.pictures.walk_rows import LINE, MARGIN, SMALL, TEXT, WIDTH
from glassbridge.app.sentences import rule_name, sentence_of
from glassbridge.model.report import Explanation, Seen, TraceReport, Verdict

_LABEL = 64.0
_MONO = 12.0
_ROW = 24.0


class Panel(Struct, frozen=True):
    """A part of the picture that is as tall as its content."""

    nodes: tuple[Node, ...]
    bottom: float


class _Entry(Struct, frozen=True):
    label: str
    content: str
    style: str = "ink"


def card(report: TraceReport, top: float) -> Panel:
    """Cause, proof and mending of a drop; both sides of a disagreement; what is not known."""
    entries = [*_entries(report)]
    if not entries:
        return Panel((), top)
    room = WIDTH - 2 * MARGIN - 2 * 16 - _LABEL
    nodes: list[Node] = []
    y = top + 14
    label = ""
    for entry in entries:
        mono = "mono" in entry.style
        if entry.label != label:
            y += 4
            nodes.append(text(MARGIN + 16, y + LINE - 4, entry.label, "ink strong"))
            label = entry.label
        width = room / BOLD if "strong" in entry.style else room
        for content in wrap(entry.content, width, _MONO if mono else TEXT, mono=mono):
            nodes.append(text(MARGIN + 16 + _LABEL, y + LINE - 4, content, entry.style))
            y += LINE + 1
    bottom = y + 14
    style = "card differs" if report.verdict is Verdict.DISAGREE else "card"
    frame = rect(Box(MARGIN, top, WIDTH - 2 * MARGIN, bottom - top), style, 8)
    return Panel((frame, *nodes), bottom)


def remarks(report: TraceReport, top: float) -> Panel:
    """Assumptions and notes, in small print."""
    nodes: list[Node] = []
    y = top + 10
    for label, sentences in (("assumed", report.assumptions), ("note", report.notes)):
        for sentence in sentences:
            for content in wrap(f"{label}: {sentence}", WIDTH - 2 * MARGIN, SMALL):
                y += LINE
                nodes.append(text(MARGIN, y, content, "soft small"))
    return Panel(tuple(nodes), y if nodes else top)


def legend(signs: Iterable[Sign], report: TraceReport, top: float) -> Panel:
    """What the lines and the signs mean, as far as they occur."""
    nodes: list[Node] = [line(MARGIN, top + 16, WIDTH - MARGIN, top + 16, "rule")]
    seen = {hop.seen for hop in report.hops}
    items: list[tuple[Sign | str, str]] = []
    if Seen.AGREES in seen:
        items.append(("", "predicted and observed"))
    if seen & {Seen.UNWITNESSED, Seen.NOT_REACHED}:
        items.append((" predicted", "predicted only"))
    if Seen.DIFFERS in seen:
        items.append((" differs", "observed otherwise"))
    if Seen.UNPREDICTED in seen:
        items.append((" surprise", "observed, not predicted"))
    items += [(sign, sign.value) for sign in Sign if sign in set(signs)]
    x, y = MARGIN, top + 28
    for what, word in items:
        wide = SIZE + 7 + width_of(word, SMALL) + 16
        if x + wide > WIDTH - MARGIN:
            x, y = MARGIN, y + _ROW + 4
        if isinstance(what, Sign):
            nodes.append(draw_sign(what, x, y))
        else:
            nodes.append(rect(Box(x + 1, y + 4, SIZE - 2, SIZE - 8), f"box{what}", 3))
        nodes.append(text(x + SIZE + 7, y + 15, word, "soft small"))
        x += wide
    made = f"glassbridge {__version__}"
    if x + width_of(made, SMALL) > WIDTH - MARGIN:
        y += _ROW
    nodes.append(text(WIDTH - MARGIN, y + 15, made, "soft small", "end"))
    return Panel(tuple(nodes), y + _ROW)


def _entries(report: TraceReport) -> Iterator[_Entry]:
    if report.verdict is Verdict.INSUFFICIENT_INFO:
        yield _Entry("unknown", report.why_unknown or "how the walk goes on")
    if report.verdict is Verdict.DISAGREE:
        for hop in report.hops:
            if hop.seen in {Seen.DIFFERS, Seen.UNPREDICTED}:
                other = hop.differs or "not predicted"
                yield _Entry("differs", f"step {hop.n}: {sentence_of(hop.step)} | seen: {other}")
    if report.cause is not None:
        yield from _explained(report.cause)


def _explained(cause: Explanation) -> Iterator[_Entry]:
    why = cause.sentence if cause.is_certain else f"probably: {cause.sentence}"
    where = f"{cause.where.name} {cause.where.ifname}".strip()
    yield _Entry("why", why, "ink strong")
    yield _Entry("where", f"step {cause.hop}, {where}   ({cause.code})")
    if cause.rule is not None:
        whose = f"   ({cause.rule.owner})" if cause.rule.owner else ""
        comment = f': "{cause.rule.comment}"' if cause.rule.comment else ""
        yield _Entry("rule", f"{rule_name(cause.rule)}{comment}{whose}")
        if cause.rule.text:
            yield _Entry("rule", cause.rule.text, "ink mono")
    told = [fact for fact in cause.evidence if fact.what != "rule" or cause.rule is None]
    if cause.reason and not any(cause.reason in fact.says for fact in told):
        function = f" in {cause.function}" if cause.function else ""
        yield _Entry("proof", f"kernel: {cause.reason}{function}")
    for fact in told:
        yield _Entry("proof", f"{fact.what}: {fact.says}")
    for command in cause.fix:
        yield _Entry("fix", command, "ink mono strong")
    if cause.fix_note:
        yield _Entry("fix", cause.fix_note, "soft")
