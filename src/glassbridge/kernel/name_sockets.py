"""The sockets at which one gateway address is asked for names; who serves them reads them."""

import errno
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from glassbridge.errors import Conflict, KernelRefused
from glassbridge.model.address import IPAddress
from glassbridge.model.network import NetworkId

_BACKLOG = 128
_RECEIVE_BUFFER = 1 << 20
"""What a burst of new containers asks at once is not to be dropped."""
_IPV6_FREEBIND = 78
"""linux/in6.h; the socket module has the IPv4 one only, and not everywhere."""
_IP_FREEBIND = 15
_EVERYWHERE = (ip_address("0.0.0.0"), ip_address("::"))  # noqa: S104 - to see what is taken
_LAST_PORT = 32767
"""Above begin the kernel's ephemeral ports."""


@dataclass(frozen=True, slots=True)
class NameSockets:
    """Bound, and owned by whoever was handed them; what is asked meanwhile waits in them."""

    network: NetworkId
    address: IPAddress
    port: int
    udp: socket.socket
    tcp: socket.socket

    def close(self) -> None:
        """Nobody is answered there any more."""
        self.udp.close()
        self.tcp.close()


def open_name_sockets(network: NetworkId, address: IPAddress, port: int) -> NameSockets:
    """Open both in this thread's namespace; the address need not be there yet, nor stay.

    Raises Conflict where another program has the port, KernelRefused.
    """
    udp = _bound(address, port, socket.SOCK_DGRAM)
    try:
        tcp = _bound(address, port, socket.SOCK_STREAM)
    except BaseException:
        udp.close()
        raise
    return NameSockets(network, address, port, udp, tcp)


def free_port(first: int) -> int:
    """The first port from here on that is free on every address; raises Conflict without one."""
    for port in range(first, _LAST_PORT + 1):
        if all(_is_free(address, port) for address in _EVERYWHERE):
            return port
    raise Conflict(f"no port from {first} to {_LAST_PORT} is free for both TCP and UDP")


def _is_free(address: IPAddress, port: int) -> bool:
    try:
        open_name_sockets(NetworkId(""), address, port).close()
    except Conflict:
        return False
    except KernelRefused:  # no IPv6 here
        return address.version == 6  # noqa: PLR2004 - the IP version
    return True


def _bound(address: IPAddress, port: int, kind: int) -> socket.socket:
    is_ipv6 = address.version == 6  # noqa: PLR2004 - the IP version
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    opened = socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        if is_ipv6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        if kind == socket.SOCK_STREAM:  # connections in TIME_WAIT outlive the daemon before us
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        opened.bind((str(address), port))
        if kind == socket.SOCK_STREAM:
            opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(f"port {port} of {address} is taken by another program") from error
        raise KernelRefused(f"listen on {address} port {port}", error.errno or 0) from error
    return opened
