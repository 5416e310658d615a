"""Sockets for whole packets: an ordinary process may have none."""

import socket

from glassbridge.errors import KernelRefused, PermissionRefused


def open_raw(family: int, kind: int, protocol: int, attempt: str) -> socket.socket:
    """Open one that does not block; raises PermissionRefused or KernelRefused, saying `attempt`."""
    try:
        return socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
    except PermissionError as error:
        raise PermissionRefused(
            f"{attempt}: {error.strerror}", hint="CAP_NET_RAW is needed: run as root"
        ) from error
    except OSError as error:
        raise KernelRefused(attempt, error.errno or 0) from error
