"""Our own tables: whether they are there, and as they were rendered."""

from collections.abc import Iterator

from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import place


def own_rule_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Where networks of ours exist, both tables must."""
    ours = [n for n in snapshot.networks if n.origin is Origin.GLASSBRIDGE]
    host = snapshot.namespaces[snapshot.home]
    present = {t.family for t in host.ruleset.tables if t.name == NFT_TABLE}
    missing = [f for f in ("inet", "bridge") if f not in present]
    if not ours or not missing:
        return
    yield Finding(
        code=FindingCode.RULES_MISSING,
        severity=Severity.PROBLEM,
        where=place(snapshot, host),
        sentence="glassbridge's firewall is not loaded: no published port works, and containers "
        "are not kept apart",
        evidence=tuple(Fact(what=f"table {f} {NFT_TABLE}", says="does not exist") for f in missing),
        fix=("glassbridge up",),
        fix_note="the daemon loads its tables at its start and within a second after a flush",
    )


def unreadable_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """What could not be looked at; silence about it would be a claim."""
    host = snapshot.namespaces[snapshot.home]
    for complaint in (*snapshot.unreadable, *host.ruleset.complaints):
        yield Finding(
            code=FindingCode.UNREADABLE,
            severity=Severity.WARNING,
            where=place(snapshot, host),
            sentence=f"not examined: {complaint}",
        )
