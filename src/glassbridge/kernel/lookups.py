"""The kernel's own answers to the questions of a predicted walk: route, neighbour, FDB.

They are asked before the packet is sent, which changes tables: neighbours are asked for, and
switches learn.
"""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress

from msgspec.structs import replace

from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.neighbours import decode_fdb_entry, decode_neighbour
from glassbridge.kernel.routes import decode_route
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.model.address import IPAddress, Mac, mac_octets
from glassbridge.model.observation import FdbLookup, Lookup, NeighbourLookup, RouteLookup
from glassbridge.model.packet import Packet
from glassbridge.model.step_details import (
    Crossed,
    Entered,
    NeighbourFound,
    PortEntered,
    RouteChosen,
    Switched,
)
from glassbridge.model.tables import Ifindex, Route
from glassbridge.model.walk import Step, Walk
from glassbridge.wire.neighbours import find_fdb_entry, find_neighbour
from glassbridge.wire.netlink import Refusal
from glassbridge.wire.routes import find_route


def look_up(walk: Walk, namespaces: Mapping[int, int]) -> tuple[Lookup, ...]:
    """One answer for each route, neighbour and FDB step of a walk.

    `namespaces`: cookie -> open descriptor; steps elsewhere are passed over, and so is what can no
    longer be asked because a link or a namespace has gone.
    """
    with ExitStack() as opened:
        sockets: dict[int, RouteSocket] = {}
        for cookie, netns in namespaces.items():
            with suppress(GlassbridgeError):
                sockets[cookie] = opened.enter_context(RouteSocket(netns))
        found = [
            answer
            for way in (walk.request, walk.reply)
            for at, step in enumerate(way)
            if (route := sockets.get(step.place.cookie)) is not None
            for answer in _ask(route, step, way[:at])
        ]
    return tuple(dict.fromkeys(found))


def find_way(
    route: RouteSocket,
    packet: Packet,
    *,
    cookie: int,
    iif: Ifindex | None = None,
    has_source: bool = True,
) -> RouteLookup:
    """Which way a packet takes, with the table's entry where the kernel tells it."""
    source = packet.source if has_source else None

    def ask(*, entry: bool) -> Route | Refusal:
        answer = route.get(
            find_route(
                packet.destination,
                source=source,
                iif=iif,
                mark=packet.mark,
                protocol=packet.protocol_number,
                ports=(packet.source_port, packet.destination_port)
                if packet.icmp_type is None
                else (0, 0),
                entry=entry,
            )
        )
        return answer if isinstance(answer, Refusal) else decode_route(answer)

    taken = ask(entry=False)
    if isinstance(taken, Refusal):
        chosen, refusal = None, errno.errorcode.get(taken.errno, str(taken.errno))
    else:
        entry = ask(entry=True)
        chosen, refusal = taken if isinstance(entry, Refusal) else _as_taken(entry, taken), ""
    return RouteLookup(
        cookie=cookie,
        destination=packet.destination,
        source=source,
        iif=iif,
        route=chosen,
        refusal=refusal,
    )


def find_mac(
    route: RouteSocket, *, cookie: int, ifindex: Ifindex, address: IPAddress
) -> NeighbourLookup:
    """Which MAC an address has, by the table."""
    answer = route.get(find_neighbour(ifindex, address))
    if isinstance(answer, Refusal):
        return NeighbourLookup(cookie=cookie, ifindex=ifindex, address=address, mac=None)
    entry = decode_neighbour(answer)
    return NeighbourLookup(
        cookie=cookie, ifindex=ifindex, address=address, mac=entry.mac, state=entry.state
    )


def find_port(route: RouteSocket, *, cookie: int, bridge: Ifindex, mac: Mac) -> FdbLookup:
    """Behind which port of a bridge a MAC is; the bridge itself for its own."""
    answer = route.get(find_fdb_entry(bridge, mac_octets(mac)))
    entry = None if isinstance(answer, Refusal) else decode_fdb_entry(answer)
    return FdbLookup(
        cookie=cookie, bridge=bridge, mac=mac, port=None if entry is None else entry.ifindex
    )


def _as_taken(entry: Route, taken: Route) -> Route:
    """The entry, of whose several ways the kernel's hash has chosen one."""
    return replace(
        entry,
        gateway=taken.gateway,
        oif=taken.oif,
        source=taken.source or entry.source,
        next_hops=(),
    )


def _ask(route: RouteSocket, step: Step, before: Sequence[Step]) -> Iterator[Lookup]:
    cookie = step.place.cookie
    match step.detail:
        case RouteChosen(is_forwarding=is_forwarding, source=source):
            iif = _came_in_by(route, cookie, before) if is_forwarding else None
            if is_forwarding and iif is None:
                return
            yield find_way(route, step.packet, cookie=cookie, iif=iif, has_source=source is None)
        case NeighbourFound(address=address):
            ifindex = step.place.ifindex or _routed_to(cookie, before)
            if ifindex is not None:
                yield find_mac(route, cookie=cookie, ifindex=ifindex, address=address)
        case Switched(bridge=bridge, mac=mac):
            index = route.find_ifindex(bridge)
            if index is not None:
                yield find_port(route, cookie=cookie, bridge=Ifindex(index), mac=mac)
        case _:
            return


def _came_in_by(route: RouteSocket, cookie: int, before: Sequence[Step]) -> Ifindex | None:
    """The link whose IP stack has the packet: of a bridge port, the bridge."""
    for step in reversed(before):
        match step.detail:
            case Switched(bridge=bridge) | PortEntered(bridge=bridge):
                index = route.find_ifindex(bridge)
                return None if index is None else Ifindex(index)
            case Crossed(to=to):
                return to.ifindex if to.cookie == cookie else None
            case Entered():
                return step.place.ifindex
            case _:
                continue
    return None


def _routed_to(cookie: int, before: Sequence[Step]) -> Ifindex | None:
    for step in reversed(before):
        if isinstance(step.detail, RouteChosen) and step.place.cookie == cookie:
            return step.detail.oif
    return None
