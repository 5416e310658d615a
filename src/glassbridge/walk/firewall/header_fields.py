"""Fields of a packet's headers, as linux/net/netfilter/nft_payload.c and nft_meta.c have them."""

from collections.abc import Callable
from typing import Final

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.packet import Packet, Transport
from glassbridge.walk.firewall.sight import Lack, Reader, Reading, Shown, Sight, numbered
from glassbridge.walk.firewall.words import TCP_FLAGS

_IPV4_HEADER, _IPV6_HEADER = 20, 40
_DONT_FRAGMENT = 0x4000
_ECHO_TYPES = {(4, False): 8, (4, True): 0, (6, False): 128, (6, True): 129}
_TCPDUMP_FLAGS = dict(zip("FSRP.UEW", TCP_FLAGS.values(), strict=True))
OWN_PACKETS: Final = ("output", "postrouting")
"""Hooks at which a packet has no frame yet, and may have a socket of its sender."""


def address_of(of: Callable[[Packet], IPAddress], version: int | None = None) -> Reader:
    """An address, where the packet is of that version."""

    def reader(sight: Sight) -> Reading:
        if version not in (None, sight.packet.version):
            return Lack.ABSENT
        address = of(sight.packet)
        number = int(address)
        # some sets hold it as a bare number, see KeyType.IPV6_BITS
        return Shown((str(address), str(number)), number, address)

    return reader


def _mac(mac: Callable[[Sight], Mac | None]) -> Reader:
    def reader(sight: Sight) -> Reading:
        if sight.call.hook in OWN_PACKETS and sight.call.family != "bridge":
            return Lack.ABSENT
        found = mac(sight)
        return Lack.UNKNOWN if found is None else Shown((found,))

    return reader


def _ether_type(sight: Sight) -> int:
    return 0x0800 if sight.packet.version == 4 else 0x86DD  # noqa: PLR2004 - the IP version


def _nfproto(sight: Sight) -> int:
    if sight.call.family == "bridge":
        return 7
    return 2 if sight.packet.version == 4 else 10  # noqa: PLR2004 - the IP version


def _of_version(version: int, number: Callable[[Packet], int]) -> Callable[[Sight], int | Lack]:
    return lambda s: number(s.packet) if s.packet.version == version else Lack.ABSENT


def _length(packet: Packet) -> int:
    return packet.length


def _packet_type(sight: Sight) -> int:
    destination = sight.packet.destination
    if destination.is_multicast:
        return 2
    return 1 if str(destination) == "255.255.255.255" else 0


def _known(number: Callable[[Sight], int | Lack]) -> Callable[[Sight], int | Lack]:
    """0 stands for a length that is not known beforehand."""

    def known(sight: Sight) -> int | Lack:
        found = number(sight)
        return Lack.UNKNOWN if found == 0 else found

    return known


def _chosen(number: Callable[[Sight], int | Lack]) -> Callable[[Sight], int | Lack]:
    """0 stands for a port that is not yet chosen."""

    def chosen(sight: Sight) -> int | Lack:
        found = number(sight)
        return Lack.NOT_CHOSEN if found == 0 else found

    return chosen


def _port(transport: Transport, of: Callable[[Packet], int]) -> Callable[[Sight], int | Lack]:
    return lambda s: of(s.packet) if s.packet.transport is transport else Lack.ABSENT


def _any_port(of: Callable[[Packet], int]) -> Callable[[Sight], int | Lack]:
    """`th` reads the octets there whatever the protocol: of ICMP these are type and checksum."""

    def number(sight: Sight) -> int | Lack:
        packet = sight.packet
        return Lack.UNKNOWN if packet.transport is Transport.ICMP else of(packet)

    return number


def _source_port(packet: Packet) -> int:
    return packet.source_port


def _destination_port(packet: Packet) -> int:
    return packet.destination_port


def _tcp_flags(sight: Sight) -> int | Lack:
    packet = sight.packet
    if packet.transport is not Transport.TCP:
        return Lack.ABSENT
    if not packet.tcp_flags:
        return Lack.UNKNOWN
    return sum(_TCPDUMP_FLAGS.get(flag, 0) for flag in packet.tcp_flags)


def _icmp(version: int, number: Callable[[Sight], int]) -> Callable[[Sight], int | Lack]:
    def reader(sight: Sight) -> int | Lack:
        packet = sight.packet
        is_it = packet.transport is Transport.ICMP and packet.version == version
        return number(sight) if is_it else Lack.ABSENT

    return reader


def icmp_type(sight: Sight) -> int:
    """Of an ICMP packet; where it was not said, of an echo."""
    if sight.packet.icmp_type is not None:
        return sight.packet.icmp_type
    return _ECHO_TYPES[sight.packet.version, sight.call.is_reply]


def _ipv6_source_bits(sight: Sight) -> int | Lack:
    """Of IPv4 there are other octets; whoever reads the source so has asked for IPv6 before."""
    if sight.packet.version == 4:  # noqa: PLR2004 - the IP version
        return Lack.ABSENT
    return int(sight.packet.source)


def source(packet: Packet) -> IPAddress:
    """Where it comes from."""
    return packet.source


def destination(packet: Packet) -> IPAddress:
    """Where it goes."""
    return packet.destination


_NUMBERS: Final[dict[str, Callable[[Sight], int | Lack]]] = {
    "meta protocol": _ether_type,
    "ether type": _ether_type,
    "meta nfproto": _nfproto,
    "meta l4proto": lambda s: s.packet.protocol_number,
    "meta mark": lambda s: Lack.UNKNOWN if s.mark is None else s.mark,
    "meta length": _known(lambda s: s.packet.length),
    "meta pkttype": _packet_type,
    "ip version": _of_version(4, lambda _: 4),
    "ip6 version": _of_version(6, lambda _: 6),
    "ip protocol": _of_version(4, lambda p: p.protocol_number),
    "ip6 nexthdr": _of_version(6, lambda p: p.protocol_number),
    "ip ttl": _of_version(4, lambda p: p.ttl),
    "ip6 hoplimit": _of_version(6, lambda p: p.ttl),
    "ip length": _known(_of_version(4, _length)),
    "ip6 length": _known(_of_version(6, lambda p: max(p.length - _IPV6_HEADER, 0))),
    "ip hdrlength": _of_version(4, lambda _: _IPV4_HEADER // 4),
    "ip frag-off": _of_version(4, lambda p: _DONT_FRAGMENT if p.dont_fragment else 0),
    "tcp sport": _chosen(_port(Transport.TCP, _source_port)),
    "tcp dport": _chosen(_port(Transport.TCP, _destination_port)),
    "udp sport": _chosen(_port(Transport.UDP, _source_port)),
    "udp dport": _chosen(_port(Transport.UDP, _destination_port)),
    "th sport": _chosen(_any_port(_source_port)),
    "th dport": _chosen(_any_port(_destination_port)),
    "tcp flags": _tcp_flags,
    "icmp type": _icmp(4, icmp_type),
    "icmpv6 type": _icmp(6, icmp_type),
    "icmp code": _icmp(4, lambda s: s.packet.icmp_code),
    "icmpv6 code": _icmp(6, lambda s: s.packet.icmp_code),
    "@nh,64,128": _ipv6_source_bits,
}

HEADER_FIELDS: Final[dict[str, Reader]] = {
    **{field: numbered(field, number) for field, number in _NUMBERS.items()},
    "ether saddr": _mac(lambda s: s.call.source_mac),
    "ether daddr": _mac(lambda s: s.call.destination_mac),
    "ip saddr": address_of(source, 4),
    "ip daddr": address_of(destination, 4),
    "ip6 saddr": address_of(source, 6),
    "ip6 daddr": address_of(destination, 6),
}
