"""Headers that a witness copied out of the kernel, as a model packet."""

from ipaddress import IPv4Address, IPv6Address
from struct import Struct as Layout

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import (
    ICMP_NUMBER,
    ICMPV6_NUMBER,
    TCP_NUMBER,
    UDP_NUMBER,
    Packet,
    Transport,
)

_TRANSPORTS = {
    TCP_NUMBER: Transport.TCP,
    UDP_NUMBER: Transport.UDP,
    ICMP_NUMBER: Transport.ICMP,
    ICMPV6_NUMBER: Transport.ICMP,
}
_ECHOES = frozenset(
    {(ICMP_NUMBER, 0), (ICMP_NUMBER, 8), (ICMPV6_NUMBER, 128), (ICMPV6_NUMBER, 129)}
)
_IPV4_SIZE, _IPV6_SIZE = 20, 40
_TCP_FLAGS_AT = 13
_TCP_FLAGS = ((2, "S"), (1, "F"), (4, "R"), (8, "P"), (32, "U"), (16, "."))

_ipv4 = Layout("!BxHxxHBBxx4s4s")
_ipv6 = Layout("!IHBB16s16s")
_ports = Layout("!HH")
_icmp = Layout("!BBxxH")


def decode_packet(network: bytes, transport: bytes, mark: int = 0) -> Packet | None:
    """Read an IP header and what stands behind it, cut off anywhere; None: no such packet.

    IPv6 extension headers are not passed over: what is behind them is none of ours.
    """
    match network[0] >> 4 if network else 0:
        case 4 if len(network) >= _IPV4_SIZE:
            _, length, fragment, ttl, number, source4, destination4 = _ipv4.unpack_from(network)
            source: IPAddress = IPv4Address(source4)
            destination: IPAddress = IPv4Address(destination4)
            dont_fragment = bool(fragment & 0x4000)
        case 6 if len(network) >= _IPV6_SIZE:
            _, payload, number, ttl, source6, destination6 = _ipv6.unpack_from(network)
            source, destination = IPv6Address(source6), IPv6Address(destination6)
            length, dont_fragment = payload + _IPV6_SIZE, True
        case _:
            return None
    if number not in _TRANSPORTS:
        return None
    source_port, destination_port, icmp_type, icmp_code = _ends(number, transport)
    return Packet(
        transport=_TRANSPORTS[number],
        source=source,
        destination=destination,
        source_port=source_port,
        destination_port=destination_port,
        icmp_type=icmp_type,
        icmp_code=icmp_code,
        length=length,
        ttl=ttl,
        dont_fragment=dont_fragment,
        mark=mark,
        tcp_flags=_tcp_flags(number, transport),
    )


def _ends(number: int, transport: bytes) -> tuple[int, int, int | None, int]:
    """Source port, destination port, ICMP type, ICMP code."""
    if number in (TCP_NUMBER, UDP_NUMBER):
        if len(transport) < _ports.size:
            return 0, 0, None, 0
        source, destination = _ports.unpack_from(transport)
        return source, destination, None, 0
    if len(transport) < _icmp.size:
        return 0, 0, None, 0
    kind, code, identifier = _icmp.unpack_from(transport)
    return identifier if (number, kind) in _ECHOES else 0, 0, kind, code


def _tcp_flags(number: int, transport: bytes) -> str:
    if number != TCP_NUMBER or len(transport) <= _TCP_FLAGS_AT:
        return ""
    bits = transport[_TCP_FLAGS_AT]
    return "".join(word for bit, word in _TCP_FLAGS if bits & bit)
