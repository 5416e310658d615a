"""Two owners of one address or MAC on a switch, and neighbour entries that name the wrong one."""

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.snapshot import Namespace, Snapshot
from glassbridge.model.tables import Neighbour, NeighbourState
from glassbridge.model.topology import Link
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import BridgeOf, bridges, network_named, place

_KNOWN = (
    NeighbourState.REACHABLE,
    NeighbourState.STALE,
    NeighbourState.DELAY,
    NeighbourState.PROBE,
    NeighbourState.PERMANENT,
)


class _Owner(Struct, frozen=True):
    """One stack with an address on the switch."""

    cookie: int
    link: Link


def duplicate_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Of every bridge that was read."""
    for bridge in bridges(snapshot):
        members = tuple(_members(snapshot, bridge))
        owners = _by_address(snapshot, members)
        yield from _addresses(snapshot, bridge, owners)
        yield from _macs(snapshot, bridge, members)
        yield from _neighbours(snapshot, members, owners)


def _members(snapshot: Snapshot, bridge: BridgeOf) -> Iterator[_Owner]:
    """Everyone with an IP stack on the switch: the bridge itself, and the far ends."""
    yield _Owner(bridge.cookie, bridge.link)
    for plug in snapshot.plugs(bridge.cookie, bridge.link.ifindex):
        if plug.cookie is not None and plug.link is not None and plug.link.master is None:
            yield _Owner(plug.cookie, plug.link)


def _by_address(
    snapshot: Snapshot, members: tuple[_Owner, ...]
) -> dict[IPAddress, tuple[_Owner, ...]]:
    found: defaultdict[IPAddress, list[_Owner]] = defaultdict(list)
    for member in members:
        for address in snapshot.namespaces[member.cookie].stack.addresses:
            if address.ifindex == member.link.ifindex:
                found[address.interface.ip].append(member)
    return {address: tuple(owners) for address, owners in found.items()}


def _addresses(
    snapshot: Snapshot, bridge: BridgeOf, owners: dict[IPAddress, tuple[_Owner, ...]]
) -> Iterator[Finding]:
    for address, of in owners.items():
        if len(of) < 2:  # noqa: PLR2004 - one owner is as it should be
            continue
        names = [f"{snapshot.call(o.cookie)} ({o.link.ifname})" for o in of]
        yield Finding(
            code=FindingCode.DUPLICATE_ADDRESS,
            severity=Severity.PROBLEM,
            where=place(snapshot, snapshot.namespaces[bridge.cookie], bridge.link),
            sentence=f"{address} is in {len(of)} places on {network_named(snapshot, bridge)}: "
            "whoever answers first gets the packets",
            evidence=tuple(
                Fact(what=n, says=f"{o.link.mac}") for n, o in zip(names, of, strict=True)
            ),
            fix_note="take it away from all but one: ip address del, in that namespace",
        )


def _macs(snapshot: Snapshot, bridge: BridgeOf, members: tuple[_Owner, ...]) -> Iterator[Finding]:
    by_mac: defaultdict[Mac, list[_Owner]] = defaultdict(list)
    for member in members:
        if member.link.mac is not None:
            by_mac[member.link.mac].append(member)
    for mac, of in by_mac.items():
        if len(of) > 1:
            yield Finding(
                code=FindingCode.DUPLICATE_MAC,
                severity=Severity.PROBLEM,
                where=place(snapshot, snapshot.namespaces[bridge.cookie], bridge.link),
                sentence=f"{mac} is on {len(of)} links of {network_named(snapshot, bridge)}: "
                "the switch sends to whichever spoke last",
                evidence=tuple(Fact(what=snapshot.call(o.cookie), says=o.link.ifname) for o in of),
                fix_note="give one of them another MAC: ip link set dev ... address ...",
            )


def _neighbours(
    snapshot: Snapshot,
    members: tuple[_Owner, ...],
    owners: dict[IPAddress, tuple[_Owner, ...]],
) -> Iterator[Finding]:
    """Entries of members about members, with a MAC that the owner has not."""
    for member in members:
        namespace = snapshot.namespaces[member.cookie]
        for entry in namespace.stack.neighbours:
            of = owners.get(entry.address, ())
            if entry.ifindex != member.link.ifindex or not of or entry.is_proxy:
                continue
            if entry.state in _KNOWN and entry.mac not in {o.link.mac for o in of}:
                yield _stale(snapshot, namespace, member.link, entry, of[0])


def _stale(
    snapshot: Snapshot, at: Namespace, link: Link, entry: Neighbour, owner: _Owner
) -> Finding:
    is_fixed = entry.state is NeighbourState.PERMANENT
    return Finding(
        code=FindingCode.STALE_NEIGHBOUR,
        severity=Severity.PROBLEM,
        where=place(snapshot, at, link),
        sentence=f"{snapshot.call(at.cookie)} believes that {entry.address} is {entry.mac}, and it "
        f"is {owner.link.mac} ({snapshot.call(owner.cookie)})"
        + (": the entry is permanent" if is_fixed else ""),
        evidence=(
            Fact(
                what=f"neighbour {entry.address} dev {link.ifname}",
                says=f"{entry.mac} {entry.state}",
            ),
            Fact(
                what=f"{owner.link.ifname} of {snapshot.call(owner.cookie)}",
                says=f"{owner.link.mac}",
            ),
        ),
        fix=(f"ip neigh del {entry.address} dev {link.ifname}",),
    )
