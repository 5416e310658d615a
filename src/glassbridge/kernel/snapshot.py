"""Kernel state as values: each table by itself, and one namespace whole."""

import sys
from collections.abc import Callable, Iterable
from errno import ENODEV
from itertools import chain
from typing import TypeVar

from glassbridge.errors import KernelRefused, NotFound
from glassbridge.kernel import sysctl
from glassbridge.kernel.addresses import decode_address
from glassbridge.kernel.link_filters import read_filters
from glassbridge.kernel.link_settings import NAMES, decode_settings, key_of
from glassbridge.kernel.links import Member, decode_link, decode_member
from glassbridge.kernel.neighbours import decode_fdb_entry, decode_neighbour, is_own_filter
from glassbridge.kernel.routes import decode_route, decode_rule
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.sockets import open_diag, read_sockets
from glassbridge.model.network import Ifname
from glassbridge.model.tables import TABLE_LOCAL, Address, FdbEntry, Neighbour, Route, RoutingRule
from glassbridge.model.topology import Link, Netns, Stack
from glassbridge.wire.addresses import dump_addresses
from glassbridge.wire.links import IFLA_GROUP, dump_links, get_link, link_header
from glassbridge.wire.neighbours import dump_fdb, dump_neighbours
from glassbridge.wire.netlink import Refusal, Request, find_attribute
from glassbridge.wire.routes import AF_INET, AF_INET6, dump_routes, dump_rules

Value = TypeVar("Value")

NF_CONNTRACK_COUNT = "net.netfilter.nf_conntrack_count"
_SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv4.icmp_echo_ignore_all",
    "net.ipv4.ip_nonlocal_bind",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.icmp.echo_ignore_all",
    "net.ipv6.ip_nonlocal_bind",
    "net.ipv6.bindv6only",
    *(f"net.ipv{v}.neigh.default.gc_thresh{n}" for v in (4, 6) for n in (1, 2, 3)),
    "net.netfilter.nf_conntrack_max",
    NF_CONNTRACK_COUNT,
    *(key_of(version, "all", name) for version in (4, 6) for name in NAMES[version]),
)
_BRIDGE_SYSCTLS = (
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.bridge.bridge-nf-call-arptables",
    "net.bridge.bridge-nf-filter-vlan-tagged",
)
"""Read where there is a bridge: a look into each folder costs more than all else of a container."""


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


def read_member(route: RouteSocket, ifname: Ifname, group: int) -> Member | None:
    """The link of a name, if it is there and in the group; raises KernelRefused."""
    answer = route.get(get_link(ifname))
    if isinstance(answer, Refusal):
        if answer.errno == ENODEV:
            return None
        raise KernelRefused(f"look at link {ifname}", answer.errno, answer.text)
    wanted = group.to_bytes(4, sys.byteorder)
    is_member = find_attribute(answer, IFLA_GROUP, link_header.size) == wanted
    return decode_member(answer) if is_member else None


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
    """The FDB of one bridge, or of every link that has one; not their own filters."""
    bodies = route.dump(dump_fdb(bridge), "list FDB entries", torn=True)
    # a thousand links list four thousand groups that they take: they decide about no frame
    entries = (decode_fdb_entry(body) for body in bodies if not is_own_filter(body))
    return tuple(e for e in entries if e is not None)


def read_stack(fd: int, netns: Netns) -> Stack:
    """Everything of an open namespace; owners of sockets are sought among `netns.pids`."""
    with RouteSocket(fd) as route, open_diag(fd) as diag:
        links, settings = _read_links_with_settings(route)
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
            filters=read_filters(fd, route, links),
            sockets=read_sockets(diag, netns.pids),
            sysctls=sysctl.read_present(_keys(links), fd) | settings,
        )


def read_cables(fd: int, netns: Netns) -> Stack:
    """What is plugged into what, and the addresses and routes there: no other table is read."""
    with RouteSocket(fd) as route:
        return Stack(
            netns=netns,
            links=_read(route, dump_links(), "list links", decode_link),
            addresses=read_addresses(route),
            routes=tuple(r for r in read_routes(route) if r.table != TABLE_LOCAL),
        )


def _keys(links: Iterable[Link]) -> tuple[str, ...]:
    return _SYSCTLS + (_BRIDGE_SYSCTLS if any(k.bridge is not None for k in links) else ())


def _read_links_with_settings(route: RouteSocket) -> tuple[tuple[Link, ...], dict[str, str]]:
    """The settings are those of links that have an IP stack of their own: bridge ports do not."""
    bodies = route.dump(dump_links(), "list links", torn=True)
    links = tuple(map(decode_link, bodies))
    settings = (
        decode_settings(body, link.ifname)
        for body, link in zip(bodies, links, strict=True)
        if link.port is None
    )
    return links, dict(chain.from_iterable(settings))


def _read(
    route: RouteSocket, request: Request, attempt: str, decode: Callable[[bytes], Value]
) -> tuple[Value, ...]:
    """What is looked at may be torn: each entry is right by itself, and bursts do not stop us."""
    return tuple(decode(body) for body in route.dump(request, attempt, torn=True))
