"""Limits that are near: ports of a bridge, neighbour tables, tracked connections."""

from collections.abc import Iterator

from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.snapshot import Namespace, Snapshot
from glassbridge.model.tables import NeighbourState
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import bridges, network_named, place, setting

BRIDGE_PORTS = 1023
"""BR_MAX_PORTS - 1 (net/bridge/br_private.h): a port's number has 10 bits, and 0 is none."""
_NEAR = 0.9
_UNCOUNTED = (NeighbourState.PERMANENT, NeighbourState.NOARP)


def capacity_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Of every namespace that was read."""
    yield from _bridges(snapshot)
    for namespace in snapshot.namespaces.values():
        yield from _neighbours(snapshot, namespace)
        yield from _connections(snapshot, namespace)


def _bridges(snapshot: Snapshot) -> Iterator[Finding]:
    for bridge in bridges(snapshot):
        namespace = snapshot.namespaces[bridge.cookie]
        count = len(namespace.stack.ports(bridge.link.ifindex))
        if count < BRIDGE_PORTS * _NEAR:
            continue
        is_full = count >= BRIDGE_PORTS
        yield Finding(
            code=FindingCode.BRIDGE_NEARLY_FULL,
            severity=Severity.PROBLEM if is_full else Severity.WARNING,
            where=place(snapshot, namespace, bridge.link),
            sentence=f"{network_named(snapshot, bridge)} has {count} of {BRIDGE_PORTS} ports in use"
            + (": no container can be plugged in any more" if is_full else ""),
            evidence=(Fact(what=f"ports of {bridge.link.ifname}", says=f"{count}"),),
            fix_note="put further containers on a second network",
        )


def _neighbours(snapshot: Snapshot, namespace: Namespace) -> Iterator[Finding]:
    """Entries over gc_thresh3 are refused: `neighbour table overflow` (net/core/neighbour.c)."""
    for version in (4, 6):
        key = f"net.ipv{version}.neigh.default.gc_thresh3"
        limit = setting(namespace.stack, key)
        if not limit:
            continue  # the tables of all namespaces count against the first one's limit
        count = sum(
            1
            for other in snapshot.namespaces.values()
            for n in other.stack.neighbours
            if n.address.version == version and not n.is_proxy and n.state not in _UNCOUNTED
        )
        if count < limit * _NEAR:
            continue
        yield Finding(
            code=FindingCode.NEIGHBOURS_NEARLY_FULL,
            severity=Severity.PROBLEM if count >= limit else Severity.WARNING,
            where=place(snapshot, namespace),
            sentence=f"the IPv{version} neighbour tables hold {count} of at most {limit} entries: "
            "beyond it new neighbours are not reached",
            evidence=(Fact(what=key, says=str(limit)),),
            fix=tuple(
                f"sysctl -w net.ipv{version}.neigh.default.gc_thresh{n}={limit * 4 >> (3 - n)}"
                for n in (3, 2, 1)
            ),
        )


def _connections(snapshot: Snapshot, namespace: Namespace) -> Iterator[Finding]:
    count = setting(namespace.stack, "net.netfilter.nf_conntrack_count")
    limit = setting(namespace.stack, "net.netfilter.nf_conntrack_max")
    if count is None or not limit or count < limit * _NEAR:
        return
    yield Finding(
        code=FindingCode.CONNECTIONS_NEARLY_FULL,
        severity=Severity.PROBLEM if count >= limit else Severity.WARNING,
        where=place(snapshot, namespace),
        sentence=f"{count} of {limit} connections are tracked: beyond it new ones are dropped",
        evidence=(
            Fact(what="net.netfilter.nf_conntrack_count", says=str(count)),
            Fact(what="net.netfilter.nf_conntrack_max", says=str(limit)),
        ),
        fix=(f"sysctl -w net.netfilter.nf_conntrack_max={limit * 2}",),
        fix_note="only the first network namespace of the machine may set it",
    )
