"""Who may talk to us: root, in our own network namespace; checked once per connection."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from glassbridge.errors import PermissionRefused

_UCRED = struct.Struct("iII")
"""struct ucred of <linux/socket.h>: pid, uid, gid as seen from our own namespaces."""


def peer_refusal(connection: socket.socket) -> PermissionRefused | None:
    """Say why the process at the other end of a unix socket may not talk to us, if it may not.

    The credentials are those of the process that called connect(), fixed at that moment.
    """
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _ = _UCRED.unpack(raw)
    if uid != os.geteuid():
        return PermissionRefused(
            f"user {uid} may not use this daemon: it answers to root only",
            hint="use sudo, or `glassbridge lab` for a world of your own",
        )
    ours = Path("/proc/self/ns/net").stat()
    try:
        theirs = Path(f"/proc/{pid}/ns/net").stat() if pid else None
    except OSError:
        theirs = None
    if theirs is None:  # pid 0 is a process that our pid namespace does not show
        return PermissionRefused(
            "the daemon cannot see which network namespace the caller is in",
            hint="call it from the pid and network namespace that it runs in",
        )
    if (theirs.st_dev, theirs.st_ino) != (ours.st_dev, ours.st_ino):
        return PermissionRefused(
            f"process {pid} is in network namespace {theirs.st_ino}, "
            f"this daemon serves {ours.st_ino}",
            hint=f"run it there: nsenter --net=/proc/{os.getpid()}/ns/net glassbridge ...",
        )
    return None


def peer_checked(refuse: Callable[[PermissionRefused], ASGIApp]) -> type[HttpToolsProtocol]:
    """Make HTTP's protocol for connections whose other end is looked at first.

    A stranger hears why, in the front-end's own words, and nothing else.
    """

    class PeerCheckedProtocol(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
            """Look at the peer before its first byte."""
            super().connection_made(transport)
            connection: Any = transport.get_extra_info("socket")
            try:
                refusal = peer_refusal(connection)
            except OSError as error:  # asyncio would log it, and serve whoever it is
                refusal = PermissionRefused(f"the caller cannot be checked: {error}")
            if refusal is not None:
                self.app = cast(Any, refuse(refusal))

    return PeerCheckedProtocol
