"""Read and write sysctls; those under net are the ones of the namespace that opens the file."""

import errno
import os
from collections.abc import Iterable
from contextlib import nullcontext

from glassbridge.errors import GlassbridgeError, KernelRefused, NotFound, PermissionRefused
from glassbridge.kernel.netns import inside

_LARGEST = 4096
_SWAP = str.maketrans("./", "/.")


def read(key: str, netns: int | None = None) -> str:
    """The value of a key; raises NotFound where the kernel does not have it."""
    try:
        fd = _open(key, os.O_RDONLY, netns)
        try:
            return os.read(fd, _LARGEST).decode().rstrip("\n")
        finally:
            os.close(fd)
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
    with nullcontext() if netns is None else inside(netns):
        for key in keys:
            try:
                found[key] = read(key)
            except GlassbridgeError:
                continue
    return found


def path_of(key: str) -> str:
    """The file of a key: `net.ipv4.conf.eth0/5.rp_filter` as sysctl(8) has it, or with slashes."""
    dot, slash = key.find("."), key.find("/")
    written_with_dots = slash < 0 or 0 <= dot < slash
    return "/proc/sys/" + (key.translate(_SWAP) if written_with_dots else key)


def _open(key: str, mode: int, netns: int | None) -> int:
    with nullcontext() if netns is None else inside(netns):
        return os.open(path_of(key), mode | os.O_CLOEXEC)


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
