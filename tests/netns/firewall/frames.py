"""Frames as an attacker would forge them: bytes from RFC 826, 791, 768, 8200, 4861, 2131."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from glassbridge.model.address import Mac, mac_octets

IPV4, ARP, IPV6, EXPERIMENTAL = 0x0800, 0x0806, 0x86DD, 0x88B5
ROUTER_ADVERT, NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT, ND_REDIRECT = 134, 135, 136, 137
UNSPECIFIED = IPv6Address("::")


def ethernet(source: Mac, to: Mac, kind: int, payload: bytes, *, tags: int = 0) -> bytes:
    """With `tags` priority tags (802.1Q, VLAN 0), which a receiver strips."""
    tag = bytes.fromhex("81000000") * tags
    return mac_octets(to) + mac_octets(source) + tag + struct.pack("!H", kind) + payload


def arp_reply(mac: Mac, address: IPv4Address, marker: bytes) -> bytes:
    """`address is at mac`; what follows the 28 octets is padding."""
    head = struct.pack("!HHBBH", 1, IPV4, 6, 4, 2)
    return head + mac_octets(mac) + address.packed + bytes(10) + marker


def udp4(source: IPv4Address, to: IPv4Address, ports: tuple[int, int], payload: bytes) -> bytes:
    datagram = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    return ipv4(source, to, 17, datagram)


def icmp4_redirect(source: IPv4Address, to: IPv4Address, marker: bytes) -> bytes:
    message = struct.pack("!BBH4s", 5, 1, 0, source.packed) + marker
    return ipv4(source, to, 1, _with_checksum(message, 2))


def ipv4(source: IPv4Address, to: IPv4Address, protocol: int, payload: bytes) -> bytes:
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, source.packed, to.packed
    )
    return _with_checksum(head, 10) + payload


def udp6(source: IPv6Address, to: IPv6Address, ports: tuple[int, int], payload: bytes) -> bytes:
    datagram = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    return ipv6(source, to, 17, datagram, checksum_at=6)


def icmpv6(source: IPv6Address, to: IPv6Address, kind: int, body: bytes) -> bytes:
    return ipv6(source, to, 58, struct.pack("!BBH", kind, 0, 0) + body, checksum_at=2)


def neighbour(
    source: IPv6Address, to: IPv6Address, kind: int, target: IPv6Address, marker: bytes
) -> bytes:
    """A solicitation or advertisement about `target`; override flag set."""
    flags = 0x20000000 if kind == NEIGHBOR_ADVERT else 0
    return icmpv6(source, to, kind, struct.pack("!I", flags) + target.packed + marker)


def router_advert(source: IPv6Address, to: IPv6Address, marker: bytes) -> bytes:
    return icmpv6(source, to, ROUTER_ADVERT, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + marker)


def ipv6(
    source: IPv6Address, to: IPv6Address, protocol: int, payload: bytes, *, checksum_at: int
) -> bytes:
    pseudo = source.packed + to.packed + struct.pack("!II", len(payload), protocol)
    summed = _with_checksum(payload, checksum_at, pseudo)
    # a hop limit of 255, without which neighbour discovery is ignored
    head = struct.pack("!IHBB", 0x60000000, len(payload), protocol, 255)
    return head + source.packed + to.packed + summed


def _with_checksum(message: bytes, at: int, pseudo: bytes = b"") -> bytes:
    data = pseudo + message + b"\0" * (len(message) & 1)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return message[:at] + struct.pack("!H", ~total & 0xFFFF) + message[at + 2 :]
