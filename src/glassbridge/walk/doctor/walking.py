"""Walks that should arrive and are predicted not to."""

from collections.abc import Iterator, Sequence

from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.report import Explanation
from glassbridge.model.snapshot import Published, Snapshot
from glassbridge.model.walk import Cause, Disposition, Fact, Place, Translated, Walk
from glassbridge.walk.causes import explain
from glassbridge.walk.doctor.paths import Path
from glassbridge.walk.merge import merge
from glassbridge.walk.predict import predict

_OF_THE_PROGRAM = frozenset(
    (Cause.NO_LISTENER, Cause.LOOPBACK_LISTENER, Cause.OTHER_ADDRESS_LISTENER)
)
"""The network did its part: whether something listens is not its business."""


def path_findings(snapshot: Snapshot, ways: Sequence[Path]) -> Iterator[Finding]:
    """Every path that ends on the way, with the walk's own cause and mending."""
    for path in ways:
        walk = predict(snapshot, path.question)
        if not isinstance(walk, Walk) or walk.disposition is Disposition.INSUFFICIENT_INFO:
            continue
        if path.published is not None and (shadow := _shadow(walk, path.published)) is not None:
            yield _shadowed(path, path.published, *shadow)
            continue
        explanation = explain(walk, merge(walk, None, snapshot), None, snapshot)
        if explanation is not None and explanation.code not in _OF_THE_PROGRAM:
            yield _broken(path, explanation)


def _shadow(walk: Walk, port: Published) -> tuple[Place, Translated] | None:
    """The first translation, if it leads elsewhere than the engine believes."""
    for step in walk.request:
        if isinstance(step.detail, Translated) and step.detail.kind in ("dnat", "redirect"):
            after = step.detail.after
            expected = (port.container_address, port.container_port)
            is_right = (after.destination, after.destination_port) == expected
            return None if is_right else (step.place, step.detail)
    return None


def _shadowed(path: Path, port: Published, where: Place, by: Translated) -> Finding:
    after, rule = by.after, by.rule
    owner = f" of {rule.owner}" if rule is not None and rule.owner else ""
    text = f"{rule.family} {rule.table} {rule.chain}: {rule.text}" if rule is not None else ""
    return Finding(
        code=FindingCode.PORT_SHADOWED,
        severity=Severity.PROBLEM,
        where=where,
        sentence=f"{path.what} goes to {after.destination}:{after.destination_port}: "
        f"a rule{owner} takes it first",
        evidence=(
            Fact(what="rule", says=text),
            Fact(what="published", says=f"{port.container_address}:{port.container_port}"),
        ),
        fix_note="unpublish one of the two, or give one another host port",
    )


def _broken(path: Path, explanation: Explanation) -> Finding:
    return Finding(
        code=FindingCode.PATH_BROKEN,
        severity=Severity.PROBLEM,
        where=explanation.where,
        sentence=f"{path.what}: {explanation.sentence}",
        evidence=(Fact(what="cause", says=str(explanation.code)), *explanation.evidence),
        fix=explanation.fix,
        fix_note=explanation.fix_note,
    )
