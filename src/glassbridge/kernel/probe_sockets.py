"""The three kinds of probe: a datagram, an ICMP message, a connection."""

import secrets
import select
import socket
import struct
from contextlib import suppress
from ipaddress import ip_address
from typing import assert_never

from msgspec.structs import replace

from glassbridge.kernel.probe import (
    ANY_ADDRESS,
    FAMILY,
    HOP_LIMIT,
    LARGEST,
    RECVERR,
    Probe,
    ProbeWish,
    answer_of,
)
from glassbridge.model.address import IPAddress
from glassbridge.model.observation import Answer, AnswerKind
from glassbridge.model.packet import Packet, Transport
from glassbridge.wire.packets import (
    ICMP_ECHO,
    ICMP_ECHO_REPLY,
    ICMPV6_ECHO,
    ICMPV6_ECHO_REPLY,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    decode_icmp,
    decode_ip,
)
from glassbridge.wire.probes import SocketError, icmp_message


def open_probe(netns: int, wish: ProbeWish) -> Probe:
    """A probe that can be sent; raises PermissionRefused or KernelRefused without a socket."""
    match wish.transport:
        case Transport.ICMP:
            return IcmpProbe(netns, wish)
        case Transport.TCP:
            return TcpProbe(netns, wish)
        case Transport.UDP:
            return UdpProbe(netns, wish)
        case _:
            assert_never(wish.transport)


class UdpProbe(Probe):
    """A datagram from a connected socket."""

    def _kind(self) -> tuple[int, int]:
        return socket.SOCK_DGRAM, 0

    def _send(self) -> None:
        self._socket.send(self._payload())

    def _read(self) -> Answer | None:
        try:
            self._socket.recv(1)
        except BlockingIOError:
            return None
        except OSError as error:
            # its entry in the error queue was too late for us: only the number is left
            return answer_of(SocketError(error.errno or 0, None, None, None))
        return Answer(kind=AnswerKind.DATA)


class IcmpProbe(Probe):
    """An ICMP message; a raw socket, as any type may be asked for and root may have one."""

    def __init__(self, netns: int, wish: ProbeWish) -> None:
        self._identifier = wish.source_port or 1 + secrets.randbelow(LARGEST)
        is_v4 = wish.version == 4  # noqa: PLR2004 - the IP version
        echo = ICMP_ECHO if is_v4 else ICMPV6_ECHO
        self._type = echo if wish.icmp_type is None else wish.icmp_type
        # every other type that is answered has the next number for its answer
        self._answer = (
            (ICMP_ECHO_REPLY if is_v4 else ICMPV6_ECHO_REPLY)
            if (self._type == echo)
            else self._type + 1
        )
        super().__init__(netns, wish)

    def _kind(self) -> tuple[int, int]:
        is_v4 = self._wish.version == 4  # noqa: PLR2004 - the IP version
        return socket.SOCK_RAW, IPPROTO_ICMP if is_v4 else IPPROTO_ICMPV6

    def _port_to_bind(self) -> int:
        return 0

    def _as_sent(self) -> Packet:
        return replace(super()._as_sent(), icmp_type=self._type)

    def _name(self) -> tuple[IPAddress, int]:
        return super()._name()[0], self._identifier

    def _send(self) -> None:
        self._socket.send(icmp_message(self._type, self._identifier, 1, self._payload()))

    def _read(self) -> Answer | None:
        while True:
            try:
                received = self._socket.recv(LARGEST)
            except BlockingIOError:
                return None
            except OSError as error:
                return answer_of(SocketError(error.errno or 0, None, None, None))
            if self._wish.version == 4:  # noqa: PLR2004 - the IP version
                ip = decode_ip(received)  # a raw IPv4 socket shows the header, an IPv6 one does not
                received = b"" if ip is None else ip.payload
            icmp = decode_icmp(received)
            if icmp and (icmp.type, icmp.identifier) == (self._answer, self._identifier):
                return Answer(kind=AnswerKind.ECHO)

    def _is_ours(self, quoted: bytes) -> bool:
        """Raw sockets hear of every message's errors."""
        icmp = decode_icmp(quoted)
        return icmp is not None and icmp.identifier == self._identifier


class TcpProbe(Probe):
    """A connection that is opened and at once reset: the server's program may see it."""

    events = select.POLLOUT

    def _kind(self) -> tuple[int, int]:
        return socket.SOCK_STREAM, 0

    def _prepare(self) -> None:
        wish, ends = self._wish, self._socket
        # unlike UDP's, TCP's connect() already sends: what it would choose is found before
        self._source = self._routed_source()
        ends.setsockopt(*RECVERR[wish.version], 1)
        # closed by RST: no TIME_WAIT stays in the container, nothing waits for the other side
        ends.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if wish.ttl is not None:
            ends.setsockopt(*HOP_LIMIT[wish.version], wish.ttl)
        if wish.source_port:
            ends.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ends.bind((str(wish.source_address or ANY_ADDRESS[wish.version]), wish.source_port))

    def _routed_source(self) -> IPAddress:
        wish = self._wish
        if wish.source_address is not None:
            return wish.source_address
        with socket.socket(FAMILY[wish.version], socket.SOCK_DGRAM) as asking:
            with suppress(OSError):  # without a route the source stays unspecified
                asking.connect((str(wish.destination), wish.destination_port))
            return ip_address(asking.getsockname()[0])

    def _name(self) -> tuple[IPAddress, int]:
        address, port = super()._name()
        return (self._source if address.is_unspecified else address), port

    def _as_sent(self) -> Packet:
        return replace(super()._as_sent(), tcp_flags="S", dont_fragment=True)

    def _length(self) -> int:
        return 0

    def _send(self) -> None:
        with suppress(BlockingIOError):  # EINPROGRESS
            self._socket.connect((str(self._wish.destination), self._wish.destination_port))

    def _read(self) -> Answer | None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return answer_of(SocketError(code, None, None, None))
        try:
            self._socket.getpeername()
        except OSError:
            return None
        return Answer(kind=AnswerKind.ACCEPTED)
