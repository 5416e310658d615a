"""Sockets of the name server: where it is asked, and from where it asks."""

import socket
from ipaddress import IPv4Address
from typing import NamedTuple

from glassbridge.model.address import IPAddress

_IPV6 = 6


class Place(NamedTuple):
    """Where questions are heard, over UDP and TCP."""

    address: IPAddress
    port: int


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
