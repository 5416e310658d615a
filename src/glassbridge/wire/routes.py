"""Requests about routes and routing rules (linux/rtnetlink.h, linux/fib_rules.h)."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from struct import Struct as Layout

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
RTNH_F_ONLINK = 4
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


def add_route(
    destination: IPv4Network | IPv6Network | None,
    *,
    gateway: IPv4Address | IPv6Address | None = None,
    oif: int | None = None,
    onlink: bool = False,
    metric: int | None = None,
    kind: int = RTN_UNICAST,
    table: int = TABLE_MAIN,
    scope: int | None = None,
    mtu: int | None = None,
    advmss: int | None = None,
) -> Request:
    """A route; destination None is the gateway's default route.

    `onlink` takes a gateway for reachable although no connected route covers it.
    """
    family = _family(destination or gateway)
    if scope is None:
        is_connected = gateway is None and family == AF_INET and kind == RTN_UNICAST
        scope = _SCOPE_LINK if is_connected else _SCOPE_UNIVERSE
    length = 0 if destination is None else destination.prefixlen
    head = route_header.pack(
        family,
        length,
        0,
        0,
        _in_header(table),
        _PROTO_STATIC,
        scope,
        kind,
        RTNH_F_ONLINK if onlink else 0,
    )
    body = _attributes(destination, gateway, oif, metric) + _table(table)
    metrics = b"".join(
        attribute_u32(which, value)
        for which, value in ((RTAX_MTU, mtu), (RTAX_ADVMSS, advmss))
        if value is not None
    )
    if metrics:
        body += nest(RTA_METRICS, metrics)
    return Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, head + body)


def remove_route(
    destination: IPv4Network | IPv6Network | None,
    *,
    gateway: IPv4Address | IPv6Address | None = None,
    oif: int | None = None,
    metric: int | None = None,
    kind: int = 0,
    table: int = TABLE_MAIN,
) -> Request:
    """Remove the route that has all of what is given; ESRCH says there is none."""
    family = _family(destination or gateway)
    length = 0 if destination is None else destination.prefixlen
    head = route_header.pack(
        family,
        length,
        0,
        0,
        _in_header(table),
        0,
        _SCOPE_NOWHERE,
        kind,
        0,
    )
    body = _attributes(destination, gateway, oif, metric) + _table(table)
    return Request(RTM_DELROUTE, 0, head + body)


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


def _attributes(
    destination: IPv4Network | IPv6Network | None,
    gateway: IPv4Address | IPv6Address | None,
    oif: int | None,
    metric: int | None,
) -> bytes:
    body = b""
    if destination is not None:
        body += attribute(RTA_DST, destination.network_address.packed)
    if gateway is not None:
        body += attribute(RTA_GATEWAY, gateway.packed)
    if oif is not None:
        body += attribute_u32(RTA_OIF, oif)
    if metric is not None:
        body += attribute_u32(RTA_PRIORITY, metric)
    return body


def _family(of: IPv4Network | IPv6Network | IPv4Address | IPv6Address | None) -> int:
    if of is None:
        raise ValueError("a route needs a destination or a gateway")
    return AF_INET if of.version == 4 else AF_INET6  # noqa: PLR2004 - the protocol's own number
