"""Routes and routing rules as the kernel tells them (linux/rtnetlink.h, linux/fib_rules.h)."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from struct import Struct as Layout

from glassbridge.kernel.addresses import SCOPES, ip_of
from glassbridge.model.address import IPAddress, IPNetwork
from glassbridge.model.network import Ifname
from glassbridge.model.tables import Ifindex, NextHop, Route, RoutingRule
from glassbridge.wire.netlink import attributes, number, text
from glassbridge.wire.routes import (
    AF_INET,
    RTA_DST,
    RTA_GATEWAY,
    RTA_OIF,
    RTA_PRIORITY,
    RTA_TABLE,
    route_header,
)

_RTA_SRC, _RTA_PREFSRC, _RTA_METRICS, _RTA_MULTIPATH = 2, 7, 8, 9
_RTA_VIA, _RTA_NH_ID = 18, 30
_RTAX_MTU, _RTAX_ADVMSS = 2, 8

_FRA_DST, _FRA_SRC, _FRA_IIFNAME, _FRA_GOTO, _FRA_PRIORITY = 1, 2, 3, 4, 6
_FRA_FWMARK, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE, _FRA_FWMASK, _FRA_OIFNAME = 10, 14, 15, 16, 17
_FRA_L3MDEV, _FRA_UID_RANGE, _FRA_IP_PROTO, _FRA_SPORT_RANGE, _FRA_DPORT_RANGE = 19, 20, 22, 23, 24
_FR_ACT_TO_TBL = 1
_FIB_RULE_INVERT = 2
_NO_SUPPRESSION = 0xFFFFFFFF

_TYPES = (
    "unspec",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
    "nat",
    "xresolve",
)
_FLAGS = {1: "dead", 2: "pervasive", 4: "onlink", 8: "offload", 16: "linkdown", 32: "unresolved"}
_ACTIONS = {1: "table", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}

_next_hop = Layout("=HBBi")  # struct rtnexthop: length, flags, weight - 1, oif
_port_range = Layout("=HH")
_uid_range = Layout("=II")


def decode_route(body: bytes) -> Route:
    """One route."""
    family, length, from_length, tos, table, protocol, scope, kind, flags = (
        route_header.unpack_from(body)
    )
    found = attributes(body, route_header.size)
    metrics = attributes(found.get(_RTA_METRICS, b""))
    return Route(
        destination=_prefix(family, found.get(RTA_DST), length),
        table=number(found[RTA_TABLE]) if RTA_TABLE in found else table,
        type=_TYPES[kind],
        gateway=_gateway(found),
        oif=Ifindex(number(found[RTA_OIF])) if RTA_OIF in found else None,
        metric=number(found.get(RTA_PRIORITY, b"")),
        source=ip_of(found[_RTA_PREFSRC]) if _RTA_PREFSRC in found else None,
        from_prefix=_prefix(family, found[_RTA_SRC], from_length) if _RTA_SRC in found else None,
        scope=SCOPES.get(scope, str(scope)),
        protocol=protocol,
        tos=tos,
        mtu=number(metrics[_RTAX_MTU]) if _RTAX_MTU in metrics else None,
        advmss=number(metrics[_RTAX_ADVMSS]) if _RTAX_ADVMSS in metrics else None,
        flags=_flag_names(flags),
        next_hops=_next_hops(found.get(_RTA_MULTIPATH, b"")),
        nexthop_id=number(found[_RTA_NH_ID]) if _RTA_NH_ID in found else None,
    )


def decode_rule(body: bytes) -> RoutingRule:
    """One routing rule; struct fib_rule_hdr is laid out like rtmsg."""
    family, to_length, from_length, tos, table, _, _, action, flags = route_header.unpack_from(body)
    found = attributes(body, route_header.size)

    def value(kind: int) -> int | None:
        return number(found[kind]) if kind in found else None

    suppress = value(_FRA_SUPPRESS_PREFIXLEN)
    l3mdev = bool(value(_FRA_L3MDEV))
    return RoutingRule(
        family=4 if family == AF_INET else 6,
        priority=value(_FRA_PRIORITY) or 0,
        action=_ACTIONS.get(action, str(action)),
        table=(value(_FRA_TABLE) or table) if action == _FR_ACT_TO_TBL and not l3mdev else None,
        goto=value(_FRA_GOTO),
        invert=bool(flags & _FIB_RULE_INVERT),
        source=_prefix(family, found[_FRA_SRC], from_length) if _FRA_SRC in found else None,
        destination=_prefix(family, found[_FRA_DST], to_length) if _FRA_DST in found else None,
        iif=Ifname(text(found[_FRA_IIFNAME])) if _FRA_IIFNAME in found else None,
        oif=Ifname(text(found[_FRA_OIFNAME])) if _FRA_OIFNAME in found else None,
        mark=value(_FRA_FWMARK),
        mark_mask=value(_FRA_FWMASK),
        tos=tos,
        ip_protocol=value(_FRA_IP_PROTO),
        source_ports=_range(_port_range, found.get(_FRA_SPORT_RANGE)),
        destination_ports=_range(_port_range, found.get(_FRA_DPORT_RANGE)),
        uids=_range(_uid_range, found.get(_FRA_UID_RANGE)),
        suppress_prefix_length=None if suppress == _NO_SUPPRESSION else suppress,
        l3mdev=l3mdev,
    )


@lru_cache(maxsize=64)  # a thousand links have the same two prefixes each
def _prefix(family: int, packed: bytes | None, length: int) -> IPNetwork:
    if family == AF_INET:
        return IPv4Network((packed or bytes(4), length))
    return IPv6Network((packed or bytes(16), length))


def _gateway(found: dict[int, bytes]) -> IPAddress | None:
    if RTA_GATEWAY in found:
        return ip_of(found[RTA_GATEWAY])
    if _RTA_VIA in found:  # an IPv6 gateway of an IPv4 route, behind its family
        return ip_of(found[_RTA_VIA][2:])
    return None


def _next_hops(data: bytes) -> tuple[NextHop, ...]:
    hops: list[NextHop] = []
    start = 0
    while start + _next_hop.size <= len(data):
        size, _flags, weight, oif = _next_hop.unpack_from(data, start)
        if size < _next_hop.size:
            break
        found = attributes(data[start : start + size], _next_hop.size)
        hops.append(NextHop(gateway=_gateway(found), oif=Ifindex(oif) or None, weight=weight + 1))
        start += (size + 3) & ~3
    return tuple(hops)


def _flag_names(flags: int) -> tuple[str, ...]:
    return tuple(name for bit, name in _FLAGS.items() if flags & bit)


def _range(layout: Layout, payload: bytes | None) -> tuple[int, int] | None:
    if payload is None:
        return None
    first, last = layout.unpack(payload)
    return first, last
