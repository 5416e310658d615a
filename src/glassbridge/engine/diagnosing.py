"""What `doctor` does: read everything, look at the state, and predict walks that should arrive."""

from collections.abc import Iterator

from glassbridge.engine.targets import Surveyed
from glassbridge.errors import NotFound
from glassbridge.model.finding import Diagnosis, Finding, Severity
from glassbridge.model.snapshot import Snapshot
from glassbridge.walk.doctor.cables import cable_findings
from glassbridge.walk.doctor.capacity import capacity_findings
from glassbridge.walk.doctor.duplicates import duplicate_findings
from glassbridge.walk.doctor.own_rules import own_rule_findings, unreadable_findings
from glassbridge.walk.doctor.paths import paths
from glassbridge.walk.doctor.subnets import subnet_findings
from glassbridge.walk.doctor.surroundings import bridges
from glassbridge.walk.doctor.walking import path_findings

_CHECKS = (
    own_rule_findings,
    subnet_findings,
    cable_findings,
    duplicate_findings,
    capacity_findings,
    unreadable_findings,
)


def diagnose(survey: Surveyed, name: str = "", recorded: str = "") -> Diagnosis:
    """Look at the whole host, or at what concerns one container, network or bridge.

    Raises NotFound when there is nothing of that name.
    """
    survey.read_all()
    snapshot = survey.snapshot
    ways = tuple(paths(snapshot))
    found = (*(f for check in _CHECKS for f in check(snapshot)), *path_findings(snapshot, ways))
    if name:
        words = _words_of(survey, name)
        found = tuple(f for f in found if _concerns(f, words))
        ways = tuple(p for p in ways if any(w in p.what.split() for w in words))
    return Diagnosis(
        findings=tuple(sorted(_once(found), key=lambda f: f.severity is not Severity.PROBLEM)),
        looked_at=_looked_at(snapshot, len(ways)),
        recorded=recorded,
    )


def _once(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """One cause breaks many walks: it is told once, where it was first met."""
    told = set()
    for finding in findings:
        key = (finding.code, finding.fix or finding.sentence)
        if key not in told:
            told.add(key)
            yield finding


def _words_of(survey: Surveyed, name: str) -> frozenset[str]:
    """What a finding about that name would mention."""
    snapshot = survey.snapshot
    for network in snapshot.networks:
        if name in (network.name, network.bridge):
            return frozenset((network.name, network.bridge))
    if any(b.link.ifname == name for b in bridges(snapshot)):
        return frozenset((name,))
    target = survey.resolve(name)
    if target.cookie is None:
        raise NotFound(f"{name} is not on this host")
    addresses = (str(a) for a in survey.addresses_of(target.cookie))
    return frozenset((snapshot.call(target.cookie), *addresses))


def _concerns(finding: Finding, words: frozenset[str]) -> bool:
    told = [finding.where.name, finding.where.ifname, finding.sentence, finding.fix_note]
    told += [part for fact in finding.evidence for part in (fact.what, fact.says)]
    plain = " ".join(told)
    for mark in ",:()[]/":
        plain = plain.replace(mark, " ")
    return not words.isdisjoint(plain.split())


def _looked_at(snapshot: Snapshot, walks: int) -> str:
    switches = sum(1 for _ in bridges(snapshot))
    stacks = len(snapshot.namespaces) - 1
    return ", ".join(
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((switches, "bridge"), (stacks, "namespace"), (walks, "path"))
    )
