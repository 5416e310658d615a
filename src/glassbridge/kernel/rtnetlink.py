"""Talk to the kernel over netlink: many requests in one send, one answer for each.

Both netlink and rtnetlink carry a request out within the send that brings it, so every answer
waits in the socket when the send returns: receiving never blocks, and a missing answer was lost.
"""

import fcntl
import socket
from collections.abc import Sequence
from contextlib import nullcontext
from struct import Struct as Layout
from typing import Self

from glassbridge.errors import KernelRefused, NotFound
from glassbridge.kernel.netns import inside, socket_cookie
from glassbridge.model.kernel_names import IFNAME_MAX
from glassbridge.wire.netlink import (
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    Message,
    Refusal,
    Request,
    decode_acknowledgement,
    encode,
    messages,
    split,
)

NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER = 0, 4, 12

_SOL_NETLINK = 270
_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 10, 11, 12
_OPTIONS = ((_NETLINK_CAP_ACK, 1), (_NETLINK_EXT_ACK, 1), (_NETLINK_GET_STRICT_CHK, 1))
_SO_RCVBUFFORCE = 33
_SIOCGIFINDEX = 0x8933
_ENOBUFS, _EINTR = 105, 4

_RECEIVE_BUFFER = 1 << 20
_SEND_BYTES = 64 << 10
# an answer takes up to 1,280 bytes of the buffer, which is 416 KiB where it cannot be enlarged
_SEND_REQUESTS = 256
# an attach takes a fraction of them: no need to measure whether they fit
_FEW_REQUESTS = 32
_LARGEST_DATAGRAM = 64 << 10
_DUMP_ATTEMPTS, _TORN_ATTEMPTS = 8, 2

_ifreq = Layout("=16si20x")


class NetlinkSocket:
    """One netlink socket of the namespace it was opened in; one thread uses it at a time.

    Every method raises KernelRefused when the kernel does not answer at all.
    """

    def __init__(self, protocol: int, netns: int | None = None) -> None:
        with nullcontext() if netns is None else inside(netns):
            self._socket = open_netlink(
                protocol, _RECEIVE_BUFFER, "prepare a netlink socket", options=_OPTIONS
            )
        self._sequence = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self._socket.close()

    @property
    def port_id(self) -> int:
        """What the kernel puts into notifications of changes that this socket asked for."""
        port: int = self._socket.getsockname()[0]
        return port

    @property
    def netns_cookie(self) -> int:
        """The cookie of the socket's namespace."""
        return socket_cookie(self._socket)

    def send_batch(self, requests: Sequence[Request]) -> list[Refusal | None]:
        """Carry out all requests in their order, whatever becomes of each; None is success."""
        if len(requests) <= _FEW_REQUESTS:
            return self._exchange(requests) if requests else []
        answers: list[Refusal | None] = []
        for part in split(requests, _SEND_BYTES, _SEND_REQUESTS):
            answers += self._exchange(part)
        return answers

    def request(self, request: Request, attempt: str) -> None:
        """Carry out one request; raises KernelRefused, with `attempt` saying what was tried."""
        (refusal,) = self._exchange([request])
        if refusal is not None:
            raise KernelRefused(attempt, refusal.errno, refusal.text)

    def get(self, request: Request) -> bytes | Refusal:
        """Ask for one object; its body, or why there is none."""
        found = b""
        sequence = self._send([request])
        while True:
            for message in self._receive(sequence, 1):
                if message.message_type != NLMSG_ERROR:
                    found = message.body
                    continue
                refusal = decode_acknowledgement(message)
                return found if refusal is None else refusal

    def get_each(self, requests: Sequence[Request]) -> list[bytes | Refusal]:
        """Ask for many objects in few sends; for each its body, or why there is none."""
        return [a for part in split(requests, _SEND_BYTES, _FEW_REQUESTS) for a in self._ask(part)]

    def dump(self, request: Request, attempt: str, *, torn: bool = False) -> list[bytes]:
        """Ask for all objects; their bodies.

        The kernel says when the list changed while it was read (NLM_F_DUMP_INTR): it is read
        again. With `torn` the second reading is good enough, else KernelRefused after some more.
        """
        for _ in range(_TORN_ATTEMPTS if torn else _DUMP_ATTEMPTS):
            bodies, interrupted = self._dump_once(request, attempt)
            if not interrupted:
                return bodies
        if torn:
            return bodies
        raise KernelRefused(
            attempt, _EINTR, "the list kept changing while it was read", hint="try again"
        )

    def _exchange(self, requests: Sequence[Request]) -> list[Refusal | None]:
        first = self._send(requests)
        last = first + len(requests) - 1
        answers: list[Refusal | None] = [None] * len(requests)
        while True:
            for message in self._receive(first, len(requests)):
                if message.message_type != NLMSG_ERROR:
                    continue
                answers[message.sequence - first] = decode_acknowledgement(message)
                if message.sequence == last:
                    return answers

    def _ask(self, requests: Sequence[Request]) -> list[bytes | Refusal]:
        first = self._send(requests)
        last = first + len(requests) - 1
        answers: list[bytes | Refusal] = [b""] * len(requests)
        while True:
            for message in self._receive(first, len(requests)):
                place = message.sequence - first
                if message.message_type != NLMSG_ERROR:
                    answers[place] = message.body
                    continue
                refusal = decode_acknowledgement(message)
                if refusal is not None:
                    answers[place] = refusal
                if message.sequence == last:
                    return answers

    def _dump_once(self, request: Request, attempt: str) -> tuple[list[bytes], bool]:
        bodies: list[bytes] = []
        interrupted = False
        sequence = self._send([request])
        while True:
            for message in self._receive(sequence, 1):
                interrupted |= bool(message.flags & NLM_F_DUMP_INTR)
                if message.message_type in (NLMSG_DONE, NLMSG_ERROR):
                    refusal = decode_acknowledgement(message)
                    if refusal is not None:
                        raise KernelRefused(attempt, refusal.errno, refusal.text)
                    return bodies, interrupted
                bodies.append(message.body)

    def _send(self, requests: Sequence[Request]) -> int:
        first = self._sequence
        self._sequence = (first + len(requests)) & 0x7FFFFFFF
        try:
            self._socket.send(encode(requests, first))
        except OSError as error:
            raise KernelRefused("send a netlink request", error.errno or 0) from error
        return first

    def _receive(self, first: int, count: int) -> list[Message]:
        """The next datagram's messages; those of an exchange that broke off earlier are dropped."""
        try:
            datagram = self._socket.recv(_LARGEST_DATAGRAM, socket.MSG_DONTWAIT)
        except BlockingIOError as error:
            raise KernelRefused("read the kernel's answer", _ENOBUFS, "it was lost") from error
        except OSError as error:
            raise KernelRefused("read the kernel's answer", error.errno or 0) from error
        return [m for m in messages(datagram) if first <= m.sequence < first + count]


class RouteSocket(NetlinkSocket):
    """Links, addresses, routes, neighbours of one namespace."""

    def __init__(self, netns: int | None = None) -> None:
        super().__init__(NETLINK_ROUTE, netns)

    def ifindex(self, ifname: str) -> int:
        """The index of a link; raises NotFound."""
        index = self.find_ifindex(ifname)
        if index is None:
            raise NotFound(f"link {ifname} does not exist", hint="see: ip link")
        return index

    def find_ifindex(self, ifname: str) -> int | None:
        """The index of a link, if there is one; by ioctl, at a quarter of RTM_GETLINK's price."""
        name = ifname.encode()
        if len(name) > IFNAME_MAX:
            return None
        try:
            answer = fcntl.ioctl(self._socket, _SIOCGIFINDEX, _ifreq.pack(name, 0))
        except OSError:
            return None
        index: int = _ifreq.unpack(answer)[1]
        return index


def open_netlink(
    protocol: int,
    receive_buffer: int,
    attempt: str,
    *,
    groups: int = 0,
    options: Sequence[tuple[int, int]] = (),
) -> socket.socket:
    """Open a socket that hears of these groups; raises KernelRefused, saying `attempt`."""
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    except OSError as error:
        raise KernelRefused("open a netlink socket", error.errno or 0) from error
    try:
        _enlarge_receive_buffer(opened, receive_buffer)
        opened.bind((0, groups))
        for option, value in options:
            opened.setsockopt(_SOL_NETLINK, option, value)
    except OSError as error:
        opened.close()
        raise KernelRefused(attempt, error.errno or 0) from error
    return opened


def _enlarge_receive_buffer(of: socket.socket, size: int) -> None:
    """As large as asked for where we may, else as large as the host lets anyone."""
    try:
        of.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
    except PermissionError:
        of.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
