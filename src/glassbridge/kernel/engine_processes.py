"""Processes of container engines, their command lines, and how their files are reached."""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from glassbridge.kernel.processes import all_pids, name_of


class EngineProcess(Struct, frozen=True, kw_only=True):
    """A daemon, or what stays with each container of an engine without one."""

    pid: int
    program: str
    """As the kernel calls it: its first 15 characters."""
    arguments: tuple[str, ...] = ()

    def option(self, *names: str) -> str:
        """The value of `--name value` or `--name=value`; empty where it is not given."""
        for n, word in enumerate(self.arguments):
            name, equals, value = word.partition("=")
            if name in names:
                return value if equals else "".join(self.arguments[n + 1 : n + 2])
        return ""

    def shares(self, kind: str) -> bool:
        """Whether it lives in our namespace of a kind: `net`, `mnt`, `pid`."""
        with suppress(OSError):
            theirs = os.stat(f"/proc/{self.pid}/ns/{kind}")  # noqa: PTH116 - ids of a pair
            return os.path.samestat(theirs, os.stat(f"/proc/self/ns/{kind}"))  # noqa: PTH116 - same
        return False

    def reach(self, path: str) -> Path:
        """A path that it speaks of, as we reach it."""
        if self.shares("mnt"):
            return Path(path)
        # the usual link there is absolute, and would lead into our own /run
        inner = path.removeprefix("/var") if path.startswith("/var/run/") else path
        return Path(f"/proc/{self.pid}/root", inner.lstrip("/"))


def find_processes(programs: Collection[str]) -> tuple[EngineProcess, ...]:
    """Those with one of these names: ten microseconds for each process of the host."""
    return tuple(
        EngineProcess(pid=pid, program=program, arguments=_arguments(pid))
        for pid in all_pids()
        if (program := name_of(pid)) in programs
    )


def _arguments(pid: int) -> tuple[str, ...]:
    with suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        return tuple(line.split("\0")[1:-1])
    return ()
