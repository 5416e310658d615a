"""Fields of a packet by their names in nft: what each shows at a hook.

Where nothing else is said, linux/net/netfilter/nft_meta.c, nft_payload.c and nft_ct.c are followed.
"""

from collections.abc import Callable
from typing import Final

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.topology import Link
from glassbridge.walk.address_types import address_type, reverse_path
from glassbridge.walk.sight import Lack, Reading, Shown, Sight
from glassbridge.walk.tracked_fields import TRACKED_FIELDS
from glassbridge.walk.words import TCP_FLAGS, names_of

_IPV4_HEADER, _IPV6_HEADER = 20, 40
_DONT_FRAGMENT = 0x4000
_ECHO_TYPES = {(4, False): 8, (4, True): 0, (6, False): 128, (6, True): 129}
_TCPDUMP_FLAGS = dict(zip("FSRP.UEW", TCP_FLAGS.values(), strict=True))
_OWN_PACKETS = ("output", "postrouting")


def read(field: str, sight: Sight) -> Reading:
    """What a field shows; one that is not known here is UNKNOWN."""
    reader = FIELDS.get(field)
    return Lack.UNKNOWN if reader is None else reader(sight)


def read_number(field: str, number: int) -> Shown:
    """A number with all its names."""
    return Shown(names_of(field, number), number)


def _number(field: str, number: Callable[[Sight], int | Lack]) -> Callable[[Sight], Reading]:
    def reader(sight: Sight) -> Reading:
        found = number(sight)
        return found if isinstance(found, Lack) else read_number(field, found)

    return reader


def _address(version: int, of: Callable[[Packet], IPAddress]) -> Callable[[Sight], Reading]:
    def reader(sight: Sight) -> Reading:
        if sight.packet.version != version:
            return Lack.ABSENT
        address = of(sight.packet)
        return Shown((str(address),), int(address), address)

    return reader


# -- links


def _incoming(sight: Sight) -> Link | None:
    return sight.call.iif


def _outgoing(sight: Sight) -> Link | None:
    return sight.call.oif


def _name(link: Callable[[Sight], Link | None]) -> Callable[[Sight], Reading]:
    """No link: an empty name, which may well be compared."""

    def reader(sight: Sight) -> Reading:
        found = link(sight)
        return Shown(("" if found is None else found.ifname,))

    return reader


def _index(link: Callable[[Sight], Link | None]) -> Callable[[Sight], Reading]:
    def reader(sight: Sight) -> Reading:
        found = link(sight)
        if found is None:
            return Shown(("0",), 0)
        return Shown((found.ifname, str(found.ifindex)), found.ifindex)

    return reader


def _kind(link: Callable[[Sight], Link | None]) -> Callable[[Sight], Reading]:
    def reader(sight: Sight) -> Reading:
        found = link(sight)
        return Lack.ABSENT if found is None or not found.kind else Shown((found.kind,))

    return reader


def _group(field: str, link: Callable[[Sight], Link | None]) -> Callable[[Sight], Reading]:
    def number(sight: Sight) -> int | Lack:
        found = link(sight)
        return Lack.ABSENT if found is None else found.group

    return _number(field, number)


def _bridge(link: Callable[[Sight], Link | None]) -> Callable[[Sight], Reading]:
    """The bridge that a port belongs to; only the bridge family has it."""

    def reader(sight: Sight) -> Reading:
        found = link(sight)
        if sight.call.family != "bridge" or found is None or found.master is None:
            return Lack.ABSENT
        bridge = sight.namespace.stack.link(found.master)
        return Lack.UNKNOWN if bridge is None else Shown((bridge.ifname,))

    return reader


def _physical(link: Callable[[Sight], Link | None]) -> Callable[[Sight], Reading]:
    """xt_physdev: a packet that no bridge carries has no port, and an empty name."""

    def reader(sight: Sight) -> Reading:
        found = link(sight)
        return Shown(("" if found is None else found.ifname,))

    return reader


def _yes(holds: Callable[[Sight], bool]) -> Callable[[Sight], Reading]:
    return lambda sight: Shown(("1",), 1) if holds(sight) else Shown(("0",), 0)


def _is_bridged(sight: Sight) -> bool:
    return sight.call.physical_in is not None and sight.call.physical_out is not None


# -- headers


def _mac(mac: Callable[[Sight], Mac | None]) -> Callable[[Sight], Reading]:
    def reader(sight: Sight) -> Reading:
        if sight.call.hook in _OWN_PACKETS and sight.call.family != "bridge":
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
    """0 stands for what is not known beforehand: a length, a port."""

    def known(sight: Sight) -> int | Lack:
        found = number(sight)
        return Lack.UNKNOWN if found == 0 else found

    return known


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
    if sight.packet.version == 4:  # noqa: PLR2004 - the IP version
        return Lack.UNKNOWN
    return int(sight.packet.source)


def _owner(_: Sight) -> Reading:
    """Of the sending socket, which only packets of one's own have."""
    return Lack.UNKNOWN if _.call.hook in _OWN_PACKETS else Lack.ABSENT


def _fib_type(of: Callable[[Packet], IPAddress], link: str = "") -> Callable[[Sight], Reading]:
    def reader(sight: Sight) -> Reading:
        on = {"iif": sight.call.iif, "oif": sight.call.oif}.get(link)
        return Shown((address_type(sight.namespace.stack, of(sight.packet), on),))

    return reader


def _reverse_path(sight: Sight) -> Reading:
    way = reverse_path(sight.namespace.stack, sight.packet.source, sight.call.iif)
    return Lack.UNKNOWN if way is None else Shown((way,))


def _absent(_: Sight) -> Reading:
    return Lack.ABSENT


def _source(packet: Packet) -> IPAddress:
    return packet.source


def _destination(packet: Packet) -> IPAddress:
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
    "tcp sport": _known(_port(Transport.TCP, _source_port)),
    "tcp dport": _known(_port(Transport.TCP, _destination_port)),
    "udp sport": _known(_port(Transport.UDP, _source_port)),
    "udp dport": _known(_port(Transport.UDP, _destination_port)),
    "th sport": _known(_any_port(_source_port)),
    "th dport": _known(_any_port(_destination_port)),
    "tcp flags": _tcp_flags,
    "icmp type": _icmp(4, icmp_type),
    "icmpv6 type": _icmp(6, icmp_type),
    "icmp code": _icmp(4, lambda s: s.packet.icmp_code),
    "icmpv6 code": _icmp(6, lambda s: s.packet.icmp_code),
    "@nh,64,128": _ipv6_source_bits,
}

FIELDS: Final[dict[str, Callable[[Sight], Reading]]] = {
    **{field: _number(field, number) for field, number in _NUMBERS.items()},
    **TRACKED_FIELDS,
    "meta iifname": _name(_incoming),
    "meta oifname": _name(_outgoing),
    "meta iif": _index(_incoming),
    "meta oif": _index(_outgoing),
    "meta iifkind": _kind(_incoming),
    "meta oifkind": _kind(_outgoing),
    "meta iifgroup": _group("meta iifgroup", _incoming),
    "meta oifgroup": _group("meta oifgroup", _outgoing),
    "meta ibrname": _bridge(_incoming),
    "meta obrname": _bridge(_outgoing),
    "meta skuid": _owner,
    "meta skgid": _owner,
    "meta cgroup": _owner,
    "physdev in": _physical(lambda s: s.call.physical_in),
    "physdev out": _physical(lambda s: s.call.physical_out),
    "physdev is-in": _yes(lambda s: s.call.physical_in is not None),
    "physdev is-out": _yes(lambda s: s.call.physical_out is not None),
    "physdev is-bridged": _yes(_is_bridged),
    "ether saddr": _mac(lambda s: s.call.source_mac),
    "ether daddr": _mac(lambda s: s.call.destination_mac),
    "ip saddr": _address(4, _source),
    "ip daddr": _address(4, _destination),
    "ip6 saddr": _address(6, _source),
    "ip6 daddr": _address(6, _destination),
    "fib saddr type": _fib_type(_source),
    "fib daddr type": _fib_type(_destination),
    "fib saddr . iif type": _fib_type(_source, "iif"),
    "fib daddr . iif type": _fib_type(_destination, "iif"),
    "fib saddr . oif type": _fib_type(_source, "oif"),
    "fib daddr . oif type": _fib_type(_destination, "oif"),
    "fib saddr . iif oif": _reverse_path,
    "fib saddr . mark . iif oif": _reverse_path,
    "arp operation": _absent,
    "arp saddr ether": _absent,
    "arp saddr ip": _absent,
    "arp daddr ether": _absent,
    "arp daddr ip": _absent,
    "vlan id": _absent,
    "sctp sport": _absent,
    "sctp dport": _absent,
}
