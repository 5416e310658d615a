"""The answer: who sends it, and whether it comes back as an answer to the one who asked."""

from msgspec.structs import replace

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.step_details import Received, SocketFound
from glassbridge.model.walk import Action, Answered, Disposition, Drop, Expected, Fact
from glassbridge.walk.path.delivering import ECHO_REQUEST
from glassbridge.walk.path.traveller import (
    Delivered,
    Ended,
    Ground,
    Macs,
    Sending,
    Traveller,
    incoming,
    outgoing,
)
from glassbridge.walk.path.validity import is_own

_ECHO_REPLY = {4: 0, 6: 129}
_ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}
UDP_MAY_BE_SILENT = "a UDP server need not answer: the way back is the one that it would take"


def answering(there: Traveller) -> Traveller | None:
    """Set out on the way back; None where nothing arrived, or nothing is answered."""
    station = there.station
    if not isinstance(station, Ended) or station.disposition is not Disposition.ACCEPTED:
        return None
    packet = there.packet
    is_icmp = packet.transport is Transport.ICMP
    if is_icmp and packet.icmp_type != ECHO_REQUEST[packet.version]:
        return None
    taken = there.steps[-1].detail
    uid = taken.socket.uid if isinstance(taken, SocketFound) and taken.socket else 0
    back = replace(there, is_reply=True, macs=Macs(), packet=answer_to(packet))
    return back.at(Sending(uid=uid))


def answer_to(packet: Packet) -> Packet:
    """The headers of the answer; the kernel lets its echo replies be cut to fit."""
    is_icmp = packet.transport is Transport.ICMP
    return Packet(
        transport=packet.transport,
        source=packet.destination,
        destination=packet.source,
        source_port=packet.source_port if is_icmp else packet.destination_port,
        destination_port=0 if is_icmp else packet.source_port,
        icmp_type=_ECHO_REPLY[packet.version] if is_icmp else None,
        length=packet.length if is_icmp else 0,
        dont_fragment=not is_icmp,
        tcp_flags="S." if packet.transport is Transport.TCP else "",
    )


def is_error(packet: Packet) -> bool:
    """An ICMP error about the walk's packet."""
    return packet.transport is Transport.ICMP and packet.icmp_type in _ERRORS[packet.version]


def come_back(ground: Ground, traveller: Traveller, station: Delivered) -> Traveller:
    """The last step of an answer: to the one who asked, or to somebody else."""
    cookie, link = traveller.cookie, station.link
    expected: tuple[Expected, ...] = (Answered(),)
    if link.is_loopback:
        expected = (outgoing(cookie, link), incoming(cookie, link), *expected)
    drop = _unwanted(ground, traveller)
    udp = traveller.packet.transport is Transport.UDP
    return traveller.then(
        ground.place(cookie, link),
        Received(address=traveller.packet.destination),
        action=Action.DELIVERED,
        expected=expected,
        assumptions=(UDP_MAY_BE_SILENT,) if udp else (),
        drop=drop,
    ).at(Ended(disposition=Disposition.DROPPED if drop else Disposition.ACCEPTED))


def _unwanted(ground: Ground, traveller: Traveller) -> Drop | None:
    """Why nobody has been waiting for this answer here."""
    sent, got = traveller.steps[0].packet, traveller.packet
    here, asker = ground.snapshot.call(traveller.cookie), traveller.steps[0].place
    if traveller.cookie != ground.question.source:
        return _at_another(ground, traveller, here, asker.name)
    if is_error(got):
        return None
    if (got.source, got.destination) == (sent.destination, sent.source) and (
        sent.transport is Transport.ICMP or got.source_port == sent.destination_port
    ):
        return None
    return Drop(
        cause=Cause.NO_MASQUERADE,
        sentence=f"the answer comes straight from {_name(ground, got)}, and {here} asked"
        f" {sent.destination}",
        evidence=(
            Fact(what="asked", says=f"{sent.source} -> {_service(sent)}"),
            Fact(what="answered", says=f"{got.source} -> {got.destination}"),
        ),
        place=ground.place(ground.snapshot.home),
        subject=str(sent.source),
    )


def _at_another(ground: Ground, traveller: Traveller, here: str, asker: str) -> Drop:
    address = traveller.packet.destination
    source = ground.question.source
    is_shared = source is not None and is_own(ground.stack(source), address)
    return Drop(
        cause=Cause.DUPLICATE_ADDRESS if is_shared else Cause.NO_ANSWER,
        sentence=f"the answer goes to {here}, which has {address} too, and not to {asker}"
        if is_shared
        else f"the answer ends in {here}, and {asker} had asked",
        evidence=(Fact(what=f"owner of {address}", says=here),),
        place=ground.place(traveller.cookie),
        subject=str(address),
    )


def _name(ground: Ground, packet: Packet) -> str:
    owner = ground.snapshot.owner_of(packet.source)
    return f"{owner} ({packet.source})" if owner else str(packet.source)


def _service(packet: Packet) -> str:
    port = f":{packet.destination_port}" if packet.destination_port else ""
    return f"{packet.destination}{port}"
