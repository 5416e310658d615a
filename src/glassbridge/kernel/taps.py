"""Taps: one packet socket for each namespace of a path hears all its links, in both directions.

Never promiscuous: veths have no MAC filter, and bridge ports are promiscuous by themselves.
Frames come through a ring (TPACKET_V2, linux/if_packet.h), where the kernel puts its own time on
each as it passes. A plain socket's frames bear the time of reading until some milliseconds after
the first socket of the host has asked for stamps.
"""

import ctypes
import mmap
import os
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from struct import Struct as Layout
from struct import pack
from typing import NamedTuple, Self

from glassbridge.errors import GlassbridgeError, KernelRefused
from glassbridge.kernel.netns import inside
from glassbridge.kernel.raw_sockets import open_raw
from glassbridge.model.tables import Ifindex
from glassbridge.wire.frames import ETH_8021Q, insert_tag

SNAP = 256
WHOLE = 0x10000
"""Snap lengths: headers and the first payload, or all of any frame but super-packets' ends."""

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 5, 6, 10
_TPACKET_V2 = 1
_SO_ATTACH_FILTER = 26

_TP_STATUS_KERNEL, _TP_STATUS_USER = 0, 1 << 0
_TP_STATUS_VLAN_VALID, _TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6

_BLOCK = 64 << 10
_SMALL_SLOT, _SMALL_BLOCKS = 512, 16
_LARGE_SLOT, _LARGE_BLOCKS = 64 << 10, 64

_request = Layout("=IIII")  # struct tpacket_req
_head = Layout("=IIIHHIIHH4x")  # struct tpacket2_hdr
_address = Layout("=HHiHBB8s")  # struct sockaddr_ll
_u32 = Layout("=I")
_statistics = Layout("=II")  # struct tpacket_stats
_INSTRUCTION = 8
"""Octets of one struct sock_filter."""

_KINDS = ("host", "broadcast", "multicast", "otherhost", "outgoing")

_libc = ctypes.CDLL(None, use_errno=True)


class Capture(NamedTuple):
    """One frame as a tap heard it."""

    at_ns: int
    """CLOCK_REALTIME."""
    ifindex: Ifindex
    hardware: int
    """ARPHRD_*: whether the frame begins with a MAC header."""
    to: str
    """host, broadcast, multicast, otherhost, outgoing (PACKET_*)."""
    length: int
    """On the wire; a super-packet's is longer than any cable takes."""
    frame: bytes


class Tap:
    """One namespace's tap; not blocking. Raises PermissionRefused or KernelRefused when opened."""

    def __init__(self, netns: int, program: bytes, *, whole: bool = False) -> None:
        """`program` as of wire.socket_filter, whose snap length fits `whole`."""
        self._slot, blocks = (_LARGE_SLOT, _LARGE_BLOCKS) if whole else (_SMALL_SLOT, _SMALL_BLOCKS)
        self._slots = blocks * _BLOCK // self._slot
        self._next = 0
        self._lost = 0
        with inside(netns):
            # of no protocol yet: nothing is heard before the filter stands
            self._socket = open_raw(socket.AF_PACKET, socket.SOCK_RAW, 0, "open a packet socket")
        try:
            _prepare(self._socket.fileno(), program, _ring(blocks, self._slot))
            self._ring = mmap.mmap(self._socket.fileno(), blocks * _BLOCK)
        except OSError as error:
            self._socket.close()
            raise KernelRefused("prepare a tap", error.errno or 0) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """For poll: readable when a frame waits."""
        return self._socket.fileno()

    def drain(self) -> Iterator[Capture]:
        """Frames that wait, in the order in which they passed."""
        while True:
            start = self._next * self._slot
            (status,) = _u32.unpack_from(self._ring, start)
            if not status & _TP_STATUS_USER:
                return
            yield self._read(start)
            _u32.pack_into(self._ring, start, _TP_STATUS_KERNEL)
            self._next = (self._next + 1) % self._slots

    @property
    def lost(self) -> int:
        """Frames that found the ring full, since it was opened; asking sets the kernel's to 0."""
        if self._socket.fileno() >= 0:
            packed = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _statistics.size)
            self._lost += _statistics.unpack(packed)[1]
        return self._lost

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self._ring.close()
        self._socket.close()

    def _read(self, start: int) -> Capture:
        status, length, snapped, mac, _net, seconds, nanoseconds, tci, tpid = _head.unpack_from(
            self._ring, start
        )
        _, _, ifindex, hardware, kind, _, _ = _address.unpack_from(self._ring, start + _head.size)
        frame = self._ring[start + mac : start + mac + snapped]
        if status & _TP_STATUS_VLAN_VALID:
            frame = insert_tag(
                frame, tpid if status & _TP_STATUS_VLAN_TPID_VALID else ETH_8021Q, tci
            )
        return Capture(
            at_ns=seconds * 1_000_000_000 + nanoseconds,
            ifindex=Ifindex(ifindex),
            hardware=hardware,
            to=_KINDS[kind] if kind < len(_KINDS) else str(kind),
            length=length,
            frame=frame,
        )


class Taps:
    """The taps of all namespaces of a path; one thread uses them.

    Making a ring takes one RCU grace period (8 ms), ending one takes three: all at once, then.
    """

    def __init__(
        self, namespaces: Mapping[int, int], program: bytes, *, whole: bool = False
    ) -> None:
        """`namespaces`: cookie -> open descriptor. Raises nothing: see `refusals`."""
        self._taps: dict[int, Tap] = {}
        self.refusals: dict[int, GlassbridgeError] = {}
        """Why a namespace is not heard."""
        if not namespaces:
            return
        with ThreadPoolExecutor(len(namespaces)) as pool:
            opening = {
                c: pool.submit(Tap, netns, program, whole=whole) for c, netns in namespaces.items()
            }
        for cookie, opened in opening.items():
            try:
                self._taps[cookie] = opened.result()
            except GlassbridgeError as error:
                self.refusals[cookie] = error

    def filenos(self) -> list[int]:
        """For poll: each is readable when a frame waits."""
        return [t.fileno() for t in self._taps.values()]

    def drain(self) -> Iterator[tuple[int, Capture]]:
        """Frames that wait, with the cookie of where they were heard; each tap's in their order."""
        for cookie, tap in self._taps.items():
            for capture in tap.drain():
                yield cookie, capture

    @property
    def lost(self) -> int:
        """Frames that were not kept, in all namespaces."""
        return sum(t.lost for t in self._taps.values())

    def close(self) -> None:
        """Close all; a second time does nothing."""
        if self._taps:
            with ThreadPoolExecutor(len(self._taps)) as pool:
                for tap in self._taps.values():
                    pool.submit(tap.close)
        self._taps = {}


def _prepare(fd: int, program: bytes, ring: bytes) -> None:
    """By ctypes, which lets other threads run meanwhile; and Python binds to no ifindex 0."""
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog, in the machine's own alignment
    described = pack("HP", len(program) // _INSTRUCTION, ctypes.addressof(code))
    _set(fd, socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
    _set(fd, _SOL_PACKET, _PACKET_VERSION, _u32.pack(_TPACKET_V2))
    _set(fd, _SOL_PACKET, _PACKET_RX_RING, ring)
    everything = _address.pack(socket.AF_PACKET, socket.htons(_ETH_P_ALL), 0, 0, 0, 0, bytes(8))
    _check(_libc.bind(fd, everything, len(everything)))


def _ring(blocks: int, slot: int) -> bytes:
    return _request.pack(_BLOCK, blocks, slot, blocks * _BLOCK // slot)


def _set(fd: int, level: int, option: int, value: bytes) -> None:
    _check(_libc.setsockopt(fd, level, option, value, len(value)))


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
