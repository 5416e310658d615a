"""Limits that are near: ports of a bridge, neighbour tables, tracked connections."""

from collections.abc import Iterator

from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.snapshot import Namespace, Snapshot
from glassbridge.model.tables import NeighbourState
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import (
    bridges,
    mended,
    names_of_bridge,
    network_named,
    place,
    setting,
)
from glassbridge.walk.path.versions import V4, V6

BRIDGE_PORTS = 1023
"""BR_MAX_PORTS - 1 (net/bridge/br_private.h): a port's number has 10 bits, and 0 is none."""
_NEAR = 0.9
_UNCOUNTED = NeighbourState.PERMANENT
_CONNECTIONS_MAX = "net.netfilter.nf_conntrack_max"


def capacity_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Of every namespace that was read."""
    yield from _bridges(snapshot)
    yield from _neighbours(snapshot)
    for namespace in snapshot.namespaces.values():
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
            severity=Severity.WARNING,
            where=place(snapshot, namespace, bridge.link),
            sentence=f"{network_named(snapshot, bridge)} has {count} of {BRIDGE_PORTS} ports in use"
            + (": nothing can be plugged in any more" if is_full else ""),
            evidence=(Fact(what=f"ports of {bridge.link.ifname}", says=str(count)),),
            fix_note="the limit is the kernel's: put further containers on a second network",
            concerns=names_of_bridge(snapshot, bridge),
        )


def _neighbours(snapshot: Snapshot) -> Iterator[Finding]:
    """Entries over gc_thresh3 are refused: `neighbour table overflow` (net/core/neighbour.c).

    Only the machine's first namespace has the setting, and the entries of all count against it.
    """
    host = snapshot.namespaces[snapshot.home]
    for version in (V4, V6):
        key = f"net.ipv{version}.neigh.default.gc_thresh3"
        limit = setting(host.stack, key)
        if not limit:
            continue
        count = sum(
            n.address.version == version and not n.is_proxy and n.state is not _UNCOUNTED
            for other in snapshot.namespaces.values()
            for n in other.stack.neighbours
        )
        if count < limit * _NEAR:
            continue
        larger = ((n, limit * 4 >> (3 - n)) for n in (3, 2, 1))
        yield Finding(
            code=FindingCode.NEIGHBOURS_NEARLY_FULL,
            severity=Severity.PROBLEM if count >= limit else Severity.WARNING,
            where=place(snapshot, host),
            sentence=f"the IPv{version} neighbour tables hold {count} of at most {limit} entries: "
            "beyond it no new neighbour is reached",
            evidence=(
                Fact(what=key, says=str(limit)),
                Fact(what=f"entries of {len(snapshot.namespaces)} namespaces", says=str(count)),
            ),
            fix=tuple(
                f"sysctl -w net.ipv{version}.neigh.default.gc_thresh{n}={value}"
                for n, value in larger
            ),
            fix_note="lasts until the next boot; for good: in /etc/sysctl.d",
        )


def _connections(snapshot: Snapshot, namespace: Namespace) -> Iterator[Finding]:
    count = setting(namespace.stack, "net.netfilter.nf_conntrack_count")
    limit = setting(namespace.stack, _CONNECTIONS_MAX)
    if count is None or not limit or count < limit * _NEAR:
        return
    is_home = namespace.cookie == snapshot.home
    yield mended(
        snapshot,
        Finding(
            code=FindingCode.CONNECTIONS_NEARLY_FULL,
            severity=Severity.PROBLEM if count >= limit else Severity.WARNING,
            where=place(snapshot, namespace),
            sentence=f"{snapshot.call(namespace.cookie)} tracks {count} of {limit} connections: "
            "beyond it new ones are dropped",
            evidence=(
                Fact(what="net.netfilter.nf_conntrack_count", says=str(count)),
                Fact(what=_CONNECTIONS_MAX, says=str(limit)),
            ),
            fix_note="one limit for all namespaces, set in the machine's first one; for good: in "
            "/etc/sysctl.d",
            concerns=() if is_home else (snapshot.call(namespace.cookie),),
        ),
        (snapshot.home, ("sysctl", "-w", f"{_CONNECTIONS_MAX}={limit * 2}")),
    )
