"""Sockets of the host that are our own: what for, where the kernel knows a program's name only."""

from collections.abc import Iterable

from msgspec.structs import replace

from glassbridge.model.network import Network
from glassbridge.model.topology import Stack

NAME_SERVER = "glassbridge's name server"


def with_own_sockets(host: Stack, networks: Iterable[Network]) -> Stack:
    """The host's stack, with those told apart at which our networks are asked for names."""
    places = {(a, n.names_port) for n in networks if n.names_port for a in n.name_servers}
    if not places:
        return host
    sockets = tuple(
        replace(s, serves=NAME_SERVER) if (s.address, s.port) in places else s for s in host.sockets
    )
    return replace(host, sockets=sockets)
