"""The traced packet is told from all others, whatever NAT makes of it."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from glassbridge.engine.asking import Asking
from glassbridge.engine.following import Follower, Way, destinations
from glassbridge.kernel.frames import HeardPacket
from glassbridge.model.address import Mac
from glassbridge.model.observation import NeighbourMessage
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.walk import Disposition, Walk

C, HOST, GATEWAY, SERVER = (IPv4Address(f"10.0.0.{n}") for n in (2, 1, 254, 9))
COOKIE = b"0123456789ab"
End = tuple[IPv4Address, int]


def packet(transport: Transport, source: End, destination: End, flags: str = "") -> Packet:
    return Packet(
        transport=transport,
        source=source[0],
        source_port=source[1],
        destination=destination[0],
        destination_port=destination[1],
        tcp_flags=flags,
    )


def datagram(source: End, destination: End, payload: bytes = COOKIE) -> HeardPacket:
    return HeardPacket(packet=packet(Transport.UDP, source, destination), payload=payload)


def segment(source: End, destination: End, flags: str, seq: int, ack: int = 0) -> HeardPacket:
    return HeardPacket(
        packet=packet(Transport.TCP, source, destination, flags),
        sequence=seq,
        acknowledgement=ack,
    )


def echo(kind: int, source: IPv4Address, destination: IPv4Address, number: int) -> HeardPacket:
    message = Packet(
        transport=Transport.ICMP,
        source=source,
        destination=destination,
        source_port=number,
        icmp_type=kind,
    )
    return HeardPacket(packet=message, payload=COOKIE)


def test_a_datagram_is_known_after_both_its_ends_were_translated() -> None:
    sent = datagram((C, 4000), (HOST, 8080))
    follower = Follower(sent.packet, payload=COOKIE)
    assert follower.way_of(sent) is Way.THERE
    assert follower.way_of(datagram((GATEWAY, 61000), (SERVER, 53))) is Way.THERE
    assert follower.way_of(datagram((SERVER, 53), (GATEWAY, 61000), b"answer")) is Way.BACK
    assert follower.way_of(datagram((HOST, 8080), (C, 4000), b"answer")) is Way.BACK
    assert follower.way_of(datagram((SERVER, 53), (GATEWAY, 61001), b"answer")) is None
    assert follower.way_of(datagram((C, 4001), (HOST, 8080), b"another")) is None


def test_an_echoed_cookie_travels_back() -> None:
    follower = Follower(datagram((C, 4000), (HOST, 7)).packet, payload=COOKIE)
    assert follower.way_of(datagram((C, 4000), (HOST, 7))) is Way.THERE
    assert follower.way_of(datagram((C, 4000), (SERVER, 7))) is Way.THERE
    assert follower.way_of(datagram((SERVER, 7), (C, 4000))) is Way.BACK
    assert follower.way_of(datagram((HOST, 7), (C, 4000))) is Way.BACK


@given(st.integers(0, 0xFFFFFFFF), st.integers(1, 0xFFFF))
def test_a_connection_is_known_by_its_first_number(isn: int, port: int) -> None:
    follower = Follower(packet(Transport.TCP, (C, 4000), (HOST, 8080), "S"))
    after = (isn + 1) % (1 << 32)
    assert follower.way_of(segment((C, 4000), (HOST, 8080), "SEW", isn)) is Way.THERE
    assert follower.way_of(segment((GATEWAY, port), (SERVER, 80), "S", isn)) is Way.THERE
    assert follower.way_of(segment((SERVER, 80), (GATEWAY, port), "S.", 7, after)) is Way.BACK
    assert follower.way_of(segment((HOST, 8080), (C, 4000), "R.", 0, after)) is Way.BACK
    assert follower.way_of(segment((C, 4000), (HOST, 8080), ".", after, 8)) is None
    assert follower.way_of(segment((C, 4001), (HOST, 8080), "S", (isn + 5) % (1 << 32))) is None


def test_a_connection_whose_port_changed_at_once_is_known_by_where_it_goes() -> None:
    sent = packet(Transport.TCP, (C, 4000), (HOST, 8080), "S")
    seen = segment((GATEWAY, 999), (HOST, 8080), "S", 5)
    by_port = Follower(sent)
    assert by_port.way_of(seen) is None
    assert not by_port.has_found
    elsewhere = segment((GATEWAY, 999), (SERVER, 80), "S", 5)
    goes_to = destinations([sent])
    assert Follower(sent, goes_to=goes_to).way_of(seen) is Way.THERE
    assert Follower(sent, goes_to=goes_to).way_of(elsewhere) is None


def test_echo_is_told_apart_by_type_and_cookie() -> None:
    sent = echo(8, C, SERVER, 77)
    follower = Follower(sent.packet, payload=COOKIE)
    assert follower.way_of(sent) is Way.THERE
    assert follower.way_of(echo(8, HOST, SERVER, 78)) is Way.THERE
    assert follower.way_of(echo(0, SERVER, HOST, 78)) is Way.BACK
    another = HeardPacket(packet=sent.packet, payload=b"somebody els")
    assert follower.way_of(another) is None


def test_an_error_travels_against_what_it_is_about() -> None:
    sent = datagram((C, 4000), (SERVER, 53))
    follower = Follower(sent.packet, payload=COOKIE)
    follower.way_of(sent)
    error = Packet(transport=Transport.ICMP, source=HOST, destination=C, icmp_type=3)
    cut = HeardPacket(packet=sent.packet)
    assert follower.way_of(HeardPacket(packet=error, quoted=cut)) is Way.BACK
    back = HeardPacket(packet=packet(Transport.UDP, (SERVER, 53), (C, 4000)))
    assert follower.way_of(HeardPacket(packet=error, quoted=back)) is Way.THERE
    other = HeardPacket(packet=packet(Transport.UDP, (C, 4001), (SERVER, 53)))
    assert follower.way_of(HeardPacket(packet=error, quoted=other)) is None


def test_fragments_follow_the_first() -> None:
    sent = packet(Transport.UDP, (C, 4000), (SERVER, 53))
    bare = packet(Transport.UDP, (C, 0), (SERVER, 0))
    follower = Follower(sent, payload=COOKIE)
    later = HeardPacket(packet=bare, identification=5, is_later_fragment=True)
    assert follower.way_of(later) is None
    follower.way_of(HeardPacket(packet=sent, payload=COOKIE, identification=5))
    assert follower.way_of(later) is Way.THERE
    stranger = HeardPacket(packet=bare, identification=6, is_later_fragment=True)
    assert follower.way_of(stranger) is None


def test_headers_alone_tell_a_packet_amid_nat() -> None:
    sent = datagram((C, 4000), (HOST, 8080))
    follower = Follower(sent.packet, payload=COOKIE)
    follower.way_of(sent)
    between = packet(Transport.UDP, (C, 4000), (SERVER, 53))
    assert follower.way_of_headers(between) is Way.THERE
    assert follower.way_of_headers(packet(Transport.UDP, (SERVER, 53), (C, 4000))) is Way.BACK
    assert follower.way_of_headers(packet(Transport.UDP, (C, 4001), (SERVER, 53))) is None


def test_the_handshakes_end_is_another_packet() -> None:
    follower = Follower(packet(Transport.TCP, (C, 4000), (SERVER, 80), "S"))
    ends = (C, 4000), (SERVER, 80)
    assert follower.way_of_headers(packet(Transport.TCP, *ends, "S")) is Way.THERE
    assert follower.way_of_headers(packet(Transport.TCP, *ends, ".")) is None
    assert follower.way_of_headers(packet(Transport.TCP, *ends[::-1], "S.")) is Way.BACK
    assert follower.way_of_headers(packet(Transport.TCP, *ends[::-1], "P.")) is None


def test_anothers_datagram_needs_the_same_ends_or_number() -> None:
    seen = HeardPacket(
        packet=packet(Transport.UDP, (C, 123), (HOST, 123)), payload=COOKIE, identification=9
    )
    follower = Follower.of_another(seen)
    assert follower.way_of(seen) is Way.THERE
    moved = packet(Transport.UDP, (GATEWAY, 600), (HOST, 123))
    kept = HeardPacket(packet=moved, payload=COOKIE, identification=9)
    assert follower.way_of(kept) is Way.THERE
    other = HeardPacket(packet=packet(Transport.UDP, (SERVER, 700), (HOST, 123)), payload=COOKIE)
    assert follower.way_of(other) is None


def test_only_questions_of_the_walk_are_kept() -> None:
    walk = Walk(steps=(), disposition=Disposition.ACCEPTED)
    asking = Asking(walk, {C, SERVER})
    mac = Mac("02:42:0a:00:00:02")

    def said(
        sender: IPv4Address, target: IPv4Address, *, is_reply: bool = False
    ) -> NeighbourMessage:
        return NeighbourMessage(is_reply=is_reply, sender=sender, sender_mac=mac, target=target)

    assert asking.way_of(said(C, SERVER), 1, outgoing=True) is Way.THERE
    assert [*asking.unanswered] == [SERVER]
    assert asking.way_of(said(HOST, SERVER), 2, outgoing=False) is None
    assert asking.way_of(said(HOST, SERVER), 2, outgoing=True) is None
    assert asking.way_of(said(C, GATEWAY), 1, outgoing=True) is None
    assert asking.way_of(said(SERVER, C, is_reply=True), 3, outgoing=True) is Way.THERE
    assert not [*asking.unanswered]
