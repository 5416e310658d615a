"""HTTP on unix sockets: doors that callers come in by, and what answers behind each of them."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

from glassbridge.app.http_connection import Connection
from glassbridge.errors import Conflict, PermissionRefused
from glassbridge.frontends.http_messages import Application
from glassbridge.frontends.peer import peer_refusal

_BACKLOG = 1024
_GRACE = 2.0
"""Seconds that requests in flight get when we stop."""

Refuse = Callable[[PermissionRefused], Application]


class Door:
    """A listening socket, open until `close` or the end of the server."""

    def __init__(self, application: Application, refuse: Refuse) -> None:
        """Let `refuse` answer those who may not talk to us: they hear why, and nothing else."""
        self._application = application
        self._refuse = refuse
        self._listening: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    async def open(self, listener: socket.socket) -> None:
        """Let callers in."""
        loop = asyncio.get_running_loop()
        # not create_unix_server: from Python 3.13 on it would unlink a path that may be systemd's
        self._listening = await loop.create_server(
            lambda: Connection(self._answerer, self._connections), sock=listener, backlog=_BACKLOG
        )

    async def close(self) -> None:
        """Let nobody in any longer; end when everyone is answered, or the time for it is over."""
        if self._listening is not None:
            self._listening.close()
        connections = tuple(self._connections)
        for connection in connections:
            connection.end()
        if connections:
            await asyncio.wait([c.gone for c in connections], timeout=_GRACE)
        for connection in connections:
            connection.abort()

    def _answerer(self, transport: asyncio.Transport) -> Application:
        try:
            refusal = peer_refusal(transport.get_extra_info("socket"))
        except OSError as error:  # asyncio would log it, and serve whoever it is
            refusal = PermissionRefused(f"the caller cannot be checked: {error}")
        return self._application if refusal is None else self._refuse(refusal)


def listen(path: Path) -> socket.socket:
    """Bind a socket for root only, in place of one that nobody serves any longer.

    Raises Conflict when somebody does.
    """
    if _is_served(path):
        raise Conflict(
            f"another program listens on {path}", hint=f"find it with: ss -xlp src {path}"
        )
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    mask = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(mask)
    listener.listen(_BACKLOG)
    return listener


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
        return True
