"""Sockets of the name server: where it is asked, and from where it asks."""

import socket
from ipaddress import IPv4Address
from typing import NamedTuple

from glassbridge.model.address import IPAddress

_IPV6 = 6
_IPV6_FREEBIND = 78  # linux/in6.h; the socket module has neither
_IP_FREEBIND = 15
_BACKLOG = 128
_RECEIVE_BUFFER = 1 << 20
"""What a burst of new containers asks at once is not to be dropped."""


class Place(NamedTuple):
    """Where questions are heard, over UDP and TCP."""

    address: IPAddress
    port: int


def udp_listener(place: Place) -> socket.socket:
    """Bind without waiting for the address: a gateway may come later, or check for duplicates."""
    opened = _unbound(place.address, socket.SOCK_DGRAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        opened.bind(socket_address(*place))
    except OSError:
        opened.close()
        raise
    return opened


def tcp_listener(place: Place) -> socket.socket:
    """Likewise; connections of a server before us may still be ending."""
    opened = _unbound(place.address, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(socket_address(*place))
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def socket_address(address: IPAddress, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """What bind() and connect() take; raises OSError for a zone that names no link here."""
    if isinstance(address, IPv4Address):
        return str(address), port
    zone = address.scope_id
    if zone is None:
        return str(address), port, 0, 0
    link = int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    return str(address).partition("%")[0], port, 0, link


def unconnected(address: IPAddress, kind: socket.SocketKind) -> socket.socket:
    """Open a socket of an address's family."""
    family = socket.AF_INET6 if address.version == _IPV6 else socket.AF_INET
    return socket.socket(family, kind | socket.SOCK_NONBLOCK)


def _unbound(address: IPAddress, kind: socket.SocketKind) -> socket.socket:
    opened = unconnected(address, kind)
    if address.version == _IPV6:
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
    else:
        opened.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    return opened
