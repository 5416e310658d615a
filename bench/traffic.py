"""Traffic of others while something else goes on: one datagram there and back, again and again.

Both ends are sockets of one thread, so nobody waits for a scheduler: a round trip is the kernel's
work for two packets on their way through two veth pairs, a bridge and its firewall.
"""

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from time import perf_counter

_CLONE_NEWNET = 0x40000000
_PORT = 9
_LATE_SECONDS = 1.0

_libc = ctypes.CDLL(None, use_errno=True)


class PingPong:
    """A datagram between two namespaces."""

    def __init__(self, here: str, there: str, address: IPv4Address) -> None:
        self._one, self._other = _socket_in(here), _socket_in(there)
        self._other.bind((str(address), _PORT))
        self._one.connect((str(address), _PORT))
        self._one.send(b"")
        self._other.connect(self._other.recvfrom(1)[1])

    def play(self, seconds: float) -> tuple[float, ...]:
        """Round trips one after another for so long; microseconds each."""
        one, other = self._one, self._other
        took = []
        now = perf_counter()
        end = now + seconds
        while now < end:
            one.send(b"?")
            other.recv(1)
            other.send(b"!")
            one.recv(1)
            began, now = now, perf_counter()
            took.append((now - began) * 1e6)
        return tuple(took)

    def close(self) -> None:
        self._one.close()
        self._other.close()


def _socket_in(netns: str) -> socket.socket:
    with _inside(netns):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(_LATE_SECONDS)
    return made


@contextmanager
def _inside(netns: str) -> Iterator[None]:
    """os.setns is of Python 3.12."""
    home, fd = (os.open(path, os.O_RDONLY) for path in ("/proc/thread-self/ns/net", netns))
    try:
        _enter(fd)
        yield
    finally:
        _enter(home)
        os.close(fd)
        os.close(home)


def _enter(fd: int) -> None:
    if _libc.setns(fd, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
