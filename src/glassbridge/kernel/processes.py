"""Processes as /proc shows them: their namespaces, names, and the sockets that they hold."""

import os
import time
from collections.abc import Collection, Iterable, Iterator

_STARTED = 19
"""Field `starttime` of proc_pid_stat(5), counted from the one behind the name."""


def all_pids() -> list[int]:
    """Every process that /proc shows, lowest number first."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - hot


def netns_inode(pid: int) -> int | None:
    """The inode of a process's network namespace; None if it exited or we may not look."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino  # noqa: PTH116 - hot: once per process
    except OSError:
        return None


def pids_in(inode: int) -> tuple[int, ...]:
    """The processes whose network namespace has that inode: seven microseconds for each of all."""
    return tuple(pid for pid in all_pids() if netns_inode(pid) == inode)


def name_of(pid: int) -> str:
    """The process's short name; empty if it is gone."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - hot
            return file.read().rstrip("\n")
    except OSError:
        return ""


def seconds_up(pid: int) -> float | None:
    """For how long a process has been there; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - hot
            # the name may hold anything, brackets too: what follows the last one is plain
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    started = int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def holders_of(sockets: Collection[int], pids: Iterable[int]) -> dict[int, int]:
    """Which of these processes has each socket open: socket inode to the first pid found."""
    wanted = {f"socket:[{inode}]": inode for inode in sockets}
    found: dict[int, int] = {}
    for pid in pids:
        if len(found) == len(wanted):
            break
        for target in _open_files(pid):
            inode = wanted.get(target)
            if inode is not None:
                found.setdefault(inode, pid)
    return found


def _open_files(pid: int) -> Iterator[str]:
    folder = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(folder):  # noqa: PTH208 - hot
            try:
                yield os.readlink(f"{folder}/{name}")  # noqa: PTH115 - hot
            except OSError:
                continue
    except OSError:
        return
