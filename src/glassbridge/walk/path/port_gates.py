"""What a link lets through: ports that are down, blocked, isolated, locked, or shut to floods.

Sources: should_deliver and br_flood in net/bridge/br_forward.c, br_handle_frame in br_input.c.
"""

from enum import StrEnum
from typing import assert_never

from msgspec import Struct

from glassbridge.model.address import Mac
from glassbridge.model.cause import Cause
from glassbridge.model.step_details import Place
from glassbridge.model.topology import BridgePort, Link, PortState
from glassbridge.walk.path.proxied import Proxied
from glassbridge.walk.path.traveller import Ground, Unclear


class Flood(StrEnum):
    """Why a frame leaves by more than one port: each kind has its own switch at every port."""

    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    UNKNOWN = "unknown unicast"


class Shut(Struct, frozen=True, kw_only=True):
    """A link that lets nothing through, and why."""

    place: Place
    link: Link
    cause: Cause
    says: str


def bridge_of(ground: Ground, cookie: int, link: Link) -> Link | None:
    """The bridge that a link is a port of."""
    if link.master is None:
        return None
    master = ground.link(cookie, link.master)
    if master.bridge is None:
        raise Unclear(f"{link.ifname} belongs to {master.ifname}, a {master.kind or 'link'}")
    return master


def dark(ground: Ground, cookie: int, link: Link) -> Shut:
    """A link that is down, or whose other end is."""
    says = "no carrier: the other end is down" if link.is_up else "down"
    return Shut(place=ground.place(cookie, link), link=link, cause=Cause.LINK_DOWN, says=says)


def no_entry(ground: Ground, cookie: int, port: Link) -> Shut | None:
    """Why a port takes no frame for forwarding."""
    of_port = port.port
    if of_port is None or of_port.state is PortState.FORWARDING:
        return None
    cause = Cause.LINK_DOWN if of_port.state is PortState.DISABLED else Cause.PORT_BLOCKING
    return Shut(
        place=ground.place(cookie, port), link=port, cause=cause, says=f"state {of_port.state}"
    )


def not_admitted(ground: Ground, cookie: int, port: Link, source: Mac | None) -> Shut | None:
    """A locked port takes only frames of MACs that the FDB has behind it."""
    if port.port is None or not port.port.locked or source is None:
        return None
    entries = [e for e in ground.stack(cookie).fdb if (e.mac, e.ifindex) == (source, port.ifindex)]
    if any(not e.is_local and not e.is_locked for e in entries):
        return None
    says = f"locked on, and no entry for {source} behind it"
    if any(e.is_locked for e in entries):
        says = f"locked on, and the entry for {source} behind it is locked: not yet admitted"
    where = ground.place(cookie, port)
    return Shut(place=where, link=port, cause=Cause.PORT_LOCKED, says=says)


def no_exit(
    ground: Ground, cookie: int, entered: Link | None, port: Link, flood: Flood | None
) -> Shut | None:
    """Why a frame that came in by one port does not leave by another; a known MAC is no flood."""
    of_port = port.port
    if of_port is None:
        return None
    where = ground.place(cookie, port)
    lit = port.is_up and port.has_carrier
    blocked = no_entry(ground, cookie, port) if lit else dark(ground, cookie, port)
    if blocked is not None:
        return blocked
    if entered is not None and entered.ifindex == port.ifindex and not has_hairpin(port):
        return Shut(place=where, link=port, cause=Cause.HAIRPIN_OFF, says="hairpin off")
    from_isolated = entered is not None and entered.port is not None and entered.port.isolated
    if from_isolated and of_port.isolated:
        cause = _isolation(ground, cookie, port)
        return Shut(place=where, link=port, cause=cause, says="isolated on")
    says = _no_flood(of_port, flood, is_own=entered is None)
    return Shut(place=where, link=port, cause=Cause.FLOOD_OFF, says=says) if says else None


def not_asked(ground: Ground, cookie: int, port: Link, own_word: Proxied) -> Shut | None:
    """Why a port does not get a question that the bridge could answer."""
    switch = own_word.keeps_from(port.port) if port.port is not None else ""
    if not switch:
        return None
    says = f"{switch} on, and the bridge knows a MAC for that address"
    return Shut(place=ground.place(cookie, port), link=port, cause=Cause.FLOOD_OFF, says=says)


def _no_flood(port: BridgePort, flood: Flood | None, *, is_own: bool) -> str:
    """The switch that keeps such frames from leaving here, as bridge(8) calls it; or empty."""
    if flood is not None and port.proxy_arp:
        return "proxy_arp on"
    # what the bridge sends itself is kept from a port only where it is unknown unicast (br_flood)
    if is_own and flood is not Flood.UNKNOWN:
        return ""
    switch = _flood_switch(port, flood)
    return f"{switch} off" if switch else ""


def _flood_switch(port: BridgePort, flood: Flood | None) -> str:
    match flood:
        case None:
            return ""
        case Flood.BROADCAST:
            return "" if port.broadcast_flood else "bcast_flood"
        case Flood.MULTICAST:
            return "" if port.multicast_flood else "mcast_flood"
        case Flood.UNKNOWN:
            return "" if port.flood else "flood"
        case _:
            assert_never(flood)


def _isolation(ground: Ground, cookie: int, port: Link) -> Cause:
    """On purpose, where the network's containers are to be kept apart."""
    bridge = bridge_of(ground, cookie, port)
    apart = any(
        not n.icc
        for n in ground.snapshot.networks
        if bridge is not None and n.bridge == bridge.ifname and cookie == ground.snapshot.home
    )
    return Cause.ICC_OFF if apart else Cause.PORT_ISOLATED


def unread_behind(ground: Ground, shuts: tuple[Shut, ...]) -> set[int]:
    """Namespaces not read to which a shut link would lead."""
    far = (ground.snapshot.far_end(s.place.cookie, s.link) for s in shuts)
    return {f[0] for f in far if f is not None and f[0] not in ground.snapshot.namespaces}


def has_hairpin(port: Link) -> bool:
    """Frames may leave by it that came in by it."""
    return port.port is not None and port.port.hairpin
