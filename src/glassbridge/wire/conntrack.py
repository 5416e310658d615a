"""Requests to ctnetlink, which lists and deletes tracked connections (nfnetlink_conntrack.h).

Numbers inside tuples are big-endian.
"""

from ipaddress import IPv4Address, IPv6Address
from struct import Struct as Layout
from typing import Literal, NamedTuple

from glassbridge.wire.netlink import (
    NLM_F_DUMP,
    Request,
    attribute,
    attribute_u8,
    attribute_u32,
    attributes,
    nest,
)

NEW, GET, DELETE = 0x100, 0x101, 0x102
"""NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_*."""

CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_TIMEOUT = 1, 2, 3, 7
CTA_ID, CTA_ZONE, CTA_FILTER = 12, 18, 25
IPS_SEEN_REPLY, IPS_ASSURED, IPS_OFFLOAD = 1 << 1, 1 << 2, 1 << 14
_CTA_FILTER_ORIG_FLAGS, _CTA_FILTER_REPLY_FLAGS = 1, 2
_CTA_TUPLE_IP, _CTA_TUPLE_PROTO = 1, 2
_CTA_IP_V4_SRC, _CTA_IP_V4_DST, _CTA_IP_V6_SRC, _CTA_IP_V6_DST = 1, 2, 3, 4
_CTA_PROTO_NUM, _CTA_PROTO_SRC_PORT, _CTA_PROTO_DST_PORT = 1, 2, 3
_CTA_PROTO_ICMP_ID, _CTA_PROTO_ICMPV6_ID = 4, 7

# net/netfilter/nf_internals.h: which parts of a tuple count
_IP_SRC, _IP_DST, _PROTO_NUM, _PROTO_DST_PORT = 1 << 0, 1 << 1, 1 << 3, 1 << 5

_AF_INET, _AF_INET6 = 2, 10
_header = Layout("=BBH")  # struct nfgenmsg: family, version, resource

Direction = Literal["original", "reply"]


class Flow(NamedTuple):
    """One tracked connection, as far as it is compared, and what names it in a request."""

    original_source: bytes
    original_destination: bytes
    reply_source: bytes
    protocol: int
    destination_port: int
    name: bytes
    """Its original tuple, zone and id, encoded."""


class Ends(NamedTuple):
    """One direction of a connection; an ICMP one has its identifier as source port."""

    protocol: int
    source: bytes
    destination: bytes
    source_port: int
    destination_port: int


class TrackedFlow(NamedTuple):
    """One tracked connection as it is shown."""

    original: Ends
    reply: Ends
    status: int
    """IPS_* bits."""
    seconds_left: int | None


def delete_by_source(address: IPv4Address | IPv6Address, direction: Direction) -> Request:
    """Delete the connections whose packets of one direction come from an address (Linux 6.8).

    The kernel filters. One before 6.8 answers EINVAL: without CTA_FILTER the tuple is incomplete.
    """
    kind = _CTA_IP_V4_SRC if address.version == 4 else _CTA_IP_V6_SRC  # noqa: PLR2004 - the IP version
    tuple_ = nest(_CTA_TUPLE_IP, attribute(kind, address.packed))
    if direction == "original":
        body = nest(CTA_TUPLE_ORIG, tuple_) + _filter(_IP_SRC, 0)
    else:
        body = nest(CTA_TUPLE_REPLY, tuple_) + _filter(0, _IP_SRC)
    return Request(DELETE, 0, _head(address.version) + body)


def delete_by_port(address: IPv4Address | IPv6Address, protocol: int, port: int) -> Request:
    """Delete the connections that were made to a port, of one address unless it is unspecified."""
    tuple_ = nest(
        _CTA_TUPLE_PROTO,
        attribute_u8(_CTA_PROTO_NUM, protocol),
        attribute(_CTA_PROTO_DST_PORT, port.to_bytes(2)),
    )
    flags = _PROTO_NUM | _PROTO_DST_PORT
    if not address.is_unspecified:
        kind = _CTA_IP_V4_DST if address.version == 4 else _CTA_IP_V6_DST  # noqa: PLR2004 - the IP version
        tuple_ = nest(_CTA_TUPLE_IP, attribute(kind, address.packed)) + tuple_
        flags |= _IP_DST
    return Request(
        DELETE, 0, _head(address.version) + nest(CTA_TUPLE_ORIG, tuple_) + _filter(flags, 0)
    )


def dump_flows(version: int) -> Request:
    """Ask for all connections of one IP version."""
    return Request(GET, NLM_F_DUMP, _head(version))


def dump_flows_to(address: IPv4Address | IPv6Address, protocol: int, port: int) -> Request:
    """Ask for the connections to one address and port (0: any); kernels before 5.8 send all."""
    kind = _CTA_IP_V4_DST if address.version == 4 else _CTA_IP_V6_DST  # noqa: PLR2004 - the IP version
    proto = attribute_u8(_CTA_PROTO_NUM, protocol)
    flags = _IP_DST | _PROTO_NUM
    if port:
        proto += attribute(_CTA_PROTO_DST_PORT, port.to_bytes(2))
        flags |= _PROTO_DST_PORT
    tuple_ = nest(_CTA_TUPLE_IP, attribute(kind, address.packed)) + nest(_CTA_TUPLE_PROTO, proto)
    body = nest(CTA_TUPLE_ORIG, tuple_) + _filter(flags, 0)
    return Request(GET, NLM_F_DUMP, _head(address.version) + body)


def delete_flow(version: int, flow: Flow) -> Request:
    """Delete one connection that a dump has told of."""
    return Request(DELETE, 0, _head(version) + flow.name)


def decode_flow(body: bytes) -> Flow:
    """One connection of a dump."""
    found = attributes(body, _header.size)
    source, destination = _ends(found[CTA_TUPLE_ORIG])
    proto = attributes(attributes(found[CTA_TUPLE_ORIG])[_CTA_TUPLE_PROTO])
    kept = (CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID)
    return Flow(
        original_source=source,
        original_destination=destination,
        reply_source=_ends(found[CTA_TUPLE_REPLY])[0],
        protocol=proto[_CTA_PROTO_NUM][0],
        destination_port=int.from_bytes(proto.get(_CTA_PROTO_DST_PORT, b"")),
        name=b"".join(attribute(k, found[k]) for k in kept if k in found),
    )


def decode_tracked(body: bytes) -> TrackedFlow:
    """One connection of a dump, whole."""
    found = attributes(body, _header.size)
    left = found.get(CTA_TIMEOUT)
    return TrackedFlow(
        original=_decode_ends(found[CTA_TUPLE_ORIG]),
        reply=_decode_ends(found[CTA_TUPLE_REPLY]),
        status=int.from_bytes(found.get(CTA_STATUS, b"")),
        seconds_left=None if left is None else int.from_bytes(left),
    )


def _decode_ends(tuple_: bytes) -> Ends:
    source, destination = _ends(tuple_)
    proto = attributes(attributes(tuple_)[_CTA_TUPLE_PROTO])
    ports = (_CTA_PROTO_SRC_PORT, _CTA_PROTO_ICMP_ID, _CTA_PROTO_ICMPV6_ID)
    return Ends(
        protocol=proto[_CTA_PROTO_NUM][0],
        source=source,
        destination=destination,
        source_port=int.from_bytes(next((proto[k] for k in ports if k in proto), b"")),
        destination_port=int.from_bytes(proto.get(_CTA_PROTO_DST_PORT, b"")),
    )


def _head(version: int) -> bytes:
    return _header.pack(_AF_INET if version == 4 else _AF_INET6, 0, 0)  # noqa: PLR2004 - the IP version


def _filter(original: int, reply: int) -> bytes:
    return nest(
        CTA_FILTER,
        attribute_u32(_CTA_FILTER_ORIG_FLAGS, original),
        attribute_u32(_CTA_FILTER_REPLY_FLAGS, reply),
    )


def _ends(tuple_: bytes) -> tuple[bytes, bytes]:
    ip = attributes(attributes(tuple_)[_CTA_TUPLE_IP])
    if _CTA_IP_V4_SRC in ip:
        return ip[_CTA_IP_V4_SRC], ip[_CTA_IP_V4_DST]
    return ip[_CTA_IP_V6_SRC], ip[_CTA_IP_V6_DST]
