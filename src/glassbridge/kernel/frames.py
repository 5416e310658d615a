"""Frames off the wire as values of the model, and what tells one packet from another."""

from msgspec import Struct

from glassbridge.model.address import Mac, format_mac
from glassbridge.model.observation import NeighbourMessage
from glassbridge.model.packet import Packet, Transport
from glassbridge.wire.frames import (
    ARP_REPLY,
    ARP_REQUEST,
    ETH_ARP,
    ETH_IPV4,
    ETH_IPV6,
    decode_arp,
    decode_ethernet,
)
from glassbridge.wire.packets import (
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPacket,
    decode_icmp,
    decode_ip,
    decode_neighbour_discovery,
    decode_tcp,
    decode_udp,
    is_echo,
    is_icmp_error,
)

COOKIE_SIZE = 12
"""nftrace shows 20 octets behind the IP header, 12 behind that of UDP or ICMP."""

# linux/if_arp.h: links whose frames begin with an Ethernet header; lo's are so, with zeros
_ARPHRD_ETHER, _ARPHRD_LOOPBACK = 1, 772

_ICMP_OF = {4: IPPROTO_ICMP, 6: IPPROTO_ICMPV6}


class HeardPacket(Struct, frozen=True, kw_only=True):
    """An IP packet, with what identifies it beside its addresses and ports."""

    packet: Packet
    payload: bytes = b""
    """The first octets behind the UDP or ICMP header."""
    sequence: int | None = None
    """TCP's sequence number; of ICMP echo its number."""
    acknowledgement: int | None = None
    identification: int = 0
    """Common to the fragments of one packet."""
    is_later_fragment: bool = False
    """It has no ports, and no payload to know it by."""
    quoted: "HeardPacket | None" = None
    """What an ICMP error is about; its end may be cut off."""


class HeardFrame(Struct, frozen=True, kw_only=True):
    """One frame."""

    heard: HeardPacket | NeighbourMessage
    source_mac: Mac | None = None
    destination_mac: Mac | None = None
    vlan: int | None = None


def read_frame(frame: bytes, hardware: int = _ARPHRD_ETHER) -> HeardFrame | None:
    """One frame of a link of that ARPHRD type; links without MAC carry bare IP packets.

    None: neither IP with a transport that can be traced, nor a neighbour message.
    """
    if hardware not in (_ARPHRD_ETHER, _ARPHRD_LOOPBACK):
        heard = read_packet(frame)
        return None if heard is None else HeardFrame(heard=heard)
    ethernet = decode_ethernet(frame)
    if ethernet is None:
        return None
    found: HeardPacket | NeighbourMessage | None
    match ethernet.ethertype:
        case x if x == ETH_ARP:
            found = _read_arp(ethernet.payload)
        case x if x in (ETH_IPV4, ETH_IPV6):
            found = _read_discovery(ethernet.payload, ethernet.source) or read_packet(
                ethernet.payload
            )
        case _:
            found = None
    if found is None:
        return None
    return HeardFrame(
        heard=found,
        source_mac=format_mac(ethernet.source),
        destination_mac=format_mac(ethernet.destination),
        vlan=ethernet.vlan,
    )


def read_packet(packet: bytes) -> HeardPacket | None:
    """One IP packet from its first octet; None if it is no TCP, UDP or ICMP."""
    ip = decode_ip(packet)
    if ip is None:
        return None
    transport = _transport_of(ip)
    if transport is None:
        return None
    if ip.fragment_offset:
        return HeardPacket(
            packet=_packet(ip, transport),
            identification=ip.identification,
            is_later_fragment=True,
        )
    match transport:
        case Transport.TCP:
            return _read_tcp(ip)
        case Transport.UDP:
            return _read_udp(ip)
        case Transport.ICMP:
            return _read_icmp(ip)


def _transport_of(ip: IPPacket) -> Transport | None:
    if ip.protocol == IPPROTO_TCP:
        return Transport.TCP
    if ip.protocol == IPPROTO_UDP:
        return Transport.UDP
    return Transport.ICMP if ip.protocol == _ICMP_OF[ip.source.version] else None


def _read_tcp(ip: IPPacket) -> HeardPacket | None:
    tcp = decode_tcp(ip.payload)
    if tcp is None:
        return None
    return HeardPacket(
        packet=_packet(
            ip, Transport.TCP, (tcp.source_port, tcp.destination_port), tcp_flags=tcp.flags
        ),
        sequence=tcp.sequence,
        acknowledgement=tcp.acknowledgement,
        identification=ip.identification,
    )


def _read_udp(ip: IPPacket) -> HeardPacket | None:
    udp = decode_udp(ip.payload)
    if udp is None:
        return None
    return HeardPacket(
        packet=_packet(ip, Transport.UDP, (udp.source_port, udp.destination_port)),
        payload=udp.payload[:COOKIE_SIZE],
        identification=ip.identification,
    )


def _read_icmp(ip: IPPacket) -> HeardPacket | None:
    icmp = decode_icmp(ip.payload)
    if icmp is None:
        return None
    version = ip.source.version
    if is_icmp_error(version, icmp.type):
        return HeardPacket(
            packet=_packet(ip, Transport.ICMP, icmp_type=icmp.type, icmp_code=icmp.code),
            identification=ip.identification,
            # one level: an error is never about an error
            quoted=None if _is_error(icmp.payload) else read_packet(icmp.payload),
        )
    return HeardPacket(
        packet=_packet(
            ip,
            Transport.ICMP,
            (icmp.identifier if is_echo(version, icmp.type) else 0, 0),
            icmp_type=icmp.type,
            icmp_code=icmp.code,
        ),
        payload=icmp.payload[:COOKIE_SIZE],
        sequence=icmp.sequence,
        identification=ip.identification,
    )


def _is_error(packet: bytes) -> bool:
    ip = decode_ip(packet)
    if ip is None or _transport_of(ip) is not Transport.ICMP or ip.fragment_offset:
        return False
    icmp = decode_icmp(ip.payload)
    return icmp is not None and is_icmp_error(ip.source.version, icmp.type)


def _packet(
    ip: IPPacket,
    transport: Transport,
    ports: tuple[int, int] = (0, 0),
    *,
    icmp_type: int | None = None,
    icmp_code: int = 0,
    tcp_flags: str = "",
) -> Packet:
    return Packet(
        transport=transport,
        source=ip.source,
        destination=ip.destination,
        source_port=ports[0],
        destination_port=ports[1],
        icmp_type=icmp_type,
        icmp_code=icmp_code,
        length=ip.length,
        ttl=ip.ttl,
        dont_fragment=ip.dont_fragment,
        tcp_flags=tcp_flags,
    )


def _read_arp(packet: bytes) -> NeighbourMessage | None:
    arp = decode_arp(packet)
    if arp is None or arp.operation not in (ARP_REQUEST, ARP_REPLY):
        return None
    return NeighbourMessage(
        is_reply=arp.operation == ARP_REPLY,
        sender=arp.sender,
        sender_mac=format_mac(arp.sender_mac),
        target=arp.target,
    )


def _read_discovery(packet: bytes, source_mac: bytes) -> NeighbourMessage | None:
    """An advertisement speaks for its target, which need not be the address that it comes from."""
    ip = decode_ip(packet)
    if ip is None or ip.protocol != IPPROTO_ICMPV6 or ip.source.version != 6:  # noqa: PLR2004 - the IP version
        return None
    found = decode_neighbour_discovery(ip.payload)
    if found is None or ip.fragment_offset:
        return None
    return NeighbourMessage(
        is_reply=found.is_advertisement,
        sender=found.target if found.is_advertisement else ip.source,
        sender_mac=format_mac(found.mac or source_mac),
        target=ip.destination if found.is_advertisement else found.target,
    )
