"""A snapshot in which all have talked: who asks for a MAC is heard by everybody on the bridge.

To predict that question for each of 300 containers would be 300 times 300 looks. It is predicted
for the first container of a kind; for the others, as if it had been answered already.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.snapshot import Namespace, Snapshot
from glassbridge.model.tables import FdbEntry, Neighbour, NeighbourState
from glassbridge.model.topology import Link
from glassbridge.walk.doctor.members import Member, Segment

_ASKING = ("arp_", "rp_filter", "disable_ipv6")
"""Settings by which a stack answers for its addresses, or does not."""


def acquainted(snapshot: Snapshot, segments: Iterable[Segment]) -> Snapshot:
    """Everyone knows its router and its next sibling, the router and the bridge know everyone.

    What is known already stays as it is, also where it is wrong.
    """
    neighbours: dict[int, list[Neighbour]] = {c: [] for c in snapshot.namespaces}
    fdb: dict[int, list[FdbEntry]] = {c: [] for c in snapshot.namespaces}
    for segment in segments:
        for cookie, entry in _entries(snapshot, segment):
            neighbours[cookie].append(entry)
        fdb[segment.router] += _learned(segment)
    for cookie, entry in _with_next_router(snapshot):
        neighbours[cookie].append(entry)
    return replace(
        snapshot,
        namespaces={c: _knowing(n, neighbours[c], fdb[c]) for c, n in snapshot.namespaces.items()},
    )


def kind_of(snapshot: Snapshot, member: Member) -> object:
    """Equal for members of whom a bridge, and they of it, ask in the same way."""
    port = replace(member.port.port, number=0) if member.port.port else None
    ends = tuple((k.is_up, k.has_carrier, k.mtu) for k in (member.port, member.link))
    namespace = snapshot.namespaces[member.cookie]
    settings = tuple(
        sorted(
            (key, value)
            for key, value in namespace.stack.sysctls.items()
            if any(word in key for word in _ASKING)
        )
    )
    return port, ends, settings, bool(namespace.ruleset.tables)


def ring(members: tuple[Member, ...]) -> Iterator[tuple[Member, Member]]:
    """Each with the next, the last with the first."""
    if len(members) > 1:
        yield from zip(members, (*members[1:], members[0]), strict=True)


def _entries(snapshot: Snapshot, segment: Segment) -> Iterator[tuple[int, Neighbour]]:
    own = [
        a.interface.ip
        for a in snapshot.namespaces[segment.router].stack.addresses
        if a.ifindex == segment.link.ifindex
    ]
    for member in segment.members:
        for address in own:
            yield member.cookie, _neighbour(member.link, address, segment.link.mac)
        for address in member.addresses:
            yield segment.router, _neighbour(segment.link, address, member.link.mac)
    for one, other in ring(segment.members):
        for address in other.addresses:
            yield one.cookie, _neighbour(one.link, address, other.link.mac)
        for address in one.addresses:
            yield other.cookie, _neighbour(other.link, address, one.link.mac)


def _with_next_router(snapshot: Snapshot) -> Iterator[tuple[int, Neighbour]]:
    """Of the host, where its uplink is a cable: both ends know each other."""
    home = snapshot.namespaces[snapshot.home].stack
    for route in home.routes:
        link = home.link(route.oif) if route.is_default and route.oif is not None else None
        far = snapshot.far_end(snapshot.home, link) if link is not None else None
        if link is None or far is None or far[0] not in snapshot.namespaces:
            continue
        there = snapshot.namespaces[far[0]].stack
        end = there.link(far[1])
        if end is not None:
            for address in there.addresses:
                if address.ifindex == end.ifindex:
                    yield snapshot.home, _neighbour(link, address.interface.ip, end.mac)
            for address in home.addresses:
                if address.ifindex == link.ifindex:
                    yield far[0], _neighbour(end, address.interface.ip, link.mac)


def _neighbour(link: Link, address: IPAddress, mac: Mac | None) -> Neighbour:
    return Neighbour(ifindex=link.ifindex, address=address, mac=mac, state=NeighbourState.REACHABLE)


def _learned(segment: Segment) -> list[FdbEntry]:
    bridge = segment.link.bridge
    if bridge is None or bridge.vlan_filtering:
        return []  # it learns by VLAN
    return [
        FdbEntry(mac=m.link.mac, ifindex=m.port.ifindex, bridge=segment.link.ifindex)
        for m in segment.members
        if m.link.mac is not None
    ]


def _knowing(namespace: Namespace, neighbours: list[Neighbour], fdb: list[FdbEntry]) -> Namespace:
    stack = namespace.stack
    known = {(n.ifindex, n.address) for n in stack.neighbours if not n.is_proxy}
    behind = {(e.mac, e.bridge) for e in stack.fdb}
    new = {
        key: n
        for n in neighbours
        if n.mac is not None and (key := (n.ifindex, n.address)) not in known
    }
    learned = tuple(e for e in fdb if (e.mac, e.bridge) not in behind)
    return replace(
        namespace,
        stack=replace(
            stack, neighbours=(*stack.neighbours, *new.values()), fdb=(*stack.fdb, *learned)
        ),
    )
