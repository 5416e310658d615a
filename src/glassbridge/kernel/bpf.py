"""bpf(2): maps, raw tracepoint programs and a ring buffer, each a descriptor and gone with it.

From linux/bpf.h. Without libbpf: the programs are assembled here, for the kernel that runs.
"""

import ctypes
import errno
import mmap
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from struct import Struct as Layout

from glassbridge.errors import KernelRefused, Unavailable

_CALL_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "loongarch64": 280}
_MAP_CREATE, _MAP_LOOKUP, _MAP_UPDATE, _PROG_LOAD = 0, 1, 2, 5
_RAW_TRACEPOINT_OPEN, _MAP_FREEZE = 17, 22
_PROG_GET_FD_BY_ID, _OBJ_GET_INFO, _PROG_QUERY = 13, 15, 16
_ARRAY, _RING_BUFFER = 2, 27
_PROGRAM_RAW_TRACEPOINT = 17
_READ_ONLY_FOR_PROGRAMS = 1 << 7  # BPF_F_RDONLY_PROG

_LICENCE = ctypes.create_string_buffer(b"Dual MIT/GPL")  # bpf_probe_read_kernel wants the GPL
_LOG_SIZE = 64 << 10

_map_create = Layout("=5I")
_map_element = Layout("=IxxxxQQQ")
_program = Layout("=IIQQIIQII16s")
_raw_tracepoint = Layout("=QIxxxx")
_position = Layout("=Q")
_info = Layout("=IIQ")  # descriptor, size, where to
_query = Layout("=IIIIQIIQQQQ")  # link, attach type, flags, found, where to, count, then unused
_INFO_SIZE, _NAME_AT, _NAME_SIZE = 80, 64, 16  # struct bpf_prog_info up to its name
_MOST_PROGRAMS = 64
_record = Layout("=II")
_BUSY, _DISCARDED, _LENGTH = 1 << 31, 1 << 30, (1 << 30) - 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def create_counter() -> int:
    """An array map of one 64-bit number; the caller closes the descriptor."""
    return _call(_MAP_CREATE, _map_create.pack(_ARRAY, 4, 8, 1, 0), "create a BPF map")


def read_counter(fd: int) -> int:
    """The number in a map of create_counter()."""
    key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(8)
    _call(_MAP_LOOKUP, _element(fd, key, value), "read a BPF map")
    return int.from_bytes(value.raw, sys.byteorder)


def create_constant(octets: bytes) -> int:
    """An array map of one value that nobody changes; the caller closes the descriptor."""
    flags = _READ_ONLY_FOR_PROGRAMS
    fd = _call(_MAP_CREATE, _map_create.pack(_ARRAY, 4, len(octets), 1, flags), "create a BPF map")
    key = ctypes.create_string_buffer(4)
    value = ctypes.create_string_buffer(octets, len(octets))
    try:
        _call(_MAP_UPDATE, _element(fd, key, value), "fill a BPF map")
        _call(_MAP_FREEZE, _position.pack(fd), "freeze a BPF map")
    except KernelRefused:
        os.close(fd)
        raise
    return fd


def attach_raw_tracepoint(name: str, program: bytes) -> int | None:
    """Run a program whenever the kernel passes a tracepoint, until the descriptor is closed.

    None: this kernel has no such tracepoint.
    """
    code = ctypes.create_string_buffer(program, len(program))
    fd = _load(name, code)
    text = ctypes.create_string_buffer(name.encode())
    attributes = _raw_tracepoint.pack(ctypes.addressof(text), fd)
    try:
        return _call(_RAW_TRACEPOINT_OPEN, attributes, f"attach to the tracepoint {name}")
    except KernelRefused as refused:
        if refused.errno == errno.ENOENT:
            return None
        raise
    finally:
        os.close(fd)  # what it is attached to keeps it


def program_name(program: int) -> str:
    """What a loaded program was called; raises KernelRefused where one may not ask."""
    request = _info.pack(program, 0, 0)
    fd = _call(_PROG_GET_FD_BY_ID, request, f"open BPF program {program}")
    try:
        told = ctypes.create_string_buffer(_INFO_SIZE)
        request = _info.pack(fd, _INFO_SIZE, ctypes.addressof(told))
        _call(_OBJ_GET_INFO, request, f"look at BPF program {program}")
    finally:
        os.close(fd)
    return told.raw[_NAME_AT : _NAME_AT + _NAME_SIZE].rstrip(b"\0").decode(errors="replace")


def programs_at(place: int, ifindexes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Links of the caller's namespace and the ids of their programs at a bpf_attach_type.

    Raises KernelRefused where one may not ask, or this kernel has no such place.
    """
    ids = (ctypes.c_uint32 * _MOST_PROGRAMS)()
    at, request = ctypes.addressof(ids), ctypes.create_string_buffer(_query.size)
    for ifindex in ifindexes:
        _query.pack_into(request, 0, ifindex, place, 0, 0, at, _MOST_PROGRAMS, 0, 0, 0, 0, 0)
        try:
            _ask(_PROG_QUERY, request, "look for BPF programs")
        except KernelRefused as refused:
            if refused.errno != errno.ENODEV:
                raise
            continue  # it went meanwhile
        count = _query.unpack_from(request)[5]
        for program in ids[:count]:
            yield ifindex, program


class RingBuffer:
    """Records of programs, read by sharing memory with the kernel."""

    def __init__(self, size: int) -> None:
        """`size` is a power of two and a multiple of the page size."""
        self._size = size
        self.fd = _call(
            _MAP_CREATE, _map_create.pack(_RING_BUFFER, 0, 0, size, 0), "create a BPF ring buffer"
        )
        page = mmap.PAGESIZE
        try:
            self._consumer = mmap.mmap(
                self.fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE
            )
            # the kernel maps the records twice in a row: none is cut in two
            self._producer = mmap.mmap(
                self.fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page
            )
        except OSError as error:
            os.close(self.fd)
            raise KernelRefused("share a BPF ring buffer", error.errno or 0) from error
        self._read_up_to = 0

    def records(self) -> Iterator[bytes]:
        """What was written since the last call, up to a record that is still being written."""
        while self._read_up_to < _position.unpack_from(self._producer)[0]:
            start = mmap.PAGESIZE + (self._read_up_to & (self._size - 1))
            length, _ = _record.unpack_from(self._producer, start)
            if length & _BUSY:
                return
            kept = length & _LENGTH
            start += _record.size
            found = self._producer[start : start + kept]
            self._read_up_to += (_record.size + kept + 7) & ~7
            _position.pack_into(self._consumer, 0, self._read_up_to)
            if not length & _DISCARDED:
                yield found

    def close(self) -> None:
        """Unmap and close it."""
        self._consumer.close()
        self._producer.close()
        os.close(self.fd)


def _load(name: str, code: "ctypes.Array[ctypes.c_char]") -> int:
    try:
        return _call(_PROG_LOAD, _program_attributes(name, code), f"load a program for {name}")
    except KernelRefused as refused:
        if refused.errno == errno.EPERM:
            raise
        log = ctypes.create_string_buffer(_LOG_SIZE)
        with suppress(KernelRefused):
            os.close(_call(_PROG_LOAD, _program_attributes(name, code, log), ""))
        said = log.value.decode(errors="replace").strip().splitlines()
        # the last line tells how much was verified, the one before it what was wrong
        complaint = said[-2] if len(said) > 1 else refused.kernel_message
        raise KernelRefused(refused.operation, refused.errno, complaint) from refused


def _program_attributes(
    name: str,
    code: "ctypes.Array[ctypes.c_char]",
    log: "ctypes.Array[ctypes.c_char] | None" = None,
) -> bytes:
    return _program.pack(
        _PROGRAM_RAW_TRACEPOINT,
        len(code) // 8,
        ctypes.addressof(code),
        ctypes.addressof(_LICENCE),
        0 if log is None else 1,
        0 if log is None else len(log),
        0 if log is None else ctypes.addressof(log),
        0,
        0,
        name.encode()[:15],
    )


def _element(
    fd: int, key: "ctypes.Array[ctypes.c_char]", value: "ctypes.Array[ctypes.c_char]"
) -> bytes:
    return _map_element.pack(fd, ctypes.addressof(key), ctypes.addressof(value), 0)


def _call(command: int, attributes: bytes, attempt: str) -> int:
    return _ask(command, ctypes.create_string_buffer(attributes, len(attributes)), attempt)


def _ask(command: int, argument: "ctypes.Array[ctypes.c_char]", attempt: str) -> int:
    """The same in memory of the caller's, in which the kernel may answer."""
    number = _CALL_NUMBERS.get(platform.machine())
    if number is None or sys.byteorder != "little":
        raise Unavailable(f"{attempt}: not done on {platform.machine()}")
    result: int = _libc.syscall(number, command, argument, len(argument))
    if result < 0:
        raise KernelRefused(attempt, ctypes.get_errno())
    return result
