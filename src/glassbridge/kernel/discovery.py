"""Every network namespace of the host: those of processes, and those bound to a path.

Namespaces that only an open file or a link keeps alive are not found.
"""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path

from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.netns import cookie_of, inode_of, open_netns
from glassbridge.kernel.processes import all_pids, netns_inode, pids_in
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.model.topology import Netns
from glassbridge.wire.namespaces import NETNSA_NSID, get_nsid
from glassbridge.wire.netlink import attributes, signed

_MOUNT_POINT, _TYPE_AFTER_DASH = 4, 1
_RTGENMSG_SIZE = 4
_AT_FIRST, _AT_ONCE = 1, 200
"""Descriptors open at a time: a process may have no more than 1,024 of them."""


def find_netns() -> tuple[Netns, ...]:
    """Every namespace that can be entered, the own one first, then by inode."""
    pids: defaultdict[int, list[int]] = defaultdict(list)
    for pid in all_pids():
        inode = netns_inode(pid)
        if inode is not None:
            pids[inode].append(pid)
    paths: defaultdict[int, list[str]] = defaultdict(list)
    for path in _bound_paths(pids.values()):
        with suppress(OSError):
            paths[os.stat(path).st_ino].append(path)  # noqa: PTH116 - hot: once per namespace
    home = netns_inode(os.getpid())
    inodes = sorted(pids.keys() | paths.keys(), key=lambda i: (i != home, i))
    found = (_describe(i, paths[i], pids[i]) for i in inodes)
    return tuple(n for n in found if n is not None)


def describe_netns(path: str) -> Netns:
    """The namespace at a path, with all its other paths and its processes; raises NotFound."""
    fd = open_netns(path)
    try:
        inode = inode_of(fd)
        cookie = cookie_of(fd)
    finally:
        os.close(fd)
    pids = pids_in(inode)
    bound = []
    for other in _bound_paths([pids]):
        with suppress(OSError):
            if other != path and os.stat(other).st_ino == inode:  # noqa: PTH116 - hot
                bound.append(other)
    return Netns(cookie=cookie, inode=inode, paths=(path, *bound), pids=pids)


def number_namespaces(
    route: RouteSocket, others: Iterable[tuple[int, str]], wanted: Collection[int]
) -> dict[int, int]:
    """Which of the others (cookie and path) each wanted number of the socket's namespace means.

    The kernel numbers a neighbour when a link first leads there (Link.link_nsid); it answers which
    number a given namespace has, not the other way round. It is asked until all are found.
    """
    found: dict[int, int] = {}
    left, waiting, size = set(wanted), iter(others), _AT_FIRST
    while left and (some := tuple(islice(waiting, size))):
        size = _AT_ONCE
        for nsid, cookie in _number_some(route, some):
            found[nsid] = cookie
            left.discard(nsid)
    return found


def has_number_for(route: RouteSocket, path: str) -> bool:
    """Whether the socket's namespace has a link that leads to the one at a path, or had one."""
    return next(_number_some(route, [(0, path)]), None) is not None


def _number_some(
    route: RouteSocket, others: Iterable[tuple[int, str]]
) -> Iterator[tuple[int, int]]:
    asked: dict[int, int] = {}
    with ExitStack() as opened:
        for cookie, path in others:
            try:
                asked[cookie] = open_netns(path)
            except GlassbridgeError:
                continue  # it ended since it was found
            opened.callback(os.close, asked[cookie])
        answers = route.get_each([get_nsid(fd) for fd in asked.values()])
    for cookie, answer in zip(asked, answers, strict=True):
        if isinstance(answer, bytes):
            nsid = signed(attributes(answer, _RTGENMSG_SIZE)[NETNSA_NSID])
            if nsid >= 0:
                yield nsid, cookie


def _describe(inode: int, bound: Sequence[str], pids: Sequence[int]) -> Netns | None:
    paths = (*bound, *(f"/proc/{pid}/ns/net" for pid in pids))
    for path in paths:
        try:
            fd = open_netns(path)
        except GlassbridgeError:
            continue  # that process exited
        try:
            if inode_of(fd) == inode:
                return Netns(
                    cookie=cookie_of(fd),
                    inode=inode,
                    paths=(*bound, *(f"/proc/{pid}/ns/net" for pid in pids[:1])),
                    pids=tuple(pids),
                )
        except GlassbridgeError:
            return None  # another user's namespace
        finally:
            os.close(fd)
    return None


def _bound_paths(pids_by_netns: Iterable[Sequence[int]]) -> Iterator[str]:
    """Bind mounts of namespaces, in our mount namespace and in those of other processes."""
    own = os.stat("/proc/self/ns/mnt").st_ino  # noqa: PTH116 - as in processes.py
    yield from _bound_in("/proc/self", "")
    seen = {own}
    for pids in pids_by_netns:
        for pid in pids:
            with suppress(OSError):
                mount_namespace = os.stat(f"/proc/{pid}/ns/mnt").st_ino  # noqa: PTH116 - hot
                if mount_namespace not in seen:
                    seen.add(mount_namespace)
                    yield from _bound_in(f"/proc/{pid}", f"/proc/{pid}/root")


def _bound_in(process: str, root: str) -> Iterator[str]:
    for line in Path(process, "mountinfo").read_text(errors="replace").splitlines():
        fields = line.split(" ")
        kind = fields[fields.index("-") + _TYPE_AFTER_DASH]
        # the fourth field is what of the file system was bound: net:[4026532301]
        if kind == "nsfs" and fields[3].startswith("net:["):
            yield root + _unescape(fields[_MOUNT_POINT])


def _unescape(field: str) -> str:
    """Blanks are written in octal (seq_path)."""
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(octal, character)
    return field
