"""HTTP on unix sockets: one server of uvicorn's, which may listen for several applications."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from glassbridge.errors import Conflict, PermissionRefused
from glassbridge.frontends.peer import peer_checked

_BACKLOG = 1024
_GRACE = 2
"""Seconds that requests in flight get when we stop."""

Refuse = Callable[[PermissionRefused], ASGIApp]


class Server(uvicorn.Server):
    """uvicorn's, for more than one application."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.doors: list[Door] = []

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: uvicorn would raise the signal again, a failure in the unit's eyes."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any longer, then end as uvicorn does, which knows every connection."""
        for door in self.doors:
            door.lock()
        await super().shutdown(sockets)


class Door:
    """One more socket of a running server, with an application of its own."""

    def __init__(self, server: Server, application: ASGIApp, refuse: Refuse) -> None:
        self._server = server
        self._config = configuration(application, refuse)
        self._listening: asyncio.Server | None = None

    async def open(self, listener: socket.socket) -> None:
        """Serve until `close`, or the end of the server."""
        self._config.load()

        def protocol() -> asyncio.Protocol:
            return self._config.http_protocol_class(  # type: ignore[call-arg] # as uvicorn calls it
                config=self._config, server_state=self._server.server_state, app_state={}
            )

        loop = asyncio.get_running_loop()
        self._listening = await loop.create_unix_server(protocol, sock=listener, backlog=_BACKLOG)
        self._server.doors.append(self)

    def lock(self) -> None:
        """Accept no further connection."""
        if self._listening is not None:
            self._listening.close()

    async def close(self) -> None:
        """Serve no longer, on open connections neither."""
        self.lock()
        self._server.doors.remove(self)
        for connection in list(self._server.server_state.connections):
            if connection.config is self._config:
                connection.shutdown()


def configuration(application: ASGIApp, refuse: Refuse) -> uvicorn.Config:
    """Configure what answers on one kind of socket."""
    return uvicorn.Config(
        application,
        http=peer_checked(refuse),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=_GRACE,
    )


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
