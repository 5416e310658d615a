"""Link layer: Ethernet II with 802.1Q tags, and ARP (RFC 826).

Whatever the bytes, nothing raises: what is too short or nonsense is None.
"""

from ipaddress import IPv4Address
from struct import Struct as Layout
from typing import NamedTuple

ETH_IPV4, ETH_ARP, ETH_IPV6 = 0x0800, 0x0806, 0x86DD
ETH_8021Q, ETH_8021AD = 0x8100, 0x88A8

ARP_REQUEST, ARP_REPLY = 1, 2

_MAX_TAGS = 2

_head = Layout(">6s6sH")
_tag = Layout(">HH")
_arp = Layout(">HHBBH6s4s6s4s")
_ARP_OF_ETHERNET_AND_IPV4 = (0x0800, 6, 4)


class EthernetFrame(NamedTuple):
    """An Ethernet II header and what it carries."""

    destination: bytes
    source: bytes
    ethertype: int
    """Of the innermost header."""
    vlan: int | None
    """The outermost tag's VLAN id."""
    payload: bytes


class ArpPacket(NamedTuple):
    """ARP between Ethernet and IPv4 addresses."""

    operation: int
    sender_mac: bytes
    sender: IPv4Address
    target_mac: bytes
    target: IPv4Address


def decode_ethernet(frame: bytes) -> EthernetFrame | None:
    """Take an Ethernet frame apart."""
    if len(frame) < _head.size:
        return None
    destination, source, ethertype = _head.unpack_from(frame)
    start, vlan = _head.size, None
    for _ in range(_MAX_TAGS):
        if ethertype not in (ETH_8021Q, ETH_8021AD):
            break
        if len(frame) < start + _tag.size:
            return None
        control, ethertype = _tag.unpack_from(frame, start)
        vlan = control & 0xFFF if vlan is None else vlan
        start += _tag.size
    return EthernetFrame(destination, source, ethertype, vlan, frame[start:])


def insert_tag(frame: bytes, tpid: int, control: int) -> bytes:
    """Put an 802.1Q tag back that the kernel had taken out of a frame."""
    return frame[:12] + _tag.pack(tpid, control) + frame[12:]


def decode_arp(packet: bytes) -> ArpPacket | None:
    """Take an ARP packet apart; of other hardware or protocols than Ethernet and IPv4: None."""
    if len(packet) < _arp.size:
        return None
    _hardware, protocol, mac_size, ip_size, operation, *ends = _arp.unpack_from(packet)
    if (protocol, mac_size, ip_size) != _ARP_OF_ETHERNET_AND_IPV4:
        return None
    sender_mac, sender, target_mac, target = ends
    return ArpPacket(operation, sender_mac, IPv4Address(sender), target_mac, IPv4Address(target))
