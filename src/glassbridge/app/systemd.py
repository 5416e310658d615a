"""The talks with systemd: inherited sockets (sd_listen_fds) and readiness (sd_notify)."""

import os
import socket

API, DOCKER = "api", "docker"
"""FileDescriptorName= of our socket units."""

_FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START."""


def inherited_sockets() -> dict[str, socket.socket]:
    """Take the sockets that systemd listens on for us, by name, if it started us that way.

    One without a name of ours is that of the API.
    """
    meant_for_us = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = int(os.environ.pop("LISTEN_FDS", "0") or 0)
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if not meant_for_us:
        return {}
    taken = {}
    for number in range(count):
        descriptor = _FIRST_DESCRIPTOR + number
        os.set_inheritable(descriptor, False)
        is_docker_s = names[number : number + 1] == [DOCKER]
        taken[DOCKER if is_docker_s else API] = socket.socket(fileno=descriptor)
    return taken


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
