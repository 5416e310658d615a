"""Read and write sysctls; those under net are the ones of the namespace that opens the file."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import cache, lru_cache

from glassbridge.errors import GlassbridgeError, KernelRefused, NotFound, PermissionRefused
from glassbridge.kernel.netns import inside

_ROOT = "/proc/sys"
_LARGEST = 4096
_SWAP = str.maketrans("./", "/.")


def read(key: str, netns: int | None = None) -> str:
    """The value of a key; raises NotFound where the kernel does not have it."""
    try:
        return _content(_open(key, os.O_RDONLY, netns))
    except OSError as error:
        raise _refused(f"read sysctl {key}", key, error) from error


def write(key: str, value: str, netns: int | None = None) -> None:
    """Set a key; raises NotFound, PermissionRefused, or KernelRefused for a value it won't take."""
    try:
        fd = _open(key, os.O_WRONLY, netns)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise _refused(f"set sysctl {key} = {value}", key, error) from error


def read_present(keys: Iterable[str], netns: int | None = None) -> dict[str, str]:
    """The values of those keys that the kernel has and lets us read."""
    found: dict[str, str] = {}
    with nullcontext() if netns is None else inside(netns), _folders() as folder:
        for key in keys:
            above, name = _place_of(key)
            start = folder(above)
            if start is None:
                continue
            with suppress(OSError):
                found[key] = _content(os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=start))
    return found


def path_of(key: str) -> str:
    """The file of a key: `net.ipv4.conf.eth0/5.rp_filter` as sysctl(8) has it, or with slashes."""
    dot, slash = key.find("."), key.find("/")
    written_with_dots = slash < 0 or 0 <= dot < slash
    return f"{_ROOT}/" + (key.translate(_SWAP) if written_with_dots else key)


@lru_cache(maxsize=256)
def _place_of(key: str) -> tuple[str, str]:
    """Folder and name: the same keys are read in each of a thousand namespaces."""
    above, _, name = path_of(key).rpartition("/")
    return above, name


def _open(key: str, mode: int, netns: int | None) -> int:
    with nullcontext() if netns is None else inside(netns):
        return os.open(path_of(key), mode | os.O_CLOEXEC)


@contextmanager
def _folders() -> Iterator[Callable[[str], int | None]]:
    """Open folders of /proc/sys, each once, and from the one above; None: there is no such.

    `net` holds an `ipv4` of every namespace, all in one chain of the kernel's dentry hash: each
    look-up by a whole path walks it, which is 0.2 ms with a thousand namespaces.
    """
    with ExitStack() as opened:

        @cache
        def folder(path: str) -> int | None:
            if path == _ROOT:
                name, start = path, None
            else:
                above, _, name = path.rpartition("/")
                start = folder(above)
                if start is None:
                    return None
            try:
                fd = os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=start)
            except OSError:
                return None
            opened.callback(os.close, fd)
            return fd

        yield folder


def _content(fd: int) -> str:
    try:
        return os.read(fd, _LARGEST).decode().rstrip("\n")
    finally:
        os.close(fd)


def _refused(attempt: str, key: str, error: OSError) -> GlassbridgeError:
    code = error.errno or 0
    match code:
        case errno.ENOENT:
            return NotFound(f"sysctl {key} does not exist", hint="the kernel lacks that feature")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return PermissionRefused(
                f"{attempt}: {os.strerror(code)}",
                hint="/proc/sys is read-only here: run on the host, or inside: glassbridge lab",
            )
        case _:
            return KernelRefused(attempt, code)
