"""The witness raw tracepoints: every hop of the packet on this host, and who dropped it, why.

The observers see all namespaces, the packet's own and its ICMP errors alone are recorded.
"""

import errno
import os
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from glassbridge.errors import GlassbridgeError, KernelRefused, Unavailable
from glassbridge.kernel.bpf import (
    RingBuffer,
    attach_raw_tracepoint,
    create_constant,
    create_counter,
    read_counter,
)
from glassbridge.kernel.frames import read_packet
from glassbridge.kernel.trace_matches import transport_matches
from glassbridge.kernel.witness import Testimony, Watch
from glassbridge.model.observation import EventKind, KernelEvent, WitnessName
from glassbridge.model.tables import Ifindex
from glassbridge.wire.btf import Types
from glassbridge.wire.packet_events import PacketEvent, decode_event
from glassbridge.wire.packet_observers import (
    SYMBOL_FORMAT,
    Maps,
    Offsets,
    Tracepoint,
    find_offsets,
    observer,
)

_BTF = Path("/sys/kernel/btf/vmlinux")
_RING_SIZE = 1 << 20
_REASONS, _PREFIX = "skb_drop_reason", "SKB_DROP_REASON_"

_KINDS = (EventKind.QUEUED, EventKind.RECEIVED, EventKind.DROPPED, EventKind.ICMP_SENT)

# no drops: copies for taps, and what was received but is not read before its socket closes
_COPY_REASONS = frozenset({"PACKET_SOCK_ERROR", "QUEUE_PURGE"})
_COPY_FUNCTIONS = frozenset(
    {"packet_rcv", "tpacket_rcv", "udp_destruct_common", "udp_destruct_sock", "inet_sock_destruct"}
)


class Tracepoints:
    """Devices passed, drops with reason and function, ICMP errors sent."""

    name = WitnessName.TRACEPOINTS

    def __init__(self) -> None:
        self._why_not = ""
        self._lost = 0
        self._observers: _Observers | None = None

    @property
    def why_not(self) -> str:
        return self._why_not

    @property
    def lost(self) -> int:
        if self._observers is not None:
            self._lost = self._observers.lost()
        return self._lost

    def open(self, watch: Watch) -> None:
        self.close()
        self._why_not, self._lost = "", 0
        try:
            self._observers = _Observers(watch)
        except GlassbridgeError as error:
            self._why_not = _why_not(error)

    def collect(self) -> Testimony:
        return Testimony(events=self._observers.collect() if self._observers else ())

    def close(self) -> None:
        if self._observers is not None:
            self._lost = self._observers.lost()
            self._observers.close()
            self._observers = None


class Kernel(NamedTuple):
    """What the observers must know of the running kernel."""

    offsets: Offsets
    reasons: dict[int, str]

    def tracepoints(self) -> tuple[Tracepoint, ...]:
        """By name; the fourth exists since Linux 6.10, a reason since 5.17."""
        queued, received, dropped, icmp_sent = range(len(_KINDS))
        reason = 2 if self.reasons else None
        return (
            Tracepoint("net_dev_queue", queued),
            Tracepoint("netif_receive_skb", received, at_data=True),
            Tracepoint("kfree_skb", dropped, location=1, reason=reason),
            Tracepoint("icmp_send", icmp_sent, reason=1, detail=2),
        )


class _Observers:
    """The programs of one watch, attached, and the ring buffer that they write into."""

    def __init__(self, watch: Watch) -> None:
        kernel = read_kernel()
        self._reasons = kernel.reasons
        self._ahead = time.time_ns() - time.monotonic_ns()
        matches = transport_matches(watch)
        self._ring = RingBuffer(_RING_SIZE)
        self._open = [self._ring.fd]
        try:
            self._lost = self._keep(create_counter())
            constant = self._keep(create_constant(SYMBOL_FORMAT))
            maps = Maps(self._ring.fd, self._lost, constant)
            for tracepoint in kernel.tracepoints():
                program = observer(tracepoint, kernel.offsets, watch.version, matches, maps)
                attached = attach_raw_tracepoint(tracepoint.name, program)
                if attached is not None:
                    self._keep(attached)
        except GlassbridgeError:
            self.close()
            raise

    def _keep(self, fd: int) -> int:
        self._open.append(fd)
        return fd

    def lost(self) -> int:
        return read_counter(self._lost)

    def collect(self) -> tuple[KernelEvent, ...]:
        events = (self._event(decode_event(record)) for record in self._ring.records())
        return tuple(event for event in events if not _is_no_drop(event))

    def _event(self, seen: PacketEvent) -> KernelEvent:
        kind = _KINDS[seen.kind]
        icmp_type, icmp_code = (
            divmod(seen.reason, 1 << 8) if kind is EventKind.ICMP_SENT else (None, 0)
        )
        heard = read_packet(seen.headers)
        return KernelEvent(
            at_ns=seen.monotonic_ns + self._ahead,
            kind=kind,
            inode=seen.inode,
            ifindex=Ifindex(seen.ifindex) if seen.ifindex else None,
            skb=seen.skb,
            head=seen.head,
            packet=None if heard is None else replace(heard.packet, mark=seen.mark),
            reason=self._reasons.get(seen.reason, "") if kind is EventKind.DROPPED else "",
            function=seen.function,
            icmp_type=icmp_type,
            icmp_code=icmp_code,
        )

    def close(self) -> None:
        while self._open:
            fd = self._open.pop()
            if self._open:
                os.close(fd)
        self._ring.close()


@cache
def read_kernel() -> Kernel:
    """What its BTF says, which does not change while it runs.

    Raises Unavailable without BTF, or where it lacks what is needed.
    """
    try:
        types = Types(_BTF.read_bytes())
        offsets = find_offsets(types)
    except FileNotFoundError as error:
        raise Unavailable("this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)") from error
    except (OSError, ValueError) as error:
        raise Unavailable(f"the kernel's BTF cannot be read: {error}") from error
    reasons = types.enumerators(_REASONS).items()
    return Kernel(offsets, {number: name.removeprefix(_PREFIX) for number, name in reasons})


def _is_no_drop(event: KernelEvent) -> bool:
    if event.kind is not EventKind.DROPPED:
        return False
    return event.reason in _COPY_REASONS or event.function in _COPY_FUNCTIONS


def _why_not(error: GlassbridgeError) -> str:
    if isinstance(error, KernelRefused) and error.errno in (errno.EPERM, errno.EACCES):
        return "BPF needs CAP_BPF and CAP_PERFMON outside of any user namespace"
    return str(error)
