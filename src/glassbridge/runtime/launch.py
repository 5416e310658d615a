"""The program that runs between the daemon and bubblewrap, and turns into the latter.

It does what bubblewrap cannot: join a network namespace, show its links in /sys, drop the
capability bounding set, and make the program it becomes unwritable. Standard library only.
"""

import os
import stat
import sys
from contextlib import suppress

from glassbridge.runtime import syscalls

_UNPRIVILEGED_PORTS = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
_PING_GROUPS = "/proc/sys/net/ipv4/ping_group_range"
_SAFE = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC


def main(arguments: list[str]) -> None:
    """Take NETNS FOLDER UID GID GROUPS KEPT-CAPABILITIES COMMAND...; an empty word: leave as is."""
    netns, folder, uid, gid, groups, kept, *command = arguments
    try:
        os.umask(0o022)
        syscalls.reset_signals()
        _enter(netns)
        # a program of the container whose interpreter is /proc/self/exe would run our executable,
        # find it writable by root there, and replace it on the host (CVE-2019-5736)
        syscalls.bind_read_only(command[0])
        if kept:
            _limit_capabilities(int(kept, 16))
        if uid:
            _open_way_to(folder)
            os.setgroups([int(g) for g in groups.split(",") if g])
            os.setresgid(int(gid), int(gid), int(gid))
            os.setresuid(int(uid), int(uid), int(uid))
        os.execv(command[0], command)  # noqa: S606 - that is what this program is for
    except OSError as error:
        sys.exit(f"{error.strerror}{f' ({error.filename})' if error.filename else ''}")


def _enter(netns: str) -> None:
    """Join the network namespace, and a mount namespace whose /sys belongs to it."""
    if netns:
        descriptor = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
        syscalls.setns(descriptor, syscalls.NEWNET)
    syscalls.unshare(syscalls.NEWNS)
    # slave, not private: what the host unmounts must not live on here
    syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_SLAVE)
    # bubblewrap may mount a procfs in a user namespace only where it sees one without covers
    with suppress(OSError):
        syscalls.mount("proc", "/proc", "proc", _SAFE)
    if netns:
        _mount_sysfs()
        _open_ports_and_ping()


def _mount_sysfs() -> None:
    try:
        syscalls.mount("sysfs", "/sys", "sysfs", _SAFE)
    except OSError:  # locked down: rather nothing than the host's links
        syscalls.mount("tmpfs", "/sys", "tmpfs", _SAFE | syscalls.MS_RDONLY)


def _open_ports_and_ping() -> None:
    """As Docker: port 80 and `ping` need no capability in a container's own namespace."""
    with suppress(OSError):  # /proc/sys may be read-only where we run
        _write(_UNPRIVILEGED_PORTS, "0")
        try:
            _write(_PING_GROUPS, "0 2147483647")
        except OSError:  # a user namespace that maps fewer groups
            _write(_PING_GROUPS, "0 0")


def _open_way_to(folder: str) -> None:
    """Let a user other than root reach its own files below a run folder that is root's alone."""
    parts = folder.split("/")
    above = ["/".join(parts[:count]) for count in range(2, len(parts))]
    closed = next((path for path in above if not os.stat(path).st_mode & stat.S_IXOTH), None)  # noqa: PTH116 - pathlib costs 4 ms
    if closed is None:
        return
    own = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    syscalls.mount("tmpfs", closed, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=755")
    os.makedirs(folder)  # noqa: PTH103 - pathlib costs 4 ms
    syscalls.mount(f"/proc/self/fd/{own}", folder, "", syscalls.MS_BIND)


def _limit_capabilities(kept: int) -> None:
    """Bubblewrap drops all sets but the bounding one; yet it needs its capabilities until then.

    An exec as root permits bounding | inheritable, so the present ones travel as inheritable.
    """
    held = syscalls.permitted_capabilities()
    syscalls.set_capabilities(held, held)
    syscalls.drop_bounding_set(kept)


def _write(path: str, value: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib costs 4 ms
        file.write(value)
