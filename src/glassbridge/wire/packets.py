"""IP packets and what they carry: TCP, UDP, ICMP, neighbour discovery (RFC 791, 8200, 9293, 4861).

Packets may be cut short, by a snap length or because an ICMP error quotes only their start.
Whatever the bytes, nothing raises: what is too short or nonsense is None.
"""

from ipaddress import IPv4Address, IPv6Address
from struct import Struct as Layout
from typing import NamedTuple

IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6 = 1, 6, 17, 58

ICMP_ECHO_REPLY, ICMP_ECHO = 0, 8
ICMPV6_ECHO, ICMPV6_ECHO_REPLY = 128, 129
ND_SOLICITATION, ND_ADVERTISEMENT = 135, 136

ICMP_ERRORS = frozenset({3, 4, 5, 11, 12})
"""Unreachable, source quench, redirect, time exceeded, parameter problem: they quote a packet."""
ICMPV6_ERRORS = frozenset({1, 2, 3, 4})
"""Unreachable, too big, time exceeded, parameter problem."""

_EXTENSIONS = frozenset({0, 43, 60, 135, 139, 140})
"""Hop-by-hop, routing, destination, mobility, HIP, shim6: all begin alike."""
_FRAGMENT, _AUTHENTICATION = 44, 51
_MAX_EXTENSIONS = 16

_SOURCE_LINK_LAYER, _TARGET_LINK_LAYER = 1, 2
_FLAG_LETTERS = (
    (1, "F"),
    (2, "S"),
    (4, "R"),
    (8, "P"),
    (16, "."),
    (32, "U"),
    (64, "E"),
    (128, "W"),
)

_ipv4 = Layout(">BxHHHBBxx4s4s")
_ipv6 = Layout(">IHBB16s16s")
_fragment = Layout(">BxHI")
_extension = Layout(">BB")
_ports = Layout(">HH")
_tcp = Layout(">HHIIBB")
_icmp = Layout(">BBxx")
_identity = Layout(">HH")
_u32 = Layout(">I")

_TCP_HEAD, _UDP_HEAD, _ICMP_HEAD = 20, 8, 8
_ND_HEAD = 24


class IPPacket(NamedTuple):
    """An IPv4 or IPv6 header, options and extension headers passed over."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    protocol: int
    """Of the payload: behind the last extension header."""
    length: int
    """Of the whole packet, as its header says; more than there may be here."""
    ttl: int
    dont_fragment: bool
    """Always so in IPv6."""
    identification: int
    """IPv6: of the fragment header, else 0."""
    fragment_offset: int
    """In octets: beyond 0 the payload is no transport header."""
    more_fragments: bool
    payload: bytes


class TcpSegment(NamedTuple):
    """The head of a TCP segment."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int | None
    """None: cut off, as in ICMP errors."""
    flags: str
    """As tcpdump writes them."""


class UdpDatagram(NamedTuple):
    """A UDP datagram."""

    source_port: int
    destination_port: int
    payload: bytes


class IcmpMessage(NamedTuple):
    """An ICMP or ICMPv6 message."""

    type: int
    code: int
    identifier: int
    """Of echo requests and replies; of other types without meaning."""
    sequence: int
    payload: bytes
    """Behind the first eight octets: the echo's data, or the quoted packet of an error."""


class NeighbourDiscovery(NamedTuple):
    """A neighbour solicitation or advertisement."""

    is_advertisement: bool
    target: IPv6Address
    mac: bytes | None
    """Of the sender of a solicitation, of the target of an advertisement."""


def decode_ip(packet: bytes) -> IPPacket | None:
    """Take an IP packet of either version apart."""
    match packet[0] >> 4 if packet else 0:
        case 4:
            return _decode_ipv4(packet)
        case 6:
            return _decode_ipv6(packet)
        case _:
            return None


def decode_tcp(segment: bytes) -> TcpSegment | None:
    """Take a TCP segment apart; eight octets are enough."""
    if len(segment) < _TCP_HEAD:
        if len(segment) < _ports.size + _u32.size:
            return None
        source, destination = _ports.unpack_from(segment)
        (sequence,) = _u32.unpack_from(segment, _ports.size)
        return TcpSegment(source, destination, sequence, None, "")
    source, destination, sequence, acknowledgement, _offset, flags = _tcp.unpack_from(segment)
    letters = "".join(letter for bit, letter in _FLAG_LETTERS if flags & bit)
    return TcpSegment(source, destination, sequence, acknowledgement, letters)


def decode_udp(datagram: bytes) -> UdpDatagram | None:
    """Take a UDP datagram apart."""
    if len(datagram) < _ports.size:
        return None
    source, destination = _ports.unpack_from(datagram)
    return UdpDatagram(source, destination, datagram[_UDP_HEAD:])


def decode_icmp(message: bytes) -> IcmpMessage | None:
    """Take an ICMP or ICMPv6 message apart."""
    if len(message) < _icmp.size:
        return None
    kind, code = _icmp.unpack_from(message)
    identifier, sequence = (
        _identity.unpack_from(message, 4) if len(message) >= _ICMP_HEAD else (0, 0)
    )
    return IcmpMessage(kind, code, identifier, sequence, message[_ICMP_HEAD:])


def decode_neighbour_discovery(message: bytes) -> NeighbourDiscovery | None:
    """Take a neighbour solicitation or advertisement apart; of other ICMPv6 messages: None."""
    if len(message) < _ND_HEAD or message[0] not in (ND_SOLICITATION, ND_ADVERTISEMENT):
        return None
    is_advertisement = message[0] == ND_ADVERTISEMENT
    wanted = _TARGET_LINK_LAYER if is_advertisement else _SOURCE_LINK_LAYER
    target = IPv6Address(message[8:_ND_HEAD])
    return NeighbourDiscovery(is_advertisement, target, _link_layer_option(message, wanted))


def is_echo(version: int, icmp_type: int) -> bool:
    """Whether an ICMP type of that IP version is an echo request or reply."""
    if version == 4:  # noqa: PLR2004 - the IP version
        return icmp_type in (ICMP_ECHO, ICMP_ECHO_REPLY)
    return icmp_type in (ICMPV6_ECHO, ICMPV6_ECHO_REPLY)


def is_icmp_error(version: int, icmp_type: int) -> bool:
    """Whether an ICMP type of that IP version is an error, which quotes a packet."""
    return icmp_type in (ICMP_ERRORS if version == 4 else ICMPV6_ERRORS)  # noqa: PLR2004 - the IP version


def _decode_ipv4(packet: bytes) -> IPPacket | None:
    if len(packet) < _ipv4.size:
        return None
    first, length, identification, fragment, ttl, protocol, source, destination = _ipv4.unpack_from(
        packet
    )
    head = (first & 0xF) * 4
    if head < _ipv4.size:
        return None
    return IPPacket(
        source=IPv4Address(source),
        destination=IPv4Address(destination),
        protocol=protocol,
        length=length,
        ttl=ttl,
        dont_fragment=bool(fragment & 0x4000),
        identification=identification,
        fragment_offset=(fragment & 0x1FFF) * 8,
        more_fragments=bool(fragment & 0x2000),
        # Ethernet pads short frames: the length in the header says where the packet ends;
        # 0 is a super-packet of more than 64 KiB
        payload=packet[head : length or None],
    )


def _decode_ipv6(packet: bytes) -> IPPacket | None:
    if len(packet) < _ipv6.size:
        return None
    _version, length, protocol, ttl, source, destination = _ipv6.unpack_from(packet)
    end = min(len(packet), _ipv6.size + length) if length else len(packet)
    start, identification, offset, more = _ipv6.size, 0, 0, False
    for _ in range(_MAX_EXTENSIONS):
        if offset or start + _fragment.size > end:
            break
        if protocol == _FRAGMENT:
            protocol, place, identification = _fragment.unpack_from(packet, start)
            offset, more = place & 0xFFF8, bool(place & 1)
            start += _fragment.size
        elif protocol in _EXTENSIONS:
            protocol, size = _extension.unpack_from(packet, start)
            start += (size + 1) * 8
        elif protocol == _AUTHENTICATION:
            protocol, size = _extension.unpack_from(packet, start)
            start += (size + 2) * 4
        else:
            break
    return IPPacket(
        source=IPv6Address(source),
        destination=IPv6Address(destination),
        protocol=protocol,
        length=_ipv6.size + length,
        ttl=ttl,
        dont_fragment=True,
        identification=identification,
        fragment_offset=offset,
        more_fragments=more,
        payload=packet[start:end],
    )


def _link_layer_option(message: bytes, wanted: int) -> bytes | None:
    start = _ND_HEAD
    while start + 8 <= len(message):
        kind, size = message[start], message[start + 1] * 8
        if size == 0:
            return None
        if kind == wanted:
            return message[start + 2 : start + 8]
        start += size
    return None
