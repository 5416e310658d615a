"""Tracked connections as values: all of a namespace, or those to one address and port.

Nothing is asked where the kernel has no conntrack, for the question itself would load it; listing
makes no namespace track that does not.
"""

import os
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct

from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.netns import inside
from glassbridge.kernel.rtnetlink import NETLINK_NETFILTER, NetlinkSocket
from glassbridge.model.address import IPAddress
from glassbridge.model.packet import ICMP_NUMBER, ICMPV6_NUMBER, TCP_NUMBER, UDP_NUMBER, Transport
from glassbridge.model.snapshot import Connection
from glassbridge.wire.conntrack import (
    IPS_ASSURED,
    IPS_OFFLOAD,
    IPS_SEEN_REPLY,
    TrackedFlow,
    decode_tracked,
    dump_flows,
    dump_flows_to,
)

_COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"
_IPV4_OCTETS = 4
_TRANSPORTS = {
    TCP_NUMBER: Transport.TCP,
    UDP_NUMBER: Transport.UDP,
    ICMP_NUMBER: Transport.ICMP,
    ICMPV6_NUMBER: Transport.ICMP,
}


class FlowTarget(Struct, frozen=True, kw_only=True):
    """Where the first packet of the wanted connections was sent."""

    transport: Transport
    address: IPAddress
    port: int = 0
    """0: any."""


class Connections(Struct, frozen=True, kw_only=True):
    """What was listed."""

    listed: tuple[Connection, ...] = ()
    left_out: int = 0
    """Beyond the bound."""


def read_connections(netns: int, *, at_most: int) -> Connections:
    """Every TCP, UDP and ICMP connection of an open namespace, up to a bound; both IP versions."""
    if not _tracks(netns):
        return Connections()
    with NetlinkSocket(NETLINK_NETFILTER, netns) as socket:
        bodies = [
            body
            for version in (4, 6)
            for body in socket.dump(dump_flows(version), "list connections", torn=True)
        ]
    # decoding is what takes the time: what is beyond the bound is not looked at
    return Connections(listed=_decode(bodies[:at_most]), left_out=max(0, len(bodies) - at_most))


def connections_to(netns: int, target: FlowTarget) -> tuple[Connection, ...]:
    """The connections of an open namespace that were made to one address and port."""
    if not _tracks(netns):
        return ()
    version = target.address.version
    request = dump_flows_to(target.address, target.transport.number(version), target.port)
    with NetlinkSocket(NETLINK_NETFILTER, netns) as socket:
        try:
            bodies = socket.dump(request, "list connections", torn=True)
        except GlassbridgeError:  # a kernel that filters, but not by this
            bodies = socket.dump(dump_flows(version), "list connections", torn=True)
    return tuple(
        c
        for c in _decode(bodies)
        if (c.transport, c.destination) == (target.transport, target.address)
        and target.port in (0, c.destination_port)
    )


def _tracks(netns: int) -> bool:
    """Whether there is anything to list."""
    try:
        with inside(netns):
            fd = os.open(_COUNT, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return int(os.read(fd, 32)) > 0
        finally:
            os.close(fd)
    except OSError:
        return False


def _decode(bodies: Iterable[bytes]) -> tuple[Connection, ...]:
    found = (_connection(decode_tracked(body)) for body in bodies)
    return tuple(c for c in found if c is not None)


def _connection(flow: TrackedFlow) -> Connection | None:
    transport = _TRANSPORTS.get(flow.original.protocol)
    if transport is None:
        return None
    return Connection(
        transport=transport,
        source=_address(flow.original.source),
        destination=_address(flow.original.destination),
        source_port=flow.original.source_port,
        destination_port=flow.original.destination_port,
        reply_source=_address(flow.reply.source),
        reply_destination=_address(flow.reply.destination),
        reply_source_port=flow.reply.source_port,
        reply_destination_port=flow.reply.destination_port,
        is_assured=bool(flow.status & IPS_ASSURED),
        is_replied=bool(flow.status & IPS_SEEN_REPLY),
        is_offloaded=bool(flow.status & IPS_OFFLOAD),
        seconds_left=flow.seconds_left,
    )


def _address(octets: bytes) -> IPAddress:
    return IPv4Address(octets) if len(octets) == _IPV4_OCTETS else IPv6Address(octets)
