"""System calls that Python 3.11 lacks, for the single-threaded programs launch and join.

Only the standard library is imported here: these programs run without site packages.
"""

import ctypes
import os

NEWTIME, NEWNS, NEWCGROUP, NEWUTS = 0x80, 0x20000, 0x2000000, 0x4000000
NEWIPC, NEWUSER, NEWPID, NEWNET = 0x8000000, 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_SLAVE = 0x1000, 0x4000, 0x80000

_SYS_MOUNT_SETATTR = 442  # the same number on every architecture
_AT_FDCWD, _MOUNT_ATTR_RDONLY = -100, 1
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 22, 24, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITIES_MAX = 64
_EINVAL = 22
_SIGINT, _SIGPIPE, _SIGXFSZ, _SIG_IGN = 2, 13, 25, 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (*(ctypes.c_char_p,) * 3, ctypes.c_ulong, ctypes.c_char_p)
_libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
_libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)


class _FilterProgram(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def setns(descriptor: int, kinds: int) -> None:
    """Enter the namespaces of a process (pidfd, Linux 5.8), or one namespace."""
    _check(_libc.setns(descriptor, kinds), "enter namespaces")


def unshare(kinds: int) -> None:
    """Leave namespaces for new ones."""
    _check(_libc.unshare(kinds), "")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount; raises OSError that names the target."""
    done = _libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode())
    _check(done, f"mount {kind or source} on {target}")


def bind_read_only(path: str) -> None:
    """Cover a file or folder with itself, read-only.

    mount_setattr (Linux 5.12) and not a remount: in a user namespace that would have to repeat
    every flag which the mount below has locked.
    """
    mount(path, path, "", MS_BIND)
    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY, 0, 0, 0)  # struct mount_attr
    done = _libc.syscall(
        _SYS_MOUNT_SETATTR, _AT_FDCWD, path.encode(), 0, attributes, ctypes.sizeof(attributes)
    )
    _check(done, f"make {path} read-only")


def drop_bounding_set(keep: int) -> None:
    """Drop every capability outside of the mask `keep` from the bounding set."""
    for capability in range(_CAPABILITIES_MAX):
        if not keep >> capability & 1 and _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            if ctypes.get_errno() == _EINVAL:  # beyond the kernel's last
                return
            _check(-1, f"drop capability {capability}")


def set_capabilities(permitted: int, inheritable: int) -> None:
    """Set the permitted (also the effective) and the inheritable set of this process."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    halves = [  # struct __user_cap_data_struct, once for each half of the masks
        mask >> shift & 0xFFFFFFFF
        for shift in (0, 32)
        for mask in (permitted, permitted, inheritable)
    ]
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)(*halves)), "set capabilities")


def permitted_capabilities() -> int:
    """The mask of the capabilities that this process has."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib costs 4 ms
        return next(int(line[7:], 16) for line in status if line.startswith("CapPrm:"))


def hide_from_tracers() -> None:
    """Let nobody without CAP_SYS_PTRACE look into this process before its next exec."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "hide from tracers")


def forbid_new_privileges() -> None:
    """From now on no exec gives more rights than the process has."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "forbid new privileges")


def load_seccomp(instructions: bytes) -> None:
    """Load a BPF program of struct sock_filter (8 bytes each) as this process's filter."""
    program = _FilterProgram(len(instructions) // 8, instructions)
    address = ctypes.addressof(program)
    done = _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, address, 0, 0)
    _check(done, "load the seccomp filter")


def reset_signals() -> None:
    """Undo what Python ignores at its start: an exec would hand that on."""
    for ignored in (_SIGPIPE, _SIGXFSZ):
        _libc.signal(ignored, None)  # SIG_DFL; module signal costs 5 ms


def ignore_interrupts() -> None:
    """Let Ctrl-C pass by this process."""
    _libc.signal(_SIGINT, _SIG_IGN)


def _check(result: int, attempt: str) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"{attempt}: {os.strerror(code)}" if attempt else os.strerror(code))
