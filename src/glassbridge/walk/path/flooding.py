"""Which port a frame leaves by: the one that the FDB names, or of all the one that matters."""

from msgspec import Struct

from glassbridge.model.address import Mac
from glassbridge.model.tables import FdbEntry, Ifindex
from glassbridge.model.topology import Link, Stack
from glassbridge.walk.path.port_gates import Flood, Shut, no_exit, unread_behind
from glassbridge.walk.path.segment import Segment, explore
from glassbridge.walk.path.traveller import Ground, Traveller, Unclear, Unread

_DEFAULT_VLAN = 1


class Known(Struct, frozen=True, kw_only=True):
    """What the FDB says of a MAC."""

    port: Ifindex | None
    """None: the bridge's own, or a port's: up into the stack."""
    age_seconds: float | None = None
    entry: FdbEntry | None = None


class Spread(Struct, frozen=True, kw_only=True):
    """A frame whose MAC the FDB does not know."""

    ports: tuple[Link, ...]
    """All that get a copy."""
    taken: Link | None = None
    """The one behind which it is taken."""
    is_beyond: bool = False
    """Taken, supposedly, where nothing can be read."""
    shut: Shut | None = None
    """What keeps it from its taker."""


def known_port(stack: Stack, traveller: Traveller, bridge: Link, mac: Mac | None) -> Known | None:
    """The FDB's answer; None: the frame is flooded."""
    if mac is None:
        return None
    if mac == bridge.mac:
        return Known(port=None)
    learned = traveller.learned.ports.get((traveller.cookie, bridge.ifindex, mac))
    entry = entry_of(stack, bridge, mac)
    if entry is not None and entry.is_local:
        return Known(port=None, entry=entry)
    moves = entry is None or (entry.ifindex != learned and not entry.is_sticky)
    if learned is not None and moves:
        return Known(port=learned, age_seconds=0.0)
    if entry is None:
        return None
    age = None if entry.is_static else entry.updated_seconds
    own = entry.ifindex == bridge.ifindex
    return Known(port=None if own else entry.ifindex, age_seconds=age, entry=entry)


def entry_of(stack: Stack, bridge: Link, mac: Mac) -> FdbEntry | None:
    """The row of one bridge's FDB; with VLAN filtering that of the VLAN that ports start in."""
    filtering = bridge.bridge is not None and bridge.bridge.vlan_filtering
    vlans = (_DEFAULT_VLAN,) if filtering else (None, 0)
    return next(
        (
            e
            for e in stack.fdb_of(mac)
            if e.bridge == bridge.ifindex and (e.vlan in vlans or e.is_local)
        ),
        None,
    )


def spread(ground: Ground, traveller: Traveller, bridge: Link, entered: Link | None) -> Spread:
    """Flood, and follow the copy that is taken; raises Unread where that cannot be told yet."""
    cookie, wanted = traveller.cookie, traveller.macs.destination
    ports: list[Link] = []
    shuts: list[Shut] = []
    for port in ground.stack(cookie).ports(bridge.ifindex):
        shut = no_exit(ground, cookie, entered, port, Flood.UNKNOWN)
        if shut is not None:
            shuts.append(shut)
        else:
            ports.append(port)
    branches = [(p, explore(ground, cookie, p, Flood.UNKNOWN)) for p in ports]
    for port, segment in branches:
        if wanted is not None and any(e.link and e.link.mac == wanted for e in segment.ears):
            return Spread(ports=tuple(ports), taken=port)
    inner = [s for _, segment in branches for s in segment.shut]
    _read_on(ground, traveller, [s for _, s in branches], (*shuts, *inner))
    beyond = next((p for p, segment in branches if segment.exits), None)
    if beyond is not None:
        return Spread(ports=tuple(ports), taken=beyond, is_beyond=True)
    kept = next((s for s in (*shuts, *inner) if _is_behind(ground, s, wanted)), None)
    return Spread(ports=tuple(ports), shut=kept)


def _read_on(
    ground: Ground, traveller: Traveller, branches: list[Segment], shuts: tuple[Shut, ...]
) -> None:
    """Of the namespaces not read, first those that are said to have the next hop's address."""
    unread = {e.cookie for s in branches for e in s.ears if e.link is None}
    if ground.snapshot.is_whole:
        if not unread or any(s.exits for s in branches):
            return
        raise Unclear(
            f"{len(unread)} namespaces that get a copy of the frame could not be read:"
            f" one of them may have the MAC {traveller.macs.destination}"
        )
    unread |= unread_behind(ground, shuts)
    if not unread:
        return
    wanted = traveller.macs.next_hop
    named = {n.cookie for n in ground.snapshot.names if wanted in n.addresses}
    raise Unread(tuple(sorted(unread & named or unread)))


def _is_behind(ground: Ground, shut: Shut, mac: Mac | None) -> bool:
    if mac is None:
        return False
    if shut.link.mac == mac and shut.link.port is None:
        return True
    far = ground.snapshot.far_end(shut.place.cookie, shut.link)
    if far is None or far[0] not in ground.snapshot.namespaces:
        return False
    return ground.link(*far).mac == mac
