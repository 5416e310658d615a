"""The talks with systemd: an inherited socket (sd_listen_fds) and readiness (sd_notify)."""

import os
import socket

_FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START."""


def inherited_socket() -> socket.socket | None:
    """Take the socket that systemd listens on for us, if it started us that way."""
    meant_for_us = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = int(os.environ.pop("LISTEN_FDS", "0") or 0)
    os.environ.pop("LISTEN_FDNAMES", None)
    if not meant_for_us or count < 1:
        return None
    os.set_inheritable(_FIRST_DESCRIPTOR, False)
    return socket.socket(fileno=_FIRST_DESCRIPTOR)


def notify(state: str) -> None:
    """Tell the service manager, when there is one; it is no failure of ours if it does not hear."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        try:
            manager.sendto(state.encode(), address)
        except OSError:
            return
