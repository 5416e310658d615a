"""Which sockets of a namespace take packets from anyone, and whose they are (sock_diag)."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from struct import Struct as Layout

from msgspec.structs import replace

from glassbridge.kernel.processes import all_pids, holders_of, name_of
from glassbridge.kernel.rtnetlink import NETLINK_SOCK_DIAG, NetlinkSocket
from glassbridge.model.address import IPAddress
from glassbridge.model.tables import Ifindex, ListeningSocket, SocketProtocol
from glassbridge.wire.netlink import attributes, number
from glassbridge.wire.routes import AF_INET, AF_INET6
from glassbridge.wire.sockets import (
    ALL_STATES,
    IPPROTO_TCP,
    IPPROTO_UDP,
    TCP_CLOSE,
    TCP_LISTEN,
    TCP_TIME_WAIT,
    dump_sockets,
)

_INET_DIAG_SKV6ONLY = 11

_NUMBERS = {SocketProtocol.TCP: IPPROTO_TCP, SocketProtocol.UDP: IPPROTO_UDP}
_WAITING = {SocketProtocol.TCP: 1 << TCP_LISTEN, SocketProtocol.UDP: 1 << TCP_CLOSE}

# struct inet_diag_msg: family, state, timer, retransmits, then struct inet_diag_sockid (source
# port, destination port, source, destination, interface, cookie), then expires, receive queue,
# send queue, uid, inode. Ports are big-endian, the rest is not.
_head = Layout("=BBxx")
_identity = Layout(">H2x16s16x")
_rest = Layout("=I8x4xIIII")


def read_sockets(diag: NetlinkSocket, pids: Iterable[int] = ()) -> tuple[ListeningSocket, ...]:
    """TCP that listens and UDP that is bound, both families; owners are sought among `pids`."""
    found = [s for p in SocketProtocol for s in _list(diag, p, _WAITING[p])]
    return tuple(_with_owners(found, pids))


def open_diag(netns: int | None = None) -> NetlinkSocket:
    """A socket that read_sockets takes."""
    return NetlinkSocket(NETLINK_SOCK_DIAG, netns)


def owner_of_port(protocol: SocketProtocol, address: IPAddress, port: int) -> str:
    """Who holds a port of the own namespace against `address`: `nginx (pid 8121)`.

    Empty where /proc hides the process, and before Linux 6.8 for a TCP socket that is bound but
    does not listen: it is in no list.
    """
    with open_diag() as diag:
        rivals = _rivals(diag, protocol, address, port, ALL_STATES & ~(1 << TCP_TIME_WAIT))
    for rival in _with_owners(rivals, all_pids()):
        if rival.pid is not None:
            return f"{rival.process} (pid {rival.pid})"
    return ""


def is_only_time_wait(address: IPAddress, port: int) -> bool:
    """Whether nothing but remains of closed TCP connections stands against binding a port."""
    time_wait = 1 << TCP_TIME_WAIT
    with open_diag() as diag:
        return bool(_rivals(diag, SocketProtocol.TCP, address, port, time_wait)) and not _rivals(
            diag, SocketProtocol.TCP, address, port, ALL_STATES & ~time_wait
        )


def _rivals(
    diag: NetlinkSocket, protocol: SocketProtocol, address: IPAddress, port: int, states: int
) -> list[ListeningSocket]:
    return [s for s in _list(diag, protocol, states, port) if _overlap(s, address)]


def _list(
    diag: NetlinkSocket, protocol: SocketProtocol, states: int, port: int = 0
) -> Iterator[ListeningSocket]:
    for family in (AF_INET, AF_INET6):
        request = dump_sockets(family, _NUMBERS[protocol], states, port)
        for body in diag.dump(request, f"list {protocol} sockets", torn=True):
            yield _decode(protocol, body)


def _overlap(socket: ListeningSocket, address: IPAddress) -> bool:
    if socket.address.version != address.version:
        # a socket on :: without IPV6_V6ONLY takes IPv4 as well
        return socket.address == IPv6Address(0) and not socket.v6only
    return socket.address == address or socket.address.is_unspecified or address.is_unspecified


def _with_owners(
    sockets: Sequence[ListeningSocket], pids: Iterable[int]
) -> Iterator[ListeningSocket]:
    holders = holders_of([s.inode for s in sockets], pids)
    for socket in sockets:
        pid = holders.get(socket.inode)
        if pid is None:
            yield socket
        else:
            yield replace(socket, pid=pid, process=name_of(pid))


def _decode(protocol: SocketProtocol, body: bytes) -> ListeningSocket:
    family, state = _head.unpack_from(body)
    port, address = _identity.unpack_from(body, _head.size)
    place = _head.size + _identity.size
    interface, waiting, backlog, uid, inode = _rest.unpack_from(body, place)
    found = attributes(body, place + _rest.size)
    is_listening = protocol is SocketProtocol.TCP and state == TCP_LISTEN
    return ListeningSocket(
        protocol=protocol,
        address=IPv4Address(address[:4]) if family == AF_INET else IPv6Address(address),
        port=port,
        v6only=bool(number(found.get(_INET_DIAG_SKV6ONLY, b""))),
        ifindex=Ifindex(interface) if interface else None,
        waiting=waiting if is_listening else 0,
        backlog=backlog if is_listening else None,
        uid=uid,
        inode=inode,
    )
