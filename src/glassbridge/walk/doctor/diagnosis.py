"""Everything that is looked at in a snapshot, and what was found."""

from msgspec import Struct

from glassbridge.model.finding import Finding
from glassbridge.model.snapshot import Snapshot
from glassbridge.walk.doctor.acquaintance import acquainted
from glassbridge.walk.doctor.cables import cable_findings
from glassbridge.walk.doctor.capacity import capacity_findings
from glassbridge.walk.doctor.duplicates import duplicate_findings
from glassbridge.walk.doctor.members import Segment, segments
from glassbridge.walk.doctor.name_servers import name_server_findings
from glassbridge.walk.doctor.own_rules import own_rule_findings, unreadable_findings
from glassbridge.walk.doctor.paths import Path, paths
from glassbridge.walk.doctor.subnets import subnet_findings
from glassbridge.walk.doctor.surroundings import bridges, examined, names_of_bridge
from glassbridge.walk.doctor.telling import told
from glassbridge.walk.doctor.walking import Unpredicted, walked

_CHECKS = (
    own_rule_findings,
    subnet_findings,
    cable_findings,
    duplicate_findings,
    capacity_findings,
    name_server_findings,
    unreadable_findings,
)


class Examination(Struct, frozen=True, kw_only=True):
    """What was found, and in what."""

    findings: tuple[Finding, ...]
    ways: tuple[Path, ...]
    unexamined: tuple[str, ...]
    switches: int
    stacks: int
    """Beside the host's."""


def examine(snapshot: Snapshot, name: str = "") -> Examination:
    """All of a host; with a name, what concerns that container, network or bridge."""
    whole = examined(snapshot)
    wired = tuple(segments(whole))
    words = _words(whole, wired, name)
    ways = tuple(p for p in paths(whole, wired) if not name or words & set(p.concerns))
    states = [f for check in _CHECKS for f in check(whole)]
    fates = tuple(walked(whole, acquainted(whole, wired), ways))
    found = told(whole, states, [f for f in fates if not isinstance(f, Unpredicted)])
    unknown = [f"{f.path.what}: {f.why}" for f in fates if isinstance(f, Unpredicted)]
    return Examination(
        findings=tuple(f for f in found if not name or _concerns(f, words)),
        ways=ways,
        unexamined=tuple(dict.fromkeys((*snapshot.unreadable, *unknown))),
        switches=sum(1 for _ in bridges(whole)),
        stacks=len(whole.namespaces) - 1,
    )


def _words(snapshot: Snapshot, wired: tuple[Segment, ...], name: str) -> frozenset[str]:
    """Of a network or bridge its members too; of a container the bridges that it is on."""
    found = {name}
    for network in snapshot.networks:
        if name in {network.name, network.bridge}:
            found |= {network.name, network.bridge}
    for segment in wired:
        members = {snapshot.call(m.cookie) for m in segment.members}
        own = set(names_of_bridge(snapshot, segment.bridge))
        if name in own:
            found |= own | members
        elif name in members:
            found |= own
    return frozenset(found)


def _concerns(finding: Finding, words: frozenset[str]) -> bool:
    return not finding.concerns or not words.isdisjoint(finding.concerns)
