"""Kernel state as values: each table by itself, one namespace whole, one bridge whole."""

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TypeVar

from glassbridge.errors import NotFound
from glassbridge.kernel import sysctl
from glassbridge.kernel.addresses import decode_address
from glassbridge.kernel.discovery import describe_netns
from glassbridge.kernel.links import Member, decode_link, decode_member
from glassbridge.kernel.neighbours import decode_fdb_entry, decode_neighbour
from glassbridge.kernel.netns import CURRENT, open_netns
from glassbridge.kernel.routes import decode_route, decode_rule
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.sockets import open_diag, read_sockets
from glassbridge.model.tables import (
    TABLE_LOCAL,
    Address,
    FdbEntry,
    Neighbour,
    Route,
    RoutingRule,
)
from glassbridge.model.topology import Link, Stack, Switch
from glassbridge.wire.addresses import dump_addresses
from glassbridge.wire.links import IFLA_GROUP, dump_links, get_link, link_header
from glassbridge.wire.neighbours import dump_fdb, dump_neighbours
from glassbridge.wire.netlink import Refusal, Request, find_attribute
from glassbridge.wire.routes import AF_INET, AF_INET6, dump_routes, dump_rules

Value = TypeVar("Value")

_HOST_SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.bridge.bridge-nf-call-arptables",
)
_LINK_SYSCTLS = (
    "net/ipv4/conf/{}/forwarding",
    "net/ipv4/conf/{}/rp_filter",
    "net/ipv4/conf/{}/route_localnet",
    "net/ipv4/conf/{}/proxy_arp",
    "net/ipv4/conf/{}/arp_ignore",
    "net/ipv6/conf/{}/disable_ipv6",
    "net/ipv6/conf/{}/forwarding",
    "net/ipv6/conf/{}/accept_ra",
)


def read_links(route: RouteSocket, master: int | None = None) -> tuple[Link, ...]:
    """All links, or the ports of one bridge."""
    return _read(route, dump_links(master), "list links", decode_link)


def read_group(route: RouteSocket, group: int) -> tuple[Member, ...]:
    """The links of one group; the others, among thousands, are not decoded.

    Raises KernelRefused rather than leave one out: a group is deleted on the strength of this.
    """
    wanted = group.to_bytes(4, sys.byteorder)
    bodies = route.dump(dump_links(), f"list links of group {group}")
    return tuple(
        decode_member(body)
        for body in bodies
        if find_attribute(body, IFLA_GROUP, link_header.size) == wanted
    )


def read_link(route: RouteSocket, link: int | str) -> Link:
    """One link by index or name; raises NotFound."""
    answer = route.get(get_link(link))
    if isinstance(answer, Refusal):
        raise NotFound(f"link {link} does not exist", hint="see: ip link")
    return decode_link(answer)


def read_addresses(route: RouteSocket, ifindex: int = 0) -> tuple[Address, ...]:
    """The addresses of all links, or of one."""
    return _read(route, dump_addresses(0, ifindex), "list addresses", decode_address)


def read_routes(route: RouteSocket) -> tuple[Route, ...]:
    """The routes of both families and all tables."""
    return tuple(
        found
        for family in (AF_INET, AF_INET6)
        for found in _read(route, dump_routes(family), "list routes", decode_route)
    )


def read_rules(route: RouteSocket) -> tuple[RoutingRule, ...]:
    """The routing rules of both families, each in the order of asking."""
    return tuple(
        found
        for family in (AF_INET, AF_INET6)
        for found in _read(route, dump_rules(family), "list routing rules", decode_rule)
    )


def read_neighbours(route: RouteSocket) -> tuple[Neighbour, ...]:
    """ARP and ND entries, and the addresses that we answer for (`ip neigh show proxy`)."""
    return tuple(
        found
        for family in (AF_INET, AF_INET6)
        for proxies in (False, True)
        for found in _read(
            route, dump_neighbours(family, proxies=proxies), "list neighbours", decode_neighbour
        )
    )


def read_fdb(route: RouteSocket, bridge: int | None = None) -> tuple[FdbEntry, ...]:
    """The FDB of one bridge, or of every link that has one."""
    entries = _read(route, dump_fdb(bridge), "list FDB entries", decode_fdb_entry)
    return tuple(e for e in entries if e is not None)


def read_bridge(ifname: str, netns: int | None = None) -> Switch:
    """One bridge as a switch, here or in another namespace; raises NotFound."""
    with RouteSocket(netns) as route:
        link = read_link(route, ifname)
        if link.bridge is None:
            raise NotFound(
                f"{ifname} is not a bridge but {link.kind or 'a plain link'}",
                hint="see the bridges: ip link show type bridge",
            )
        ports = read_links(route, link.ifindex)
        return Switch(
            bridge=link,
            addresses=read_addresses(route, link.ifindex),
            ports=tuple(sorted(ports, key=lambda p: p.port.number if p.port else 0)),
            fdb=read_fdb(route, link.ifindex),
        )


def read_stack(path: str = CURRENT) -> Stack:
    """Everything of the namespace at a path; raises NotFound or PermissionRefused."""
    netns = describe_netns(path)
    with ExitStack() as opened:
        fd = open_netns(path)
        opened.callback(os.close, fd)
        route = opened.enter_context(RouteSocket(fd))
        diag = opened.enter_context(open_diag(fd))
        links = read_links(route)
        routes = read_routes(route)
        return Stack(
            netns=netns,
            links=links,
            addresses=read_addresses(route),
            routes=tuple(r for r in routes if r.table != TABLE_LOCAL),
            local_routes=tuple(r for r in routes if r.table == TABLE_LOCAL),
            rules=read_rules(route),
            neighbours=read_neighbours(route),
            fdb=read_fdb(route),
            sockets=read_sockets(diag, netns.pids),
            sysctls=sysctl.read_present(_sysctls_of(links), fd),
        )


def _read(
    route: RouteSocket, request: Request, attempt: str, decode: Callable[[bytes], Value]
) -> tuple[Value, ...]:
    """What is looked at may be torn: each entry is right by itself, and bursts do not stop us."""
    return tuple(decode(body) for body in route.dump(request, attempt, torn=True))


def _sysctls_of(links: Iterable[Link]) -> Iterable[str]:
    yield from _HOST_SYSCTLS
    # a bridge port has no IP stack of its own
    for ifname in ("all", "default", *(k.ifname for k in links if k.port is None)):
        for key in _LINK_SYSCTLS:
            yield key.format(ifname)
