"""Our own tables: whether they are there; and rules that could not be read at all."""

from collections.abc import Iterator

from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.kernel_names import LINK_GROUP, NFT_TABLE
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import bridges, names_of_bridge, place

_FAMILIES = ("inet", "bridge")


def own_rule_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Where a bridge of ours stands, both tables must; with our daemon away, too."""
    ours = [
        b for b in bridges(snapshot) if b.cookie == snapshot.home and b.link.group == LINK_GROUP
    ]
    host = snapshot.namespaces[snapshot.home]
    present = {t.family for t in host.ruleset.tables if t.name == NFT_TABLE}
    missing = [f for f in _FAMILIES if f not in present]
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
        fix_note="the daemon loads its tables when it starts, and within a second after a flush",
        concerns=tuple(name for b in ours for name in names_of_bridge(snapshot, b)),
    )


def unreadable_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Of the host's own rules: a part of them unread, no walk through the host is certain."""
    host = snapshot.namespaces[snapshot.home]
    for complaint in host.ruleset.complaints:
        if complaint.endswith("is not there") and NFT_TABLE in complaint.split():
            continue  # told above
        yield Finding(
            code=FindingCode.UNREADABLE,
            severity=Severity.WARNING,
            where=place(snapshot, host),
            sentence=f"the host's firewall is not wholly understood: {complaint}",
            evidence=(Fact(what="rules", says=complaint),),
            fix_note="what is told of paths through this host may be wrong until it is",
        )
