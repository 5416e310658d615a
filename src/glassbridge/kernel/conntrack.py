"""Forget tracked connections whose address or port is about to mean somebody else."""

import errno
import os
from collections.abc import Collection, Iterable, Sequence

from glassbridge.errors import KernelRefused
from glassbridge.kernel.rtnetlink import NETLINK_NETFILTER, NetlinkSocket
from glassbridge.model.address import IPAddress
from glassbridge.model.endpoint import Protocol, PublishedPort
from glassbridge.wire.conntrack import (
    Flow,
    decode_flow,
    delete_by_port,
    delete_by_source,
    delete_flow,
    dump_flows,
)
from glassbridge.wire.netlink import Request
from glassbridge.wire.sockets import IPPROTO_UDP

_PRESENT = "/proc/sys/net/netfilter/nf_conntrack_count"
_FEW = 4
"""Up to so many the kernel's filter is cheaper than one listing."""
_NO_FILTER = (errno.EINVAL, errno.EOPNOTSUPP)


class Conntrack:
    """One kept socket in the namespace of the calling thread; one thread uses it at a time."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER)
        self._kernel_filters = True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def forget(self, addresses: Sequence[IPAddress], ports: Sequence[PublishedPort] = ()) -> None:
        """Delete connections from an address or answered by it, and those to a UDP port.

        A UDP flow outlives its socket and would keep its old translation. A TCP connection to a
        published port does not: it has the container's address as one end, and is deleted by that.
        Where nothing is tracked this costs 20 us; else 0.2 ms for each of two walks through the
        whole hash table per address, with the interpreter free meanwhile. Raises KernelRefused.
        """
        udp = [p for p in ports if p.protocol is Protocol.UDP]
        if not (addresses or udp) or not os.path.exists(_PRESENT):  # noqa: PTH110 - hot path
            return
        if self._kernel_filters and len(addresses) + len(udp) <= _FEW:
            answers = self._socket.send_batch([*_requests(addresses, udp)])
            refused = next((a for a in answers if a is not None), None)
            if refused is None:
                return
            if refused.errno not in _NO_FILTER:
                raise KernelRefused("forget connections", refused.errno, refused.text)
            self._kernel_filters = False
        self._forget_one_by_one(addresses, udp)

    def _forget_one_by_one(
        self, addresses: Sequence[IPAddress], udp: Sequence[PublishedPort]
    ) -> None:
        """List all, and delete what matches: for many at once, and for kernels before 6.8."""
        meant = {a.packed for a in addresses}
        for version in {a.version for a in (*addresses, *(p.host_address for p in udp))}:
            bodies = self._socket.dump(dump_flows(version), "list connections", torn=True)
            flows = [decode_flow(body) for body in bodies]
            doomed = [delete_flow(version, f) for f in flows if _is_meant(f, meant, udp)]
            for refused in self._socket.send_batch(doomed):
                if refused is not None and refused.errno != errno.ENOENT:
                    raise KernelRefused("forget a connection", refused.errno, refused.text)


def _requests(addresses: Iterable[IPAddress], udp: Iterable[PublishedPort]) -> Iterable[Request]:
    for address in addresses:
        yield delete_by_source(address, "original")
        # who answers is who was asked, also behind a published port, where the original
        # destination was the host
        yield delete_by_source(address, "reply")
    for port in udp:
        yield delete_by_port(port.host_address, IPPROTO_UDP, port.host_port)


def _is_meant(flow: Flow, addresses: Collection[bytes], udp: Iterable[PublishedPort]) -> bool:
    return (
        flow.original_source in addresses
        or flow.reply_source in addresses
        or any(
            flow.protocol == IPPROTO_UDP
            and flow.destination_port == p.host_port
            and p.host_address.version == (4 if len(flow.original_source) == 4 else 6)  # noqa: PLR2004 - octets
            and (
                p.host_address.is_unspecified or p.host_address.packed == flow.original_destination
            )
            for p in udp
        )
    )
