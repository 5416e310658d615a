"""The program that enters a container and becomes a command there. Standard library only.

Nothing is imported once the container's files are ours: they belong to a stranger.
"""

import fcntl
import marshal
import os
import sys
import termios
from contextlib import suppress
from typing import TypedDict

from glassbridge.runtime import syscalls

_NAMESPACES = {
    "user": syscalls.NEWUSER,
    "mnt": syscalls.NEWNS,
    "pid": syscalls.NEWPID,
    "uts": syscalls.NEWUTS,
    "ipc": syscalls.NEWIPC,
    "net": syscalls.NEWNET,
    "cgroup": syscalls.NEWCGROUP,
}
_CANNOT_RUN, _NOT_FOUND = 126, 127
_SIGNALLED = 128


class Order(TypedDict):
    """What to become, and where."""

    pid: int
    pidfd: int
    command: list[str]
    environment: dict[str, str]
    workdir: str
    uid: int
    gid: int
    groups: list[int]
    kept: int | None
    """Mask of capabilities; None: all."""
    seccomp: bytes
    terminal: bool
    """Standard input is a terminal that shall be the command's own."""


def main(arguments: list[str]) -> None:
    """Take the descriptor that holds the order; exits with the command's code, 128 + n if killed.

    126 and 127 have the shell's meaning.
    """
    with os.fdopen(int(arguments[0]), "rb") as file:
        order: Order = marshal.loads(file.read())  # noqa: S302 - from our own parent
    sys.meta_path.clear()
    try:
        # between here and the exec, processes of the container see us
        syscalls.hide_from_tracers()
        with suppress(PermissionError):  # a lab of one uid has no groups to give
            os.setgroups(order["groups"])
        syscalls.setns(order["pidfd"], _other_namespaces(order["pid"]))
        os.close(order["pidfd"])
        child = os.fork()  # a pid namespace is entered by children only
    except OSError as error:
        sys.exit(f"cannot enter the container: {error.strerror}")
    if child == 0:
        _become(order)
    syscalls.ignore_interrupts()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    sys.exit(code if code >= 0 else _SIGNALLED - code)


def _other_namespaces(pid: int) -> int:
    """Those that differ: the kernel refuses to enter the user namespace that one is in."""
    return sum(
        kind
        for name, kind in _NAMESPACES.items()
        if os.stat(f"/proc/{pid}/ns/{name}") != os.stat(f"/proc/self/ns/{name}")  # noqa: PTH116 - pathlib costs 4 ms
    )


def _become(order: Order) -> None:
    try:
        if order["terminal"]:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.umask(0o022)
        os.chdir(order["workdir"])
        _confine(order)
        os.execvpe(order["command"][0], order["command"], order["environment"])  # noqa: S606
    except OSError as error:
        os.write(2, f"{order['command'][0]}: {error.strerror}\n".encode())
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _CANNOT_RUN)


def _confine(order: Order) -> None:
    """Give up what the container's own command gave up, in the order that is still allowed."""
    kept = order["kept"]
    if kept is not None:
        syscalls.drop_bounding_set(kept)
    os.setresgid(order["gid"], order["gid"], order["gid"])
    os.setresuid(order["uid"], order["uid"], order["uid"])
    if order["uid"]:  # in a user namespace without a root the kernel does not take them away
        syscalls.set_capabilities(0, 0)
    elif kept is not None:
        syscalls.set_capabilities(kept, 0)
    syscalls.reset_signals()
    syscalls.forbid_new_privileges()
    if order["seccomp"]:
        syscalls.load_seccomp(order["seccomp"])
