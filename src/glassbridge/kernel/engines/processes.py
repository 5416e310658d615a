"""Processes of engines that serve our host: those in our own network namespace."""

import os
import re
from collections.abc import Collection, Iterator

from msgspec import Struct

from glassbridge.kernel.processes import all_pids, name_of, netns_inode
from glassbridge.model.ruleset import Origin

_ID = re.compile(r"(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:$|/)", re.MULTILINE)
_MADE_BY = (
    ("libpod", Origin.PODMAN),
    ("docker", Origin.DOCKER),
    ("cri-containerd", Origin.KUBERNETES),
    ("crio", Origin.KUBERNETES),
    ("kubepods", Origin.KUBERNETES),
)


class EngineProcess(Struct, frozen=True, kw_only=True):
    """One daemon, or one keeper of a container."""

    pid: int
    arguments: tuple[str, ...]
    root: str
    """Before every path that it names; empty where it sees the files that we see."""


def engine_processes(names: Collection[str]) -> Iterator[tuple[str, EngineProcess]]:
    """Those of these names (15 characters at most) whose host is ours."""
    home = netns_inode(os.getpid())
    mounts = _mount_namespace("self")
    for pid in all_pids():
        name = name_of(pid)
        if name in names and netns_inode(pid) == home:
            root = "" if _mount_namespace(pid) == mounts else f"/proc/{pid}/root"
            yield name, EngineProcess(pid=pid, arguments=_arguments(pid), root=root)


def option(arguments: Collection[str], *names: str) -> str:
    """The value of an option, given as one word or two; the last one counts."""
    found, previous = "", ""
    for word in arguments:
        key, equals, value = word.partition("=")
        if previous in names:
            found = word
        elif equals and key in names:
            found = value
        previous = word
    return found


def is_in_cgroup(pid: int, container: str) -> bool:
    """Whether a process is still of that container: its number may be another's by now."""
    return container in _cgroups(pid)


def container_of(pid: int) -> tuple[Origin, str] | None:
    """Whose container a process is in, and its id, by the name of its cgroup."""
    groups = _cgroups(pid)
    found = _ID.search(groups)
    if found is None:
        return None
    line = next(k for k in groups.splitlines() if found[1] in k)
    maker = next((origin for word, origin in _MADE_BY if word in line), Origin.UNKNOWN)
    return maker, found[1]


def _cgroups(pid: int) -> str:
    return _read(f"/proc/{pid}/cgroup")


def _arguments(pid: int) -> tuple[str, ...]:
    return tuple(_read(f"/proc/{pid}/cmdline").rstrip("\0").split("\0"))


def _mount_namespace(pid: int | str) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/mnt").st_ino  # noqa: PTH116 - hot
    except OSError:
        return 0


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - hot
            return file.read()
    except OSError:
        return ""
