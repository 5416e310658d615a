"""Findings as one reads them: what is wrong, where, the proof, and what mends it."""

from collections.abc import Iterator

from glassbridge.app.cli.blocks import fix_lines, folded, labelled
from glassbridge.app.cli.columns import SCREEN, fold, plain
from glassbridge.app.cli.words import counted
from glassbridge.model.finding import Diagnosis, Finding, Severity

_RED, _YELLOW = 31, 33
_COLOURS = {Severity.PROBLEM: _RED, Severity.WARNING: _YELLOW}
_MOST = 8
"""Commands and broken paths shown of each finding; JSON has all."""


def doctor_screen(diagnosis: Diagnosis) -> str:
    """Every finding within 100 columns, then what was looked at."""
    lines: list[str] = []
    if diagnosis.recorded:
        said = f"from a recording, not from this host: {plain(diagnosis.recorded)}"
        lines += [*fold(said, SCREEN), ""]
    for finding in diagnosis.findings:
        lines += [*_block(finding), ""]
    lines += fold(plain(f"{_counts(diagnosis)}; looked at {diagnosis.looked_at}"), SCREEN)
    return "\n".join(line.rstrip() for line in (*lines, *unexamined_lines(diagnosis)))


def unexamined_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """What could not be looked at."""
    for what in diagnosis.unexamined:
        yield from fold(plain(f"not examined: {what}"), SCREEN)


def _block(finding: Finding) -> Iterator[str]:
    label = finding.severity.value.upper()
    yield from labelled(label, folded(finding.sentence), _COLOURS[finding.severity])
    yield from labelled("where", folded(f"{finding.where.name} {finding.where.ifname}"))
    if len(finding.breaks) > 1:
        yield from labelled("breaks", folded(_paths(finding.breaks)))
    facts = (f"{fact.what}: {fact.says}" for fact in finding.evidence)
    yield from labelled("proof", (line for fact in facts for line in folded(fact)))
    yield from labelled("fix", fix_lines(finding.fix, finding.fix_note, _MOST))


def _paths(breaks: tuple[str, ...]) -> str:
    shown = "; ".join(breaks[:_MOST])
    left = len(breaks) - _MOST
    return f"{shown}; and {left} more" if left > 0 else shown


def _counts(diagnosis: Diagnosis) -> str:
    found = [f.severity for f in diagnosis.findings]
    counts = ((found.count(s), s.value) for s in Severity)
    return ", ".join(counted(n, word) for n, word in counts if n) or "nothing found"
