"""A frame that a bridge gave to the wrong link: two have its MAC, or an entry says so."""

from glassbridge.model.address import Mac
from glassbridge.model.cause import Cause
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import NeighbourFound, Place, Switched
from glassbridge.model.topology import Link
from glassbridge.model.walk import Drop, Fact, Step, Walk
from glassbridge.walk.path.wires import bridge_of

_MISLED = {
    Cause.IP_FORWARD_OFF,
    Cause.IP6_FORWARD_OFF,
    Cause.HAIRPIN_OFF,
    Cause.MARTIAN,
    Cause.NO_ROUTE,
    Cause.ROUTING_LOOP,
    Cause.TTL_EXCEEDED,
    Cause.WRONG_GATEWAY,
}
"""What befalls a frame that somebody else gets."""


def misdelivered(drop: Drop, n: int, walk: Walk, snapshot: Snapshot) -> Drop | None:
    """Two links with the MAC on one bridge, or a port behind which it is not."""
    if drop.cause not in _MISLED:
        return None
    end = walk.steps[n]
    way = [s for s in walk.steps[: n + 1] if s.is_reply == end.is_reply]
    asked = next((s.detail for s in reversed(way) if isinstance(s.detail, NeighbourFound)), None)
    switched = next((s for s in reversed(way) if isinstance(s.detail, Switched)), None)
    if asked is None or asked.mac is None or switched is None:
        return None
    plugged = _having(snapshot, asked.mac)
    right = [(p, b) for p, b in plugged if _has_address(snapshot, p, asked)]
    for place, bridge in right:
        twins = [p for p, b in plugged if b == bridge and p != place]
        if twins and not _is_at(end, place, drop):
            return _twins(asked.mac, place, twins, snapshot, bridge, drop)
        wrong = _wrong_port(snapshot, asked.mac, switched, place)
        if wrong is not None:
            return _elsewhere(asked.mac, place, switched, wrong, snapshot, drop)
    return None


def _having(snapshot: Snapshot, mac: Mac) -> list[tuple[Place, tuple[int, int]]]:
    """Links with that MAC that are plugged into a bridge, which is named by namespace and index."""
    found = []
    for cookie, namespace in snapshot.namespaces.items():
        for link in namespace.stack.links:
            socket = bridge_of(snapshot, cookie, link) if link.mac == mac else None
            if socket is not None:
                bridge = socket[0], int(socket[1].ifindex)
                found.append((_place(snapshot, cookie, link), bridge))
    return found


def _place(snapshot: Snapshot, cookie: int, link: Link) -> Place:
    return Place(
        cookie=cookie, name=snapshot.call(cookie), ifname=link.ifname, ifindex=link.ifindex
    )


def _has_address(snapshot: Snapshot, place: Place, asked: NeighbourFound) -> bool:
    addresses = snapshot.namespaces[place.cookie].stack.addresses
    return any(a.ifindex == place.ifindex and a.interface.ip == asked.address for a in addresses)


def _is_at(end: Step, place: Place, drop: Drop) -> bool:
    """It was lost where it was to go: the MAC is not to blame."""
    return end.place.cookie == place.cookie and drop.cause is not Cause.HAIRPIN_OFF


def _twins(
    mac: Mac,
    place: Place,
    twins: list[Place],
    snapshot: Snapshot,
    bridge: tuple[int, int],
    drop: Drop,
) -> Drop:
    link = snapshot.namespaces[bridge[0]].stack.link(bridge[1])
    names = " and ".join(f"{p.name} ({p.ifname})" for p in (place, *twins))
    return Drop(
        cause=Cause.DUPLICATE_MAC,
        sentence=f"{names} on {link.ifname if link else 'one bridge'} have the same MAC {mac}: "
        "the bridge sends to whichever spoke last",
        evidence=(
            *(Fact(what=f"MAC of {p.ifname} of {p.name}", says=mac) for p in (place, *twins)),
            Fact(what="so", says=drop.sentence),
        ),
        place=twins[0],
        subject=mac,
    )


def _wrong_port(snapshot: Snapshot, mac: Mac, switched: Step, owner: Place) -> Link | None:
    """The port that the bridge took, where a cable leads from it to another than the owner."""
    detail, cookie = switched.detail, switched.place.cookie
    if not isinstance(detail, Switched) or detail.to is None or detail.mac != mac:
        return None
    stack = snapshot.namespaces[cookie].stack
    port = stack.link(detail.to.ifindex or 0)
    far = snapshot.far_end(cookie, port) if port is not None else None
    if far is None or far == (owner.cookie, owner.ifindex) or far[0] not in snapshot.namespaces:
        return None
    behind = snapshot.namespaces[far[0]].stack.link(far[1])
    return None if behind is None or behind.master is not None else port


def _elsewhere(
    mac: Mac, owner: Place, switched: Step, port: Link, snapshot: Snapshot, drop: Drop
) -> Drop:
    cookie = switched.place.cookie
    entries = snapshot.namespaces[cookie].stack.fdb
    is_static = any(e.mac == mac and e.ifindex == port.ifindex and e.is_static for e in entries)
    return Drop(
        cause=Cause.WRONG_FDB,
        sentence=f"the switch has {mac} of {owner.name} behind {port.ifname}, where it is not",
        evidence=(
            Fact(
                what=f"fdb {mac}",
                says=f"dev {port.ifname} {'static' if is_static else 'learned'}",
            ),
            Fact(what=f"MAC of {owner.ifname} of {owner.name}", says=mac),
            Fact(what="so", says=drop.sentence),
        ),
        place=_place(snapshot, cookie, port),
        subject=mac,
    )
