"""The broadcast domain around a link: who hears a frame, which ports keep it back, where it leaves.

Sources: should_deliver and br_flood in net/bridge/br_forward.c.
"""

from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.step_details import Place
from glassbridge.model.tables import Ifindex
from glassbridge.model.topology import Link
from glassbridge.walk.path.port_gates import (
    Flood,
    Shut,
    bridge_of,
    dark,
    has_hairpin,
    no_entry,
    no_exit,
    not_admitted,
    not_asked,
)
from glassbridge.walk.path.proxied import Proxied, proxied
from glassbridge.walk.path.traveller import Ground

VETH, MACVLAN = "veth", "macvlan"


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
    asks_for: IPAddress | None
    """Of a question for a neighbour: whose MAC it wants."""


_Finding = Ear | Shut | Place | _Onward


def explore(
    ground: Ground, cookie: int, link: Link, flood: Flood, asks_for: IPAddress | None = None
) -> Segment:
    """Send a frame out by a link, and see where it comes up; loops of cables end it only once."""
    ears: list[Ear] = []
    shut: list[Shut] = []
    exits: list[Place] = []
    seen: set[tuple[int, int]] = set()
    waiting = deque([_Onward(cookie, link, ())])
    frame = _Frame(flood, link.mac, asks_for)
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
        yield from _flooded(ground, sent, link, None, frame)
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
    yield from _flooded(ground, _Onward(cookie, link, way), bridge, link, frame)


def _flooded(
    ground: Ground, sent: _Onward, bridge: Link, entered: Link | None, frame: _Frame
) -> Iterator[_Finding]:
    """The newest port first: the kernel puts it at the head of its list (new_nbp)."""
    stack = ground.stack(sent.cookie)
    ports, asked = stack.ports(bridge.ifindex), frame.asks_for
    own_word = proxied(stack, bridge, entered, asked) if asked is not None else Proxied()
    for port in sorted(ports, key=lambda p: p.ifindex, reverse=True):
        if entered is not None and port.ifindex == entered.ifindex and not has_hairpin(port):
            continue
        refused = no_exit(ground, sent.cookie, entered, port, frame.flood)
        refused = refused or not_asked(ground, sent.cookie, port, own_word)
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
    for other, link in ground.snapshot.macvlans:
        if parent_of(ground, other, link) == (cookie, parent):
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
