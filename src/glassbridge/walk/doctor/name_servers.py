"""Whether anybody answers where our rules lead questions for names."""

from collections.abc import Iterator

from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.topology import Stack
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import bridges, names_of_bridge, place
from glassbridge.walk.firewall.name_servers import Lead, leads

_SHOWN = 4


def name_server_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """The rules outlive the daemon, which is the one that answers."""
    host = snapshot.namespaces[snapshot.home]
    known = {str(b.link.ifname): b for b in bridges(snapshot) if b.cookie == snapshot.home}
    silent = [
        lead
        for lead in leads(host.ruleset)
        if lead.bridge in known and not _is_answered(host.stack, lead)
    ]
    if not silent:
        return
    first, *others = dict.fromkeys(lead.bridge for lead in silent)
    more = f" and {len(others)} more" if others else ""
    yield Finding(
        code=FindingCode.NAMES_UNANSWERED,
        severity=Severity.PROBLEM,
        where=place(snapshot, host),
        sentence=f"names do not resolve on {first}{more}: glassbridge's name server does not run",
        evidence=tuple(
            Fact(what=f"{lead.key} -> {lead.address} . {lead.port}", says="no socket is there")
            for lead in silent[:_SHOWN]
        ),
        fix=("glassbridge up",),
        fix_note="the daemon answers names; while it is away packets flow, and who asks is refused "
        "at once. Where it runs, its log says what keeps it from listening",
        concerns=tuple(n for b in (first, *others) for n in names_of_bridge(snapshot, known[b])),
    )


def _is_answered(host: Stack, lead: Lead) -> bool:
    at = (lead.protocol, lead.address, lead.port)
    return any((s.protocol.value, s.address, s.port) == at for s in host.sockets)
