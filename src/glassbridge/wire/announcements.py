"""Frames that tell a network which MAC an address has now: gratuitous ARP, unsolicited NA."""

from ipaddress import IPv4Address, IPv6Address
from struct import Struct as Layout

_BROADCAST = b"\xff" * 6
_ALL_NODES_MAC = bytes.fromhex("333300000001")
_ALL_NODES = IPv6Address("ff02::1").packed
_ETH_ARP, _ETH_IPV6 = 0x0806, 0x86DD

_ARP_REQUEST = 1
_ICMPV6, _NEIGHBOUR_ADVERTISEMENT = 58, 136
_HOP_LIMIT = 255
_OVERRIDE = 0x20000000
_TARGET_LINK_LAYER_ADDRESS = 2

_ethernet = Layout(">6s6sH")
_arp = Layout(">HHBBH6s4s6s4s")
_ipv6 = Layout(">IHBB16s16s")
_advertisement = Layout(">BBHI16sBB6s")
_pseudo_header = Layout(">16s16sII")


def announcement(address: IPv4Address | IPv6Address, mac: bytes) -> bytes:
    """The frame that moves every neighbour's entry for an address to a MAC."""
    if isinstance(address, IPv4Address):
        return _gratuitous_arp(address.packed, mac)
    return _unsolicited_advertisement(address.packed, mac)


def _gratuitous_arp(address: bytes, mac: bytes) -> bytes:
    """RFC 5227 section 3: a request, which some stacks heed where they ignore a reply."""
    return _ethernet.pack(_BROADCAST, mac, _ETH_ARP) + _arp.pack(
        1, 0x0800, 6, 4, _ARP_REQUEST, mac, address, bytes(6), address
    )


def _unsolicited_advertisement(address: bytes, mac: bytes) -> bytes:
    """RFC 4861 section 7.2.6, with the override flag: it replaces what neighbours believe."""
    body = _advertise(address, mac, 0)
    pseudo = _pseudo_header.pack(address, _ALL_NODES, len(body), _ICMPV6)
    body = _advertise(address, mac, _checksum(pseudo + body))
    head = _ipv6.pack(6 << 28, len(body), _ICMPV6, _HOP_LIMIT, address, _ALL_NODES)
    return _ethernet.pack(_ALL_NODES_MAC, mac, _ETH_IPV6) + head + body


def _advertise(address: bytes, mac: bytes, checksum: int) -> bytes:
    return _advertisement.pack(
        _NEIGHBOUR_ADVERTISEMENT,
        0,
        checksum,
        _OVERRIDE,
        address,
        _TARGET_LINK_LAYER_ADDRESS,
        1,
        mac,
    )


def _checksum(data: bytes) -> int:
    """RFC 1071; the data's length is even here."""
    total = sum(int.from_bytes(data[i : i + 2]) for i in range(0, len(data), 2))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
