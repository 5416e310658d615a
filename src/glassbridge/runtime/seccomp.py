"""Compiles the seccomp profile to BPF with libseccomp."""

import ctypes
import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from glassbridge.errors import KernelRefused, Unavailable
from glassbridge.runtime.seccomp_profile import (
    AF_VSOCK,
    BANS,
    FOREIGN_PERSONALITIES,
    NAMESPACE_FLAGS,
    NEWTIME,
)

# seccomp.h of libseccomp
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NATIVE, _UNKNOWN_CALL = 0, -1
_MASKED_EQUAL, _EQUAL = 7, 4
_X86_64, _X86, _X32 = 0xC000003E, 0x40000003, 0x4000003E
_AARCH64, _ARM = 0xC00000B7, 0x40000028

ARCHITECTURES = {"x86_64": (_X86_64, _X86, _X32), "aarch64": (_AARCH64, _ARM)}
"""What a kernel runs beside its own: a filter without them kills such programs at once."""


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def seccomp_program(capabilities: frozenset[str], machine: str = platform.machine()) -> bytes:
    """Compile the filter for a container with these capabilities, as struct sock_filter[].

    Raises Unavailable without libseccomp.
    """
    library = _libseccomp()
    context = library.seccomp_init(_ALLOW)
    try:
        _set_architectures(library, context, machine)
        for ban in BANS:
            if ban.unless not in capabilities:
                for call in ban.calls.split():
                    _refuse(library, context, call)
        if "CAP_SYS_ADMIN" not in capabilities:
            _refuse_namespaces(library, context)
        for personality in FOREIGN_PERSONALITIES:
            _refuse(
                library, context, "personality", _Comparison(0, _MASKED_EQUAL, 0xFF, personality)
            )
        _refuse(library, context, "socket", _Comparison(0, _EQUAL, AF_VSOCK, 0))
        return _export(library, context)
    finally:
        library.seccomp_release(context)


def _refuse_namespaces(library: ctypes.CDLL, context: int) -> None:
    for flag in NAMESPACE_FLAGS:
        for call in ("clone", "unshare"):
            _refuse(library, context, call, _Comparison(0, _MASKED_EQUAL, flag, flag))
    _refuse(library, context, "unshare", _Comparison(0, _MASKED_EQUAL, NEWTIME, NEWTIME))
    # its flags lie in memory, where a filter cannot look; at ENOSYS programs fall back to clone
    _refuse(library, context, "clone3", error=errno.ENOSYS)


def _refuse(
    library: ctypes.CDLL,
    context: int,
    call: str,
    *comparisons: _Comparison,
    error: int = errno.EPERM,
) -> None:
    number = library.seccomp_syscall_resolve_name(call.encode())
    if number == _UNKNOWN_CALL:  # younger than this libseccomp
        return
    array = (_Comparison * len(comparisons))(*comparisons)
    result = library.seccomp_rule_add_array(
        context, _ERRNO | error, number, len(comparisons), array
    )
    _check(result, f"refuse {call}")


def _set_architectures(library: ctypes.CDLL, context: int, machine: str) -> None:
    wanted = ARCHITECTURES.get(machine)
    if wanted is None:  # libseccomp's own choice: the native one
        return
    if library.seccomp_arch_native() not in wanted:
        _check(library.seccomp_arch_remove(context, _NATIVE), "leave the native architecture")
    for architecture in wanted:
        result = library.seccomp_arch_add(context, architecture)
        if result != -errno.EEXIST:
            _check(result, f"add architecture {architecture:#x}")


def _export(library: ctypes.CDLL, context: int) -> bytes:
    with _memory_file() as file:
        _check(library.seccomp_export_bpf(context, file), "export")
        return os.pread(file, os.fstat(file).st_size, 0)


@contextmanager
def _memory_file() -> Iterator[int]:
    file = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


@cache
def _libseccomp() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise Unavailable(
            f"libseccomp is missing: {error}", hint="apt install libseccomp2, or run --privileged"
        ) from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_release.restype = None
    library.seccomp_arch_native.restype = ctypes.c_uint32
    library.seccomp_arch_add.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_arch_remove.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    )
    return library


def _check(result: int, attempt: str) -> None:
    if result:
        raise KernelRefused(f"seccomp filter: {attempt}", -result)
