"""A probe: one packet from a real socket in the sender's namespace, and what came back to it.

Never a forged frame: route, source address, neighbour and output hooks are the kernel's own doing.
The socket knows its port before anything is sent, so that witnesses can be told of it.
"""

import errno
import select
import socket
import time
from abc import ABC, abstractmethod
from ipaddress import ip_address
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.kernel.netns import inside
from glassbridge.kernel.raw_sockets import open_raw
from glassbridge.model.address import IPAddress
from glassbridge.model.observation import Answer, AnswerKind
from glassbridge.model.packet import Packet, Transport
from glassbridge.wire.probes import SocketError, decode_socket_error

# linux/in.h, linux/in6.h; (level, option) by IP version
RECVERR = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_MTU_DISCOVER = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}
HOP_LIMIT = {4: (socket.IPPROTO_IP, 2), 6: (socket.IPPROTO_IPV6, 16)}
_PMTUDISC_DO = 2

FAMILY: dict[int, int] = {4: socket.AF_INET, 6: socket.AF_INET6}
_IP_HEAD = {4: 20, 6: 40}
_HEAD = 8
"""Octets of a UDP or ICMP header."""
_PORT_UNREACHABLE = ((3, 3), (1, 4))
LARGEST = 0xFFFF
ANY_ADDRESS = {4: "0.0.0.0", 6: "::"}  # noqa: S104 - no listener: the source is the routing's choice


class ProbeWish(Struct, frozen=True, kw_only=True):
    """What is to be sent."""

    transport: Transport
    destination: IPAddress
    destination_port: int = 0
    source_address: IPAddress | None = None
    """None: what routing chooses."""
    source_port: int = 0
    """Of ICMP the echo identifier; 0: any that is free."""
    icmp_type: int | None = None
    """None: echo request."""
    size: int = 0
    """Octets of the whole IP packet; 0: no more than the cookie needs. Not for TCP."""
    ttl: int | None = None
    """None: the namespace's default."""
    dont_fragment: bool = True
    """Refuse to cut it: too large for the first link is then EMSGSIZE."""
    cookie: bytes = b""
    """The first octets behind the UDP or ICMP header."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.destination.version


class Probe(ABC):
    """One probe, not yet sent; not blocking. Of one thread."""

    events: int = select.POLLIN
    """What poll shows when `receive` may have an answer."""

    def __init__(self, netns: int, wish: ProbeWish) -> None:
        """Raises PermissionRefused or KernelRefused where not even a socket can be had."""
        self._wish = wish
        self._refused: Answer | None = None
        self._began = 0
        self.sent_ns = 0
        """CLOCK_REALTIME, just before the system call; 0: not sent."""
        with inside(netns):
            self._socket = open_raw(FAMILY[wish.version], *self._kind(), "open the probe's socket")
            try:
                self._prepare()
            except OSError as error:
                self._refused = _not_sent(error)
        self.packet = self._as_sent()
        """As far as it is known: TCP's length is not."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def send(self) -> Answer | None:
        """Send it; an answer if the kernel refused to."""
        if self._refused is not None:
            return self._refused
        self._began = time.perf_counter_ns()
        self.sent_ns = time.time_ns()
        try:
            self._send()
        except OSError as error:
            return self._stamped(_not_sent(error))
        return None

    def receive(self) -> Answer | None:
        """The answer, if there is one by now."""
        answer = self._read_error() or self._read()
        return None if answer is None else self._stamped(answer)

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self._socket.close()

    @abstractmethod
    def _kind(self) -> tuple[int, int]:
        """Type and protocol of the socket."""

    @abstractmethod
    def _send(self) -> None: ...

    @abstractmethod
    def _read(self) -> Answer | None: ...

    def _prepare(self) -> None:
        """In the namespace: choose source and port."""
        wish, ends = self._wish, self._socket
        ends.setsockopt(*RECVERR[wish.version], 1)
        if wish.ttl is not None:
            ends.setsockopt(*HOP_LIMIT[wish.version], wish.ttl)
        if wish.dont_fragment:
            ends.setsockopt(*_MTU_DISCOVER[wish.version], _PMTUDISC_DO)
        if wish.source_address is not None or wish.source_port:
            ends.bind((str(wish.source_address or ANY_ADDRESS[wish.version]), self._port_to_bind()))
        ends.connect((str(wish.destination), wish.destination_port))

    def _port_to_bind(self) -> int:
        return self._wish.source_port

    def _as_sent(self) -> Packet:
        wish = self._wish
        address, port = self._name()
        if address.is_unspecified and wish.source_address is not None:
            address = wish.source_address  # it could not be bound: not ours, say
        return Packet(
            transport=wish.transport,
            source=address,
            destination=wish.destination,
            source_port=port,
            destination_port=wish.destination_port,
            length=self._length(),
            ttl=64 if wish.ttl is None else wish.ttl,
            dont_fragment=wish.dont_fragment,
        )

    def _name(self) -> tuple[IPAddress, int]:
        found = self._socket.getsockname()
        return ip_address(found[0]), found[1]

    def _length(self) -> int:
        return _IP_HEAD[self._wish.version] + _HEAD + len(self._payload())

    def _payload(self) -> bytes:
        wish = self._wish
        size = min(wish.size, LARGEST) - _IP_HEAD[wish.version] - _HEAD
        return wish.cookie.ljust(size, b"\0")

    def _read_error(self) -> Answer | None:
        while True:
            try:
                quoted, ancillary, _, _ = self._socket.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return None
            for level, kind, data in ancillary:
                found = decode_socket_error(data)
                if (level, kind) == RECVERR[self._wish.version] and found and self._is_ours(quoted):
                    return answer_of(found)

    def _is_ours(self, _quoted: bytes) -> bool:
        return True

    def _stamped(self, answer: Answer) -> Answer:
        return replace(answer, after_us=(time.perf_counter_ns() - self._began) / 1000)


def _not_sent(error: OSError) -> Answer:
    return Answer(kind=AnswerKind.NOT_SENT, errno=errno.errorcode.get(error.errno or 0, "?"))


def answer_of(found: SocketError) -> Answer:
    """What an error of the socket means for the sender."""
    is_refusal = (found.icmp_type, found.icmp_code) in _PORT_UNREACHABLE or (
        found.icmp_type is None and found.errno == errno.ECONNREFUSED
    )
    if is_refusal:
        kind = AnswerKind.REFUSED
    else:
        kind = AnswerKind.NOT_SENT if found.icmp_type is None else AnswerKind.ICMP_ERROR
    return Answer(
        kind=kind,
        errno=errno.errorcode.get(found.errno, str(found.errno)),
        icmp_type=found.icmp_type,
        icmp_code=found.icmp_code,
        offender=found.offender,
    )
