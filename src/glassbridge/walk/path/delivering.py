"""Who takes a packet in the end: a socket, the stack itself (echo), or nobody."""

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.step_details import SocketFound
from glassbridge.model.tables import ListeningSocket
from glassbridge.model.topology import Link, Stack
from glassbridge.model.walk import Action, Answered, Disposition, Drop, Expected, Fact
from glassbridge.walk.firewall.name_servers import unanswered
from glassbridge.walk.path.listening import has_room, mapped, overflow, takers
from glassbridge.walk.path.port_gates import Flood
from glassbridge.walk.path.segment import explore
from glassbridge.walk.path.sysctls import setting
from glassbridge.walk.path.traveller import Delivered, Ended, Ground, Traveller
from glassbridge.walk.path.validity import is_own
from glassbridge.walk.path.versions import V4

ECHO_REQUEST = {4: 8, 6: 128}
_SHOWN = 8
_ACCEPTED = Ended(disposition=Disposition.ACCEPTED)


def deliver(ground: Ground, traveller: Traveller, station: Delivered) -> Traveller:
    """The last step of a request."""
    if traveller.packet.transport is Transport.ICMP:
        return _echo(ground, traveller, station.link)
    stack = ground.stack(traveller.cookie)
    wanted = traveller.packet.transport.value
    sockets = tuple(s for s in stack.sockets if s.protocol.value == wanted)
    packet, place = traveller.packet, ground.place(traveller.cookie, station.link)
    on_port = tuple(s for s in sockets if s.port == packet.destination_port)
    taking = takers(on_port, packet.destination, station.link)
    if taking:
        return _taken(ground, traveller, station.link, taking)
    others = (on_port or sockets)[:_SHOWN]
    return traveller.then(
        place,
        SocketFound(socket=None, others=others),
        expected=(Answered(),),
        drop=_nobody(ground, traveller, station.link, on_port, others),
    )


def other_protocol(stack: Stack, packet: Packet) -> str:
    """What a person who took one for the other wants to hear: the port is there, as the other."""
    there = (s.protocol.value for s in stack.sockets if s.port == packet.destination_port)
    other = next((p for p in there if p != packet.transport.value), "")
    return f"; {packet.destination_port} is there as {other}" if other else ""


def _echo(ground: Ground, traveller: Traveller, link: Link) -> Traveller:
    packet, place = traveller.packet, ground.place(traveller.cookie, link)
    is_echo = packet.icmp_type == ECHO_REQUEST[packet.version]
    found = SocketFound(socket=None, is_echo=is_echo)
    version = "ipv4.icmp_echo" if packet.version == V4 else "ipv6.icmp.echo"
    key = f"net.{version}_ignore_all"
    if is_echo and setting(ground.stack(traveller.cookie), key):
        name = ground.snapshot.call(traveller.cookie)
        return traveller.then(
            place,
            found,
            drop=Drop(
                cause=Cause.NO_ANSWER,
                sentence=f"{name} is told not to answer ping",
                evidence=(Fact(what=f"sysctl {key}", says="1"),),
                place=place,
                subject=key,
            ),
        )
    expected = (Answered(),) if is_echo else ()
    return _accepted(ground, traveller, link, found, expected)


def _taken(
    ground: Ground, traveller: Traveller, link: Link, taking: tuple[ListeningSocket, ...]
) -> Traveller:
    """By the first that has room; which of several it is, a hash decides."""
    open_ones = [s for s in taking if has_room(s)]
    if not open_ones:
        packet = traveller.packet
        place = ground.place(traveller.cookie, link)
        service = f"{packet.destination_port}/{packet.transport.value}"
        found = SocketFound(socket=taking[0])
        return traveller.then(place, found, drop=overflow(taking[0], service, place))
    found = SocketFound(socket=open_ones[0])
    full = len(taking) - len(open_ones)
    assumed = f"none of the {full} sockets on this port whose queue is full is chosen"
    return _accepted(ground, traveller, link, found, (Answered(),), (assumed,) if full else ())


def _accepted(
    ground: Ground,
    traveller: Traveller,
    link: Link,
    found: SocketFound,
    expected: tuple[Expected, ...],
    assumptions: tuple[str, ...] = (),
) -> Traveller:
    """Taken; but not by who was asked for, where two have the address."""
    place, drop = ground.place(traveller.cookie, link), _usurped(ground, traveller)
    took = traveller.then(
        place,
        found,
        action=Action.DELIVERED,
        expected=expected,
        assumptions=assumptions,
        drop=drop,
    )
    return took if took.has_ended else took.at(_ACCEPTED)


def _usurped(ground: Ground, traveller: Traveller) -> Drop | None:
    meant, address = ground.question.meant, traveller.packet.destination
    if meant in {None, traveller.cookie} or address != ground.question.destination:
        return None
    assert meant is not None
    asked, name = ground.snapshot.call(meant), ground.snapshot.call(traveller.cookie)
    return Drop(
        cause=Cause.DUPLICATE_ADDRESS,
        sentence=f"{name} takes it, not {asked}: both have {address}",
        evidence=(Fact(what=f"addresses of {name}", says=str(address)),),
        place=ground.place(traveller.cookie),
        subject=str(address),
    )


def _nobody(
    ground: Ground,
    traveller: Traveller,
    link: Link,
    on_port: tuple[ListeningSocket, ...],
    others: tuple[ListeningSocket, ...],
) -> Drop:
    packet, name = traveller.packet, ground.snapshot.call(traveller.cookie)
    stack = ground.stack(traveller.cookie)
    service = f"{packet.destination_port}/{packet.transport.value}"
    rivals = _rivals(ground, traveller, link)
    if rivals:
        cause = Cause.DUPLICATE_ADDRESS
        sentence = f"{name} took it, and {packet.destination} is the address of {rivals} as well"
    elif not on_port:
        cause, sentence = Cause.NO_LISTENER, f"nothing in {name} listens on {service}"
        sentence += other_protocol(stack, packet)
        sentence += unanswered(ground.snapshot, traveller.cookie, packet)
    elif all(mapped(s.address).is_loopback for s in on_port):
        cause = Cause.LOOPBACK_LISTENER
        sentence = f"what listens on {service} in {name} does so on {on_port[0].address} only"
    else:
        cause = Cause.OTHER_ADDRESS_LISTENER
        heard = ", ".join(_words(s, stack) for s in on_port)
        sentence = f"what listens on {service} in {name} takes only {heard}"
    says = ", ".join(f"{s.port} on {_words(s, stack)}" for s in others) or "nothing"
    return Drop(
        cause=cause,
        sentence=sentence,
        evidence=(Fact(what=f"listening in {name} ({packet.transport.value})", says=says),),
        place=ground.place(traveller.cookie),
        subject=service,
    )


def _rivals(ground: Ground, traveller: Traveller, link: Link) -> str:
    """Who else on the segment has the address, by its stack or by what its engine says."""
    address = traveller.packet.destination
    if link.is_loopback or link.mac is None:
        return ""
    claimed = {n.cookie for n in ground.snapshot.names if address in n.addresses}
    return ", ".join(
        ground.snapshot.call(e.cookie)
        for e in explore(ground, traveller.cookie, link, Flood.BROADCAST).ears
        if e.cookie != traveller.cookie
        and (e.cookie in claimed if e.link is None else is_own(ground.stack(e.cookie), address))
    )


def _words(socket: ListeningSocket, stack: Stack) -> str:
    only = " (IPv6 only)" if socket.v6only and socket.address.is_unspecified else ""
    program = socket.serves or socket.process
    by = f" by {program}" if program else ""
    link = stack.link(socket.ifindex) if socket.ifindex is not None else None
    at = f" by {link.ifname} alone (SO_BINDTODEVICE)" if link is not None else ""
    return f"{socket.address}{only}{at}{by}"
