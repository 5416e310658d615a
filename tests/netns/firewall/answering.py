"""Servers in every namespace, run by one thread: each answers with its name and what it saw."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress

_IP_PKTINFO, _IPV6_RECVPKTINFO, _IPV6_PKTINFO = 8, 49, 50  # linux/in.h, linux/in6.h
_Ancillary = list[tuple[int, int, bytes]]


class Answering:
    """TCP and UDP servers that say `NAME SEEN-ADDRESS`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, name="answering")
        self._wake, self._woken = socket.socketpair()

    def listen(self, name: str, server: socket.socket, port: int, address: str = "") -> None:
        self._bind(server, address, port)
        if server.type == socket.SOCK_STREAM:
            server.listen(64)
        self._selector.register(server, selectors.EVENT_READ, name)

    def hold(self, holder: socket.socket, address: str, port: int) -> None:
        """Bind and never answer."""
        self._bind(holder, address, port)
        self._held.append(holder)

    def start(self) -> None:
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._wake.send(b"x")
            self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        for holder in (*self._held, self._wake, self._woken):
            holder.close()
        self._selector.close()

    def _bind(self, server: socket.socket, address: str, port: int) -> None:
        server.setblocking(False)
        if server.family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            server.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        else:
            server.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        server.bind((address, port))

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                assert isinstance(key.fileobj, socket.socket)
                with suppress(OSError):
                    self._answer(key.fileobj, key.data)

    def _answer(self, server: socket.socket, name: str) -> None:
        if server.type == socket.SOCK_STREAM:
            connection, peer = server.accept()
            with connection:
                connection.send(f"{name} {peer[0]}".encode())
        else:
            # from the address that was asked, which a wildcard socket would not choose by itself
            _, asked, _, peer = server.recvmsg(2048, 64)
            server.sendmsg([f"{name} {peer[0]}".encode()], _source(asked), 0, peer)


def _source(asked: _Ancillary) -> _Ancillary:
    """struct in_pktinfo: index, local address, header's address; in6_pktinfo: address, index."""
    for level, kind, data in asked:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
            return [(level, kind, bytes(4) + data[8:12] + bytes(4))]
        if (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):
            return [(level, kind, data[:16] + bytes(4))]
    return []
