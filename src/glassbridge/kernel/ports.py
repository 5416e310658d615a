"""Host ports held by bound sockets, so that no other program takes what we publish.

A held TCP socket does not listen: where no rule translates, a client is refused at once. A held UDP
socket would take such a datagram in silence; the firewall has to reject it (::1 is the case).
"""

import errno
import logging
import os
import random
import socket
from collections.abc import Collection, Iterable, Iterator

from glassbridge.errors import (
    Conflict,
    GlassbridgeError,
    Hint,
    InvalidRequest,
    KernelRefused,
    PermissionRefused,
    Remedy,
)
from glassbridge.kernel import sysctl
from glassbridge.kernel.sockets import is_only_time_wait, owner_of_port
from glassbridge.model.address import IPAddress
from glassbridge.model.endpoint import Protocol, PublishedPort
from glassbridge.model.tables import SocketProtocol

_KINDS = {
    Protocol.TCP: (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    Protocol.UDP: (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    Protocol.SCTP: (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
_log = logging.getLogger(__name__)

Key = tuple[IPAddress, int, Protocol]


class PortHolder:
    """The sockets that hold ports, in the namespace of the thread that holds each."""

    def __init__(self) -> None:
        self._held: dict[Key, socket.socket | None] = {}

    def close(self) -> None:
        """Let go of every port."""
        for held in self._held.values():
            if held is not None:
                held.close()
        self._held.clear()

    def hold(self, port: PublishedPort) -> None:
        """Hold a port; one that is held already stays so.

        Raises Conflict naming the program that has it, InvalidRequest for an address that is not
        the host's, PermissionRefused, KernelRefused.
        """
        key = _key(port)
        if key not in self._held:
            self._held[key] = _bind(port)

    def hold_all(self, ports: Iterable[PublishedPort]) -> None:
        """Hold all of them, or none and raise as `hold` does."""
        new: list[PublishedPort] = []
        try:
            for port in ports:
                if _key(port) not in self._held:
                    self.hold(port)
                    new.append(port)
        except GlassbridgeError:
            for port in new:
                self.release(port)
            raise

    def check(self, ports: Iterable[PublishedPort], keepers: Collection[str]) -> None:
        """Raise as `hold_all` does, but hold nothing.

        `keepers` are programs by name that may have a port already, for the same container.
        """
        for port in ports:
            if _key(port) in self._held:
                continue
            try:
                self.hold(port)
            except Conflict:
                if _owner(port).partition(" ")[0] not in keepers:
                    raise
            else:
                self.release(port)

    def release(self, port: PublishedPort) -> None:
        """Let go of a port; one that is not held is left alone."""
        held = self._held.pop(_key(port), None)
        if held is not None:
            held.close()


def ephemeral_range() -> tuple[int, int]:
    """First and last of the ports that the kernel itself chooses from."""
    first, last = sysctl.read("net.ipv4.ip_local_port_range").split()
    return int(first), int(last)


def ephemeral_ports() -> Iterator[int]:
    """Every port of the ephemeral range that is not reserved, from a random one on."""
    first, last = ephemeral_range()
    reserved = set(_parse_reserved(sysctl.read("net.ipv4.ip_local_reserved_ports")))
    start = random.randint(first, last)  # noqa: S311 - spreads ports, guards nothing
    for port in (*range(start, last + 1), *range(first, start)):
        if port not in reserved:
            yield port


def _parse_reserved(text: str) -> Iterator[int]:
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _key(port: PublishedPort) -> Key:
    return (port.host_address, port.host_port, port.protocol)


def _bind(port: PublishedPort) -> socket.socket | None:
    try:
        held = _new_socket(port)
    except OSError as error:
        if port.protocol is Protocol.SCTP and error.errno == errno.EPROTONOSUPPORT:
            _log.info("host port %d/sctp is not held: the kernel has no SCTP", port.host_port)
            return None
        raise KernelRefused(f"hold host port {port.host_port}", error.errno or 0) from error
    try:
        try:
            held.bind((str(port.host_address), port.host_port))
        except OSError as error:
            if not _may_be_shared(port, error):
                raise
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind((str(port.host_address), port.host_port))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError as error:
        held.close()
        raise _refused(port, error) from error
    return held


def _new_socket(port: PublishedPort) -> socket.socket:
    kind, protocol = _KINDS[port.protocol]
    is_ipv6 = port.host_address.version == 6  # noqa: PLR2004 - the IP version
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    held = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
    if is_ipv6:
        held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return held


def _may_be_shared(port: PublishedPort, error: OSError) -> bool:
    """SO_REUSEADDR is not set at first: such a socket, not listening, keeps out nobody who sets it.

    It is needed only where a server that published the port before us left connections in
    TIME_WAIT.
    """
    return (
        error.errno == errno.EADDRINUSE
        and port.protocol is Protocol.TCP
        and is_only_time_wait(port.host_address, port.host_port)
    )


def _owner(port: PublishedPort) -> str:
    if port.protocol is Protocol.SCTP:
        return ""
    return owner_of_port(SocketProtocol(port.protocol), port.host_address, port.host_port)


def _refused(port: PublishedPort, error: OSError) -> GlassbridgeError:
    what = f"host port {port.host_port}/{port.protocol}"
    code = error.errno or 0
    match code:
        case errno.EADDRINUSE:
            return Conflict(
                f"{what} is taken by {_owner(port) or 'another program'}",
                hint=Hint(
                    Remedy.OTHER_HOST_PORT,
                    free=port.host_port + 1,
                    container_port=port.container_port,
                    where="ss -ltunp",
                ),
            )
        case errno.EADDRNOTAVAIL:
            return InvalidRequest(
                f"{what}: {port.host_address} is not an address of this host",
                hint="see: ip address",
            )
        case errno.EACCES | errno.EPERM:
            return PermissionRefused(
                f"hold {what}: {os.strerror(code)}", hint="run as root, or choose a port over 1023"
            )
        case _:
            return KernelRefused(f"hold {what} on {port.host_address}", code)
