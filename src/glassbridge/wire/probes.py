"""What a probe's socket sends, and what a socket's error queue tells (linux/errqueue.h)."""

from ipaddress import IPv4Address, IPv6Address
from struct import Struct as Layout
from typing import NamedTuple

_AF_INET, _AF_INET6 = 2, 10

_ICMP, _ICMPV6 = 2, 3
"""SO_EE_ORIGIN_*."""

_icmp = Layout(">BBHHH")
_extended_error = Layout("=IBBBxII")  # struct sock_extended_err
_offender_v4 = Layout("=H2x4s8x")  # struct sockaddr_in
_offender_v6 = Layout("=H2x4x16s4x")  # struct sockaddr_in6


class SocketError(NamedTuple):
    """One entry of an error queue."""

    errno: int
    icmp_type: int | None
    """None: the kernel's own refusal, no ICMP error."""
    icmp_code: int | None
    offender: IPv4Address | IPv6Address | None


def icmp_message(kind: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    """An ICMP message with its checksum (of ICMPv6 the kernel writes its own over it)."""
    data = _icmp.pack(kind, 0, 0, identifier, sequence) + payload
    return _icmp.pack(kind, 0, _checksum(data), identifier, sequence) + payload


def decode_socket_error(ancillary: bytes) -> SocketError | None:
    """The payload of IP_RECVERR or IPV6_RECVERR."""
    if len(ancillary) < _extended_error.size:
        return None
    errno, origin, kind, code, _info, _data = _extended_error.unpack_from(ancillary)
    if origin not in (_ICMP, _ICMPV6):
        return SocketError(errno, None, None, None)
    return SocketError(errno, kind, code, _offender(ancillary[_extended_error.size :]))


def _offender(address: bytes) -> IPv4Address | IPv6Address | None:
    family = int.from_bytes(address[:2], "little" if Layout("=H").pack(1)[0] else "big")
    if family == _AF_INET and len(address) >= _offender_v4.size:
        return IPv4Address(_offender_v4.unpack_from(address)[1])
    if family == _AF_INET6 and len(address) >= _offender_v6.size:
        found = IPv6Address(_offender_v6.unpack_from(address)[1])
        return found.ipv4_mapped or found
    return None


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(int.from_bytes(data[i : i + 2].ljust(2, b"\0")) for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
