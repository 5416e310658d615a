"""Network namespaces: open, enter for a moment, create, delete.

The namespace belongs to the thread. A thread enters one only long enough to open a socket or a
file, which then keeps the namespace that it was opened in and can be used from anywhere.
"""

import ctypes
import errno
import fcntl
import os
import select
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from glassbridge.errors import (
    Conflict,
    GlassbridgeError,
    InvalidRequest,
    KernelRefused,
    NotFound,
    PermissionRefused,
)

CURRENT = "/proc/thread-self/ns/net"

_CLONE_NEWNET = 0x40000000
_MS_BIND, _MS_REC, _MS_SHARED = 0x1000, 0x4000, 0x100000
_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8
_NS_GET_NSTYPE = 0xB703  # linux/nsfs.h
_SO_NETNS_COOKIE = 71
_EXIT_SOFTWARE = 70

# os.setns and os.unshare exist from Python 3.12 on; mount never did
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (*(ctypes.c_char_p,) * 3, ctypes.c_ulong, ctypes.c_char_p)
_setns = _libc.setns
_setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)


def open_netns(path: str) -> int:
    """Open a namespace by its path; the caller closes the descriptor."""
    try:
        # what is no namespace may be a FIFO, which would be waited for
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(f"open network namespace {path}", error) from error
    except ValueError as error:
        raise InvalidRequest(f"{path!r} is not a path: {error}") from error
    try:
        kind = fcntl.ioctl(fd, _NS_GET_NSTYPE)
    except OSError:
        kind = 0
    if kind != _CLONE_NEWNET:
        os.close(fd)
        raise InvalidRequest(
            f"{path} is not a network namespace",
            hint="name a file under /run/netns, or /proc/PID/ns/net",
        )
    return fd


@contextmanager
def opened_netns(path: str) -> Iterator[int]:
    """A namespace open for a while."""
    fd = open_netns(path)
    try:
        yield fd
    finally:
        os.close(fd)


def open_netns_of(pid: int) -> int:
    """Open the namespace that a process is in; the caller closes the descriptor.

    The pidfd is taken first and must still be alive afterwards, so that a process which exits
    meanwhile, and another that gets its number, cannot be mistaken for it.
    """
    gone = NotFound(f"process {pid} does not exist", hint="see: ps -e")
    try:
        process = os.pidfd_open(pid)
    except (ProcessLookupError, OverflowError) as error:
        raise gone from error
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):  # 0 and below; the id of a thread
            raise InvalidRequest(f"{pid} is not the id of a process", hint="see: ps -e") from error
        raise _refused(f"find process {pid}", error) from error
    try:
        fd = open_netns(f"/proc/{pid}/ns/net")
        if _has_exited(process):
            os.close(fd)
            raise gone
    except GlassbridgeError as error:
        if _has_exited(process) and error is not gone:
            raise gone from error
        raise
    finally:
        os.close(process)
    return fd


class inside:  # noqa: N801 - a context manager, read as the word it is
    """Run the body in a namespace, in this thread; nothing in it may wait or start a thread.

    A class, not a generator: every attach goes through here, and this is half the price.
    """

    __slots__ = ("_home", "_netns")

    def __init__(self, netns: int) -> None:
        self._netns = netns

    def __enter__(self) -> None:
        try:
            self._home = os.open(CURRENT, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _refused("open the own network namespace", error) from error
        if _setns(self._netns, _CLONE_NEWNET):
            code = ctypes.get_errno()
            os.close(self._home)
            raise _refused("enter network namespace", OSError(code, os.strerror(code)))

    def __exit__(self, *_: object) -> None:
        if _setns(self._home, _CLONE_NEWNET):
            # whatever this thread did next, it would do to a stranger's network
            os.write(2, b"glassbridge: cannot return to the own network namespace\n")
            os._exit(_EXIT_SOFTWARE)
        os.close(self._home)


def cookie_of(netns: int) -> int:
    """SO_NETNS_COOKIE of an open namespace: never reused within a boot, unlike the inode."""
    with inside(netns), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as any_socket:
        return socket_cookie(any_socket)


def socket_cookie(of: socket.socket) -> int:
    """SO_NETNS_COOKIE of the namespace that a socket was opened in (Linux 5.14)."""
    return int.from_bytes(of.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), sys.byteorder)


def inode_of(netns: int) -> int:
    """The number that `ls -l /proc/PID/ns` shows."""
    return os.fstat(netns).st_ino


def create_netns(path: str) -> None:
    """Create a namespace and bind it to a path, as `ip netns add` does; lo stays down.

    A thread of its own leaves its namespace for the new one and ends: no way back that could fail.
    """
    _make_shared_mount(os.path.dirname(path))  # noqa: PTH120 - the path came as text
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0))
    except FileExistsError as error:
        raise Conflict(f"network namespace {path} exists already") from error
    except OSError as error:
        raise _refused(f"create network namespace {path}", error) from error
    failures: list[OSError] = []
    worker = threading.Thread(target=_unshare_and_bind, args=(path, failures), name="create-netns")
    worker.start()
    worker.join()
    if failures:
        os.unlink(path)  # noqa: PTH108 - the path came as text
        raise _refused(f"create network namespace {path}", failures[0]) from failures[0]


def delete_netns(path: str) -> None:
    """Take a namespace from its path; already gone is success.

    The namespace itself ends with its last process, socket and descriptor.
    """
    encoded = path.encode()
    while _libc.umount2(encoded, _MNT_DETACH | _UMOUNT_NOFOLLOW) == 0:
        pass  # whatever was mounted on top of another
    code = ctypes.get_errno()
    if code not in (errno.EINVAL, errno.ENOENT):
        refused = OSError(code, os.strerror(code))
        raise _refused(f"delete network namespace {path}", refused)
    with suppress(FileNotFoundError):
        Path(path).unlink()


def unmake_shared_mount(folder: str) -> None:
    """Take back what the first create_netns below a folder mounted; nothing there is success."""
    _libc.umount2(folder.encode(), _MNT_DETACH | _UMOUNT_NOFOLLOW)


def _unshare_and_bind(path: str, failures: list[OSError]) -> None:
    try:
        if _libc.unshare(_CLONE_NEWNET):
            _raise_errno()
        _mount(CURRENT, path, _MS_BIND)
    except OSError as error:
        failures.append(error)


def _make_shared_mount(folder: str) -> None:
    """Namespaces bound below must reach other mount namespaces: `ip netns add` does the same.

    It also holds this very lock, so that two of us do not stack two mounts.
    """
    Path(folder).mkdir(mode=0o755, parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            _mount("", folder, _MS_SHARED | _MS_REC)
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: not a mount point yet
                raise
            _mount(folder, folder, _MS_BIND | _MS_REC)
            _mount("", folder, _MS_SHARED | _MS_REC)
    except OSError as error:
        raise _refused(f"make {folder} a shared mount", error) from error
    finally:
        os.close(lock)


def _mount(source: str, target: str, flags: int) -> None:
    if _libc.mount(source.encode(), target.encode(), b"none", flags, None):
        _raise_errno()


def _raise_errno() -> None:
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code))


def _has_exited(process: int) -> bool:
    exited = select.poll()  # select() stops at descriptor 1023
    exited.register(process, select.POLLIN)
    return bool(exited.poll(0))


def _refused(attempt: str, error: OSError) -> GlassbridgeError:
    code = error.errno or 0
    match code:
        case errno.ENOENT | errno.ENOTDIR:
            return NotFound(f"{attempt}: it does not exist", hint="see: ip netns list")
        case errno.EPERM | errno.EACCES:
            return PermissionRefused(
                f"{attempt}: {os.strerror(code)}", hint="run as root, or inside: glassbridge lab"
            )
        case _:
            return KernelRefused(attempt, code)
