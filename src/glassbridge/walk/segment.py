"""The broadcast domain around a link: who hears a frame, which ports keep it back, where it leaves.

Sources: should_deliver and br_flood in net/bridge/br_forward.c.
"""

from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from typing import assert_never

from msgspec import Struct

from glassbridge.model.address import Mac
from glassbridge.model.tables import Ifindex
from glassbridge.model.topology import BridgePort, Link, PortState
from glassbridge.model.walk import Cause, Place
from glassbridge.walk.traveller import Ground, Unclear

VETH, MACVLAN = "veth", "macvlan"


class Flood(StrEnum):
    """Why a frame leaves by more than one port: each kind has its own switch at every port."""

    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    UNKNOWN = "unknown unicast"


class Turn(Struct, frozen=True, kw_only=True):
    """One bridge on the way of a flooded frame: in by which port, out by which."""

    cookie: int
    bridge: Ifindex
    entered: Ifindex | None
    """None: the namespace sent it itself."""
    left: Ifindex | None
    """None: up into the namespace's own stack."""


class Ear(Struct, frozen=True, kw_only=True):
    """A link with an IP stack that hears the frame."""

    cookie: int
    ifindex: Ifindex
    link: Link | None
    """None: its namespace has not been read."""
    way: tuple[Turn, ...] = ()


class Shut(Struct, frozen=True, kw_only=True):
    """A link that lets nothing through, and why."""

    place: Place
    link: Link
    cause: Cause
    says: str


class Segment(Struct, frozen=True, kw_only=True):
    """Everything that one frame reaches."""

    ears: tuple[Ear, ...] = ()
    shut: tuple[Shut, ...] = ()
    exits: tuple[Place, ...] = ()
    """Links that lead to what cannot be read."""


class _Onward(Struct, frozen=True):
    cookie: int
    link: Link
    way: tuple[Turn, ...]


class _Frame(Struct, frozen=True):
    flood: Flood
    source: Mac | None


_Finding = Ear | Shut | Place | _Onward


def explore(ground: Ground, cookie: int, link: Link, flood: Flood) -> Segment:
    """Send a frame out by a link, and see where it comes up; loops of cables end it only once."""
    ears: list[Ear] = []
    shut: list[Shut] = []
    exits: list[Place] = []
    seen: set[tuple[int, int]] = set()
    waiting = deque([_Onward(cookie, link, ())])
    frame = _Frame(flood, link.mac)
    while waiting:
        sent = waiting.popleft()
        if (sent.cookie, sent.link.ifindex) in seen:
            continue
        seen.add((sent.cookie, sent.link.ifindex))
        for found in _emit(ground, sent, frame):
            match found:
                case Ear():
                    ears.append(found)
                case Shut():
                    shut.append(found)
                case Place():
                    exits.append(found)
                case _Onward():
                    waiting.append(found)
    heard = tuple(e for e in ears if (e.cookie, e.ifindex) != (cookie, link.ifindex))
    return Segment(ears=heard, shut=tuple(shut), exits=tuple(exits))


def _emit(ground: Ground, sent: _Onward, frame: _Frame) -> Iterator[_Finding]:
    cookie, link = sent.cookie, sent.link
    if not link.is_up or not link.has_carrier:
        yield dark(ground, cookie, link)
    elif link.bridge is not None:
        yield from _flooded(ground, sent, link, None, frame.flood)
    elif link.kind == VETH:
        yield from _over_veth(ground, sent, frame)
    elif link.kind == MACVLAN:
        yield from _over_macvlan(ground, sent)
    else:
        yield ground.place(cookie, link)


def _over_veth(ground: Ground, sent: _Onward, frame: _Frame) -> Iterator[_Finding]:
    far = ground.snapshot.far_end(sent.cookie, sent.link)
    if far is None:
        yield ground.place(sent.cookie, sent.link)
    elif far[0] not in ground.snapshot.namespaces:
        yield Ear(cookie=far[0], ifindex=far[1], link=None, way=sent.way)
    else:
        yield from _heard_at(ground, far[0], ground.link(*far), sent.way, frame)


def _heard_at(
    ground: Ground, cookie: int, link: Link, way: tuple[Turn, ...], frame: _Frame
) -> Iterator[_Finding]:
    if not link.is_up:
        yield dark(ground, cookie, link)
        return
    bridge = bridge_of(ground, cookie, link)
    if bridge is None:
        yield Ear(cookie=cookie, ifindex=link.ifindex, link=link, way=way)
        yield from explore_upper(ground, cookie, link, way)
        return
    refused = no_entry(ground, cookie, link) or not_admitted(ground, cookie, link, frame.source)
    if refused is not None:
        yield refused
        return
    arrived = Turn(cookie=cookie, bridge=bridge.ifindex, entered=link.ifindex, left=None)
    if bridge.is_up:
        yield Ear(cookie=cookie, ifindex=bridge.ifindex, link=bridge, way=(*way, arrived))
    yield from _flooded(ground, _Onward(cookie, link, way), bridge, link, frame.flood)


def _flooded(
    ground: Ground, sent: _Onward, bridge: Link, entered: Link | None, flood: Flood
) -> Iterator[_Finding]:
    """The newest port first: the kernel puts it at the head of its list (new_nbp)."""
    ports = ground.stack(sent.cookie).ports(bridge.ifindex)
    for port in sorted(ports, key=lambda p: p.ifindex, reverse=True):
        if entered is not None and port.ifindex == entered.ifindex and not _hairpin(port):
            continue
        refused = no_exit(ground, sent.cookie, entered, port, flood)
        if refused is not None:
            yield refused
            continue
        turn = Turn(
            cookie=sent.cookie,
            bridge=bridge.ifindex,
            entered=entered.ifindex if entered is not None else None,
            left=port.ifindex,
        )
        yield _Onward(sent.cookie, port, (*sent.way, turn))


def _over_macvlan(ground: Ground, sent: _Onward) -> Iterator[_Finding]:
    """Siblings on one parent hear each other (mode bridge); the parent's own stack does not."""
    parent = parent_of(ground, sent.cookie, sent.link)
    if parent is None:
        yield ground.place(sent.cookie, sent.link)
        return
    yield from explore_upper(ground, *parent, sent.way)
    yield _Onward(*parent, sent.way)


def explore_upper(
    ground: Ground, cookie: int, parent: Link, way: tuple[Turn, ...] = ()
) -> Iterator[Ear]:
    """The macvlans upon a link, in every namespace that was read."""
    for other, namespace in ground.snapshot.namespaces.items():
        for link in namespace.stack.links:
            if link.kind == MACVLAN and parent_of(ground, other, link) == (cookie, parent):
                yield Ear(cookie=other, ifindex=link.ifindex, link=link, way=way)


def parent_of(ground: Ground, cookie: int, link: Link) -> tuple[int, Link] | None:
    """Namespace and lower link of a macvlan; None where it cannot be told."""
    if link.parent is None:
        return None
    where: int | None = cookie
    if link.link_nsid is not None:
        where = ground.namespace(cookie).peers.get(link.link_nsid)
    if where is None or where not in ground.snapshot.namespaces:
        return None
    return where, ground.link(where, link.parent)


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
    fdb = ground.stack(cookie).fdb
    if any((e.mac, e.ifindex, e.is_local) == (source, port.ifindex, False) for e in fdb):
        return None
    says = f"locked on, and no entry for {source} behind it"
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
    if entered is not None and entered.ifindex == port.ifindex and not _hairpin(port):
        return Shut(place=where, link=port, cause=Cause.HAIRPIN_OFF, says="hairpin off")
    from_isolated = entered is not None and entered.port is not None and entered.port.isolated
    if from_isolated and of_port.isolated:
        cause = _isolation(ground, cookie, port)
        return Shut(place=where, link=port, cause=cause, says="isolated on")
    switch = _flood_switch(of_port, flood)
    if switch:
        return Shut(place=where, link=port, cause=Cause.FLOOD_OFF, says=f"{switch} off")
    return None


def _flood_switch(port: BridgePort, flood: Flood | None) -> str:
    """The switch that keeps such frames from leaving here, as bridge(8) calls it; or empty."""
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


def _hairpin(port: Link) -> bool:
    return port.port is not None and port.port.hairpin
