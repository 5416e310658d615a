"""The observers of raw tracepoints: eBPF programs that tell of the packets of one flow.

A program reads the IP header of the buffer that its tracepoint is about, compares what stands
behind it, and copies what matches, with link, namespace, reason and function, into a ring buffer.
Where the kernel keeps these is looked up in its BTF, so that no program is tied to one kernel.
"""

from collections.abc import Sequence
from typing import NamedTuple

from glassbridge.wire.bpf_assembler import (
    FRAME,
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    Assembly,
    Register,
    Size,
)
from glassbridge.wire.btf import Types
from glassbridge.wire.nft_trace import TransportMatch
from glassbridge.wire.packet_events import (
    AT_FUNCTION,
    AT_HEAD,
    AT_IFINDEX,
    AT_INODE,
    AT_KIND,
    AT_MARK,
    AT_NETWORK,
    AT_PADDING,
    AT_REASON,
    AT_SKB,
    AT_TIME,
    AT_TRANSPORT,
    EVENT_SIZE,
    FUNCTION_SIZE,
    NETWORK_SIZE,
    TRANSPORT_SIZE,
)

SYMBOL_FORMAT = b"%ps\0"
"""bpf_snprintf(): the name of the function at an address, without offset."""

_SCRATCH = EVENT_SIZE
_STACK = EVENT_SIZE + 8

# linux/bpf.h: bpf_ktime_get_ns, bpf_probe_read_kernel, bpf_ringbuf_output, bpf_snprintf
_TIME_NOW, _READ, _OUTPUT, _PRINT = 5, 113, 130, 165
_NO_WAKE_UP = 1

_IPV4, _IPV6_HEADER = 4, 40
_FRAGMENT_AT, _LATER_FRAGMENT = 6, 0xFF1F  # as a little-endian load sees it
_PROTOCOL_AT = {4: 9, 6: 6}
_POINTER, _WORD, _ARGUMENT = 8, 4, 8


class Tracepoint(NamedTuple):
    """What one observer is attached to; arguments are numbered from 0, the buffer's."""

    name: str
    kind: int
    at_data: bool = False
    """The IP header is where the buffer's data begins: network_header is of the hop before."""
    location: int | None = None
    """Argument: the address of the code that drops."""
    reason: int | None = None
    """Argument: why, a number of 32 bits."""
    detail: int | None = None
    """Argument: more of it, 8 bits, put below the reason."""


class Offsets(NamedTuple):
    """Where this kernel keeps what the observers read."""

    head: int
    data: int
    network_header: int
    mark: int
    dev: int
    sk: int
    ifindex: int
    dev_net: int
    sk_net: int
    inode: int


class Maps(NamedTuple):
    """File descriptors: the ring buffer, a counter of what did not fit in, SYMBOL_FORMAT."""

    ring: int
    lost: int
    symbol_format: int


def find_offsets(types: Types) -> Offsets:
    """Look them up; raises ValueError."""
    return Offsets(
        head=types.offset("sk_buff", "head"),
        data=types.offset("sk_buff", "data"),
        network_header=types.offset("sk_buff", "network_header"),
        mark=types.offset("sk_buff", "mark"),
        dev=types.offset("sk_buff", "dev"),
        sk=types.offset("sk_buff", "sk"),
        ifindex=types.offset("net_device", "ifindex"),
        dev_net=types.offset("net_device", "nd_net.net"),
        sk_net=types.offset("sock_common", "skc_net.net"),
        inode=types.offset("net", "ns.inum"),
    )


def observer(
    tracepoint: Tracepoint,
    offsets: Offsets,
    version: int,
    matches: Sequence[TransportMatch],
    maps: Maps,
) -> bytes:
    """A program for one tracepoint; any one of the matches suffices."""
    code = _Observer(offsets)
    code.copy(R8, R1)
    code.load(8, R6, R8, 0)
    code.find_network_header(at_data=tracepoint.at_data)
    code.find_transport_header(version, {m.protocol for m in matches})
    code.compare(matches)
    code.label("tell")
    code.begin_event(tracepoint.kind)
    code.find_namespace()
    code.read_reason(tracepoint, maps.symbol_format)
    code.send(maps)
    code.label("out")
    code.number(R0, 0)
    code.exit()
    return code.assemble()


class _Observer(Assembly):
    """R6: the buffer; R7: a pointer that is followed; R8: the arguments; R9: the protocol.

    The event is put together on the stack, its first octet lowest.
    """

    def __init__(self, offsets: Offsets) -> None:
        super().__init__()
        self._offsets = offsets

    def find_network_header(self, *, at_data: bool) -> None:
        """Copy the IP header into the event; R7 points at the kernel's."""
        if at_data:
            self._follow(R7, R6, self._offsets.data)
        else:
            self._follow(R7, R6, self._offsets.head)
            self._read(_SCRATCH, 2, R6, self._offsets.network_header)
            self._get(2, R1, _SCRATCH)
            self.add_register(R7, R1)
        self._read(AT_NETWORK, NETWORK_SIZE, R7, 0)

    def find_transport_header(self, version: int, protocols: set[int]) -> None:
        """Copy what is behind the IP header, if that is of the version and a protocol."""
        self._get(1, R1, AT_NETWORK)
        self.shift_right(R1, 4)
        self.jump_unless_32(R1, version, "out")
        self._get(1, R9, AT_NETWORK + _PROTOCOL_AT[version])
        for protocol in sorted(protocols):
            self.jump_if(R9, protocol, "wanted protocol")
        self.jump("out")
        self.label("wanted protocol")
        if version == _IPV4:
            self._get(2, R1, AT_NETWORK + _FRAGMENT_AT)
            self.mask(R1, _LATER_FRAGMENT)
            self.jump_unless_32(R1, 0, "out")
            self._get(1, R1, AT_NETWORK)
            self.mask(R1, 15)
            self.shift_left(R1, 2)
            self.add_register(R7, R1)
        else:
            self.add(R7, _IPV6_HEADER)
        self._read(AT_TRANSPORT, TRANSPORT_SIZE, R7, 0)

    def compare(self, matches: Sequence[TransportMatch]) -> None:
        """Go on at `tell` if one matches, else at `out`."""
        for number, match in enumerate(matches):
            following = f"match {number + 1}"
            self.jump_unless_32(R9, match.protocol, following)
            for offset, octets in match.octets:
                self._compare(AT_TRANSPORT + offset, octets, following)
            self.jump("tell")
            self.label(following)
        self.jump("out")

    def begin_event(self, kind: int) -> None:
        """What every event has."""
        self.call(_TIME_NOW)
        self._put(8, AT_TIME, R0)
        self._put(8, AT_SKB, R6)
        self._read(AT_HEAD, 8, R6, self._offsets.head)
        self._read(AT_MARK, 4, R6, self._offsets.mark)
        for offset in (AT_IFINDEX, AT_INODE, AT_REASON, AT_PADDING):
            self._put_number(4, offset, 0)
        for offset in range(AT_FUNCTION, EVENT_SIZE, 8):
            self._put_number(8, offset, 0)
        self._put_number(4, AT_KIND, kind)

    def find_namespace(self) -> None:
        """Of the link; without one, of the socket that sends."""
        self._follow(R7, R6, self._offsets.dev)
        self.jump_if(R7, 0, "no link")
        self._read(AT_IFINDEX, 4, R7, self._offsets.ifindex)
        self._follow(R7, R7, self._offsets.dev_net)
        self.jump("namespace")
        self.label("no link")
        self._follow(R7, R6, self._offsets.sk)
        self.jump_if(R7, 0, "no namespace")
        self._follow(R7, R7, self._offsets.sk_net)
        self.label("namespace")
        self._read(AT_INODE, 4, R7, self._offsets.inode)
        self.label("no namespace")

    def read_reason(self, tracepoint: Tracepoint, symbol_format: int) -> None:
        """Why it was dropped, and by which function."""
        if tracepoint.reason is not None:
            self.load(8, R1, R8, _ARGUMENT * tracepoint.reason)
            if tracepoint.detail is not None:
                self.shift_left(R1, 8)
                self.load(8, R2, R8, _ARGUMENT * tracepoint.detail)
                self.add_register(R1, R2)
            self._put(4, AT_REASON, R1)
        if tracepoint.location is not None:
            self.load(8, R1, R8, _ARGUMENT * tracepoint.location)
            # it is where a call returns to, which may be behind the function's end
            self.add(R1, -1)
            self._put(8, _SCRATCH, R1)
            self._point(R1, AT_FUNCTION)
            self.number(R2, FUNCTION_SIZE)
            self.load_map_value(R3, symbol_format)
            self._point(R4, _SCRATCH)
            self.number(R5, _POINTER)
            self.call(_PRINT)

    def send(self, maps: Maps) -> None:
        """Into the ring buffer; where it is full, count."""
        self.load_map(R1, maps.ring)
        self._point(R2, 0)
        self.number(R3, EVENT_SIZE)
        self.number(R4, _NO_WAKE_UP)
        self.call(_OUTPUT)
        self.jump_if(R0, 0, "out")
        self.load_map_value(R1, maps.lost)
        self.number(R2, 1)
        self.atomic_add(R1, R2)

    def _compare(self, start: int, octets: bytes, otherwise: str) -> None:
        """The verifier wants every load from the stack aligned."""
        position = 0
        while position < len(octets):
            left = len(octets) - position
            size: Size = 1
            if left >= _WORD and not (start + position) % _WORD:
                size = 4
            elif left > 1 and not (start + position) % 2:
                size = 2
            self._get(size, R1, start + position)
            expected = int.from_bytes(octets[position : position + size], "little")
            self.jump_unless_32(R1, expected, otherwise)
            position += size

    def _follow(self, target: Register, base: Register, offset: int) -> None:
        """`target = *(base + offset)`, a pointer of the kernel's; 0 where it cannot be read."""
        self._read(_SCRATCH, _POINTER, base, offset)
        self._get(8, target, _SCRATCH)

    def _read(self, place: int, size: int, base: Register, offset: int) -> None:
        """Copy kernel memory; R0 to R5 are lost."""
        self.copy(R3, base)
        self.add(R3, offset)
        self._point(R1, place)
        self.number(R2, size)
        self.call(_READ)

    def _point(self, target: Register, place: int) -> None:
        self.copy(target, FRAME)
        self.add(target, place - _STACK)

    def _get(self, size: Size, target: Register, place: int) -> None:
        self.load(size, target, FRAME, place - _STACK)

    def _put(self, size: Size, place: int, source: Register) -> None:
        self.store(size, FRAME, place - _STACK, source)

    def _put_number(self, size: Size, place: int, value: int) -> None:
        self.store_number(size, FRAME, place - _STACK, value)
