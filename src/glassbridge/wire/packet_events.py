"""What observers of raw tracepoints write of a packet: the layout of a record."""

from struct import Struct as Layout
from typing import NamedTuple

_event = Layout("=QQQ6I40s64s48s")
EVENT_SIZE = _event.size
AT_TIME, AT_SKB, AT_HEAD = 0, 8, 16
AT_KIND, AT_IFINDEX, AT_INODE, AT_REASON, AT_MARK = 24, 28, 32, 36, 40
AT_PADDING, AT_NETWORK, AT_TRANSPORT, AT_FUNCTION = 44, 48, 88, 152
NETWORK_SIZE, TRANSPORT_SIZE, FUNCTION_SIZE = 40, 64, 48

_IPV4, _IPV6_HEADER = 4, 40


class PacketEvent(NamedTuple):
    """One event as an observer wrote it."""

    monotonic_ns: int
    skb: int
    head: int
    kind: int
    ifindex: int
    inode: int
    reason: int
    mark: int
    headers: bytes
    """IP, and 64 octets of what follows it."""
    function: str


def decode_event(record: bytes) -> PacketEvent:
    """One record of the ring buffer."""
    (
        monotonic_ns,
        skb,
        head,
        kind,
        ifindex,
        inode,
        reason,
        mark,
        _,
        network,
        transport,
        function,
    ) = _event.unpack_from(record)
    return PacketEvent(
        monotonic_ns=monotonic_ns,
        skb=skb,
        head=head,
        kind=kind,
        ifindex=ifindex,
        inode=inode,
        reason=reason,
        mark=mark,
        headers=_ip_header(network) + transport,
        # ` [module]` may follow
        function=function.partition(b"\0")[0].decode(errors="replace").partition(" ")[0],
    )


def _ip_header(copied: bytes) -> bytes:
    """As long as it says; options that were not copied are zeros."""
    size = (copied[0] & 15) * 4 if copied[0] >> 4 == _IPV4 else _IPV6_HEADER
    return copied[:size].ljust(size, b"\0")
