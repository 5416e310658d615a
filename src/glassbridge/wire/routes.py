"""Requests about routes and routing rules (linux/rtnetlink.h, linux/fib_rules.h)."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from struct import Struct as Layout
from typing import NamedTuple

from glassbridge.wire.netlink import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    Request,
    attribute,
    attribute_u8,
    attribute_u32,
    nest,
)

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_GETRULE = 34

RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_TABLE = 1, 4, 5, 6, 15
RTA_METRICS, RTAX_MTU, RTAX_ADVMSS = 8, 2, 8
_RTA_SRC, _RTA_IIF, _RTA_MARK = 2, 3, 16
_RTA_IP_PROTO, _RTA_SPORT, _RTA_DPORT = 27, 28, 29
_RTM_F_LOOKUP_TABLE, _RTM_F_FIB_MATCH = 0x1000, 0x2000

AF_INET, AF_INET6 = 2, 10
TABLE_MAIN = 254
_TABLE_LAST, _TABLE_COMPAT = 255, 252
"""The highest that fits into the header, and what stands there instead of a higher one."""

_PROTO_STATIC = 4
RTN_UNICAST, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT = 1, 6, 7, 8
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_NOWHERE = 0, 253, 255

# struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
route_header = Layout("=BBBBBBBBI")


class RouteKey(NamedTuple):
    """What tells one route from others."""

    destination: IPv4Network | IPv6Network
    gateway: IPv4Address | IPv6Address | None = None
    oif: int | None = None
    metric: int | None = None
    kind: int = RTN_UNICAST
    table: int = TABLE_MAIN


def add_route(
    route: RouteKey, scope: int | None = None, *, mtu: int | None = None, advmss: int | None = None
) -> Request:
    """A route; its scope is by default what `ip route` would choose."""
    if scope is None:
        is_near = route.gateway is None and route.kind == RTN_UNICAST
        is_connected = is_near and route.destination.version == 4  # noqa: PLR2004 - the IP version
        scope = _SCOPE_LINK if is_connected else _SCOPE_UNIVERSE
    metrics = b"".join(
        attribute_u32(which, value)
        for which, value in ((RTAX_MTU, mtu), (RTAX_ADVMSS, advmss))
        if value is not None
    )
    return Request(
        RTM_NEWROUTE,
        NLM_F_CREATE | NLM_F_EXCL,
        _named(route, _PROTO_STATIC, scope) + (nest(RTA_METRICS, metrics) if metrics else b""),
    )


def remove_route(route: RouteKey) -> Request:
    """Remove the route that has all of what is given; ESRCH says there is none."""
    return Request(RTM_DELROUTE, 0, _named(route, 0, _SCOPE_NOWHERE))


def find_route(
    destination: IPv4Address | IPv6Address,
    *,
    source: IPv4Address | IPv6Address | None = None,
    iif: int | None = None,
    mark: int = 0,
    protocol: int = 0,
    ports: tuple[int, int] = (0, 0),
    entry: bool = False,
) -> Request:
    """Ask which way a packet takes (`ip route get`); with `iif`, one that came in there.

    `entry` asks for the table's entry (`fibmatch`), else what was made of it for this packet.
    """
    bits = destination.max_prefixlen
    # IPv6 tells the table in any case, and refuses to be asked for it
    flags = _RTM_F_LOOKUP_TABLE if destination.version == 4 else 0  # noqa: PLR2004 - the IP version
    head = route_header.pack(
        _family(destination),
        bits,
        0 if source is None else bits,
        0,
        0,
        0,
        0,
        0,
        flags | (_RTM_F_FIB_MATCH if entry else 0),
    )
    body = attribute(RTA_DST, destination.packed)
    if source is not None:
        body += attribute(_RTA_SRC, source.packed)
    if iif is not None:
        body += attribute_u32(_RTA_IIF, iif)
    if mark:
        body += attribute_u32(_RTA_MARK, mark)
    if protocol:
        body += attribute_u8(_RTA_IP_PROTO, protocol)
        for kind, port in zip((_RTA_SPORT, _RTA_DPORT), ports, strict=True):
            body += attribute(kind, port.to_bytes(2)) if port else b""
    return Request(RTM_GETROUTE, 0, head + body)


def dump_routes(family: int) -> Request:
    """Ask for the routes of one family, all tables."""
    return Request(RTM_GETROUTE, NLM_F_DUMP, route_header.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))


def dump_rules(family: int) -> Request:
    """Ask for the routing rules of one family (struct fib_rule_hdr is as long as rtmsg)."""
    return Request(RTM_GETRULE, NLM_F_DUMP, route_header.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))


def _in_header(table: int) -> int:
    return table if table <= _TABLE_LAST else _TABLE_COMPAT


def _table(table: int) -> bytes:
    return attribute_u32(RTA_TABLE, table) if table > _TABLE_LAST else b""


def _named(route: RouteKey, protocol: int, scope: int) -> bytes:
    destination, table = route.destination, _in_header(route.table)
    body = route_header.pack(
        _family(destination), destination.prefixlen, 0, 0, table, protocol, scope, route.kind, 0
    )
    body += attribute(RTA_DST, destination.network_address.packed)
    if route.gateway is not None:
        body += attribute(RTA_GATEWAY, route.gateway.packed)
    if route.oif is not None:
        body += attribute_u32(RTA_OIF, route.oif)
    if route.metric is not None:
        body += attribute_u32(RTA_PRIORITY, route.metric)
    return body + _table(route.table)


def _family(of: IPv4Network | IPv6Network | IPv4Address | IPv6Address) -> int:
    return AF_INET if of.version == 4 else AF_INET6  # noqa: PLR2004 - the protocol's own number
