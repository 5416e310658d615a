"""Which of the sockets on a port takes a packet, and whether it has room for a connection.

Sources: __inet_lookup_listener in net/ipv4/inet_hashtables.c, tcp_conn_request in tcp_input.c.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.step_details import Place
from glassbridge.model.tables import ListeningSocket
from glassbridge.model.topology import Link
from glassbridge.model.walk import Drop, Fact


def takers(
    sockets: Iterable[ListeningSocket], address: IPAddress, link: Link
) -> tuple[ListeningSocket, ...]:
    """The most exact of those that take it; more than one share the port (SO_REUSEPORT)."""
    fitting = [s for s in sockets if takes(s, address, link)]
    best = max(map(_exactness, fitting), default=None)
    return tuple(s for s in fitting if _exactness(s) == best)


def takes(socket: ListeningSocket, address: IPAddress, link: Link) -> bool:
    """Whether a socket accepts what is sent to an address and comes in by a link."""
    if socket.ifindex is not None and socket.ifindex != link.ifindex:
        return False
    if socket.address == address or mapped(socket.address) == address:
        return True
    if not socket.address.is_unspecified:
        return False
    if isinstance(address, IPv4Address):
        return isinstance(socket.address, IPv4Address) or not socket.v6only
    return isinstance(socket.address, IPv6Address)


def mapped(address: IPAddress) -> IPAddress:
    """The IPv4 address that ::ffff:a.b.c.d stands for; any other is itself."""
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if inner is None else inner


def _exactness(socket: ListeningSocket) -> tuple[bool, bool, bool]:
    is_exact = not socket.address.is_unspecified
    return is_exact, socket.ifindex is not None, isinstance(socket.address, IPv4Address)


def has_room(socket: ListeningSocket) -> bool:
    """One more than the backlog is taken (sk_acceptq_is_full)."""
    return socket.backlog is None or socket.waiting <= socket.backlog


def overflow(full: ListeningSocket, service: str, place: Place) -> Drop:
    """The kernel drops the SYN and says nothing: the program does not accept what waits."""
    who = f"{full.process} (pid {full.pid})" if full.pid is not None else "its program"
    return Drop(
        cause=Cause.LISTEN_QUEUE_FULL,
        sentence=f"{place.name} listens on {service}, but {full.waiting} connections wait for"
        f" {who} to accept them, and the queue is full",
        evidence=(
            Fact(
                what=f"accept queue of {full.address} port {full.port}",
                says=f"{full.waiting} waiting, backlog {full.backlog}",
            ),
        ),
        place=place,
        subject=service,
    )
