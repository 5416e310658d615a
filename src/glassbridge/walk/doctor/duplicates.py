"""Two owners of one address or MAC on a switch, and neighbour entries that name the wrong one."""

from collections import defaultdict
from collections.abc import Container, Iterator

from msgspec import Struct

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.snapshot import Namespace, Snapshot
from glassbridge.model.tables import Neighbour, NeighbourState
from glassbridge.model.topology import Link
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import (
    BridgeOf,
    Line,
    bridges,
    mended,
    network_named,
    place,
)

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
        owners = _by_address(snapshot, bridge, members)
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
    snapshot: Snapshot, bridge: BridgeOf, members: tuple[_Owner, ...]
) -> dict[IPAddress, tuple[_Owner, ...]]:
    """On the switch, and on the router's other links: it takes such packets for its own."""
    found: defaultdict[IPAddress, list[_Owner]] = defaultdict(list)
    for member in members:
        for address in snapshot.namespaces[member.cookie].stack.addresses:
            if address.ifindex == member.link.ifindex:
                found[address.interface.ip].append(member)
    router = snapshot.namespaces[bridge.cookie].stack
    for address in router.addresses:
        link, ip = router.link(address.ifindex), address.interface.ip
        of = found.get(ip, [])
        if link is None or ip.is_link_local or all(o.cookie == bridge.cookie for o in of):
            continue
        if all(o.link.ifindex != link.ifindex for o in of if o.cookie == bridge.cookie):
            of.append(_Owner(bridge.cookie, link))
    return {address: tuple(owners) for address, owners in found.items()}


def _addresses(
    snapshot: Snapshot, bridge: BridgeOf, owners: dict[IPAddress, tuple[_Owner, ...]]
) -> Iterator[Finding]:
    for address, of in owners.items():
        if len(of) < 2:  # noqa: PLR2004 - one owner is as it should be
            continue
        keeper = _keeper(snapshot, bridge, address, of)
        others = tuple(o for o in of if o is not keeper)
        yield mended(
            snapshot,
            Finding(
                code=FindingCode.DUPLICATE_ADDRESS,
                severity=Severity.PROBLEM,
                where=place(snapshot, snapshot.namespaces[bridge.cookie], bridge.link),
                sentence=f"{address} is in {len(of)} places on {network_named(snapshot, bridge)}: "
                "whoever answers first gets the packets",
                evidence=tuple(
                    Fact(what=f"{snapshot.call(o.cookie)} {o.link.ifname}", says=f"{o.link.mac}")
                    for o in of
                ),
                fix_note=f"{snapshot.call(keeper.cookie)} keeps {address}; the other must get "
                "another one",
                concerns=tuple(snapshot.call(o.cookie) for o in of if o.cookie != bridge.cookie),
            ),
            *(line for o in others for line in _giving_up(snapshot, o, address)),
            *_forgetting(snapshot, keeper, address),
        )


def _keeper(
    snapshot: Snapshot, bridge: BridgeOf, address: IPAddress, of: tuple[_Owner, ...]
) -> _Owner:
    """Whom an engine gave it to, else the bridge itself, else whoever is on the lowest port."""
    given = {n.cookie for n in snapshot.names if address in n.addresses}
    by_right = [o for o in of if o.cookie in given]
    return next(iter(by_right), None) or next((o for o in of if o.link == bridge.link), of[0])


def _giving_up(snapshot: Snapshot, owner: _Owner, address: IPAddress) -> Iterator[Line]:
    for own in snapshot.namespaces[owner.cookie].stack.addresses:
        if own.ifindex == owner.link.ifindex and own.interface.ip == address:
            words = ("ip", "address", "del", str(own.interface), "dev", owner.link.ifname)
            yield owner.cookie, words


def _forgetting(snapshot: Snapshot, keeper: _Owner, address: IPAddress) -> Iterator[Line]:
    """Who took the other's MAC for it shall ask anew."""
    for cookie, namespace in snapshot.namespaces.items():
        for entry in namespace.stack.neighbours:
            link = namespace.stack.link(entry.ifindex)
            is_wrong = entry.mac is not None and entry.mac != keeper.link.mac
            if entry.address == address and is_wrong and link is not None:
                yield cookie, ("ip", "neigh", "del", str(address), "dev", link.ifname)


def _macs(snapshot: Snapshot, bridge: BridgeOf, members: tuple[_Owner, ...]) -> Iterator[Finding]:
    by_mac: defaultdict[Mac, list[_Owner]] = defaultdict(list)
    for member in members:
        if member.link.mac is not None:
            by_mac[member.link.mac].append(member)
    for mac, of in by_mac.items():
        if len(of) > 1:
            last = of[-1]
            new = _free_mac(mac, by_mac)
            words = ("ip", "link", "set", "dev", last.link.ifname, "address", new)
            yield mended(
                snapshot,
                Finding(
                    code=FindingCode.DUPLICATE_MAC,
                    severity=Severity.PROBLEM,
                    where=place(snapshot, snapshot.namespaces[bridge.cookie], bridge.link),
                    sentence=f"{mac} is on {len(of)} links of {network_named(snapshot, bridge)}: "
                    "the switch sends to whichever spoke last",
                    evidence=tuple(
                        Fact(what=snapshot.call(o.cookie), says=o.link.ifname) for o in of
                    ),
                    fix_note=f"{last.link.ifname} of {snapshot.call(last.cookie)} gets another one",
                    concerns=tuple(snapshot.call(o.cookie) for o in of),
                ),
                (last.cookie, words),
                *_unlearning(snapshot, members, mac),
            )


def _free_mac(mac: Mac, taken: Container[Mac]) -> Mac:
    """The next one that nobody on the switch has, by the last octet."""
    head, last = mac[:-2], int(mac[-2:], 16)
    candidates = (Mac(f"{head}{(last + n) % 256:02x}") for n in range(1, 256))
    return next((m for m in candidates if m not in taken), mac)


def _unlearning(snapshot: Snapshot, members: tuple[_Owner, ...], mac: Mac) -> Iterator[Line]:
    """Whoever has a neighbour of that MAC shall ask anew."""
    for member in members:
        for entry in snapshot.namespaces[member.cookie].stack.neighbours:
            if entry.mac == mac and entry.ifindex == member.link.ifindex:
                words = ("ip", "neigh", "del", str(entry.address), "dev", member.link.ifname)
                yield member.cookie, words


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
    """One that is not permanent is put to the test when it is used, and asked for anew."""
    is_fixed = entry.state is NeighbourState.PERMANENT
    name = snapshot.call(at.cookie)
    words = ("ip", "neigh", "del", str(entry.address), "dev", link.ifname)
    return mended(
        snapshot,
        Finding(
            code=FindingCode.STALE_NEIGHBOUR,
            severity=Severity.PROBLEM if is_fixed else Severity.WARNING,
            where=place(snapshot, at, link),
            sentence=f"{name} believes that {entry.address} is {entry.mac}, and it "
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
            fix_note="the next packet asks for the MAC anew",
            concerns=(name, snapshot.call(owner.cookie)) if owner.cookie != at.cookie else (name,),
        ),
        (at.cookie, words),
    )
