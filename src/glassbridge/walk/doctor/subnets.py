"""Subnets that overlap, routes that take addresses away from a bridge, reverse-path filters."""

from collections.abc import Iterator
from itertools import combinations

from msgspec import Struct

from glassbridge.model.address import IPNetwork
from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.tables import TABLE_MAIN, Route
from glassbridge.model.topology import Link, Stack
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import (
    BridgeOf,
    default_routes,
    link_setting,
    mended,
    names_of_bridge,
    network_named,
    place,
)
from glassbridge.walk.fixes.gateways import deletion
from glassbridge.walk.path.versions import V4

_STRICT, _LOOSE = 1, 2
_STANDING = (0, 32766, 32767)
"""Priorities of the rules that every namespace has."""


class _Subnet(Struct, frozen=True):
    network: IPNetwork
    link: Link


def subnet_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Of the host: what its own bridges and links claim."""
    host = snapshot.namespaces[snapshot.home].stack
    subnets = tuple(_subnets(host))
    yield from _overlaps(snapshot, subnets)
    for subnet in subnets:
        if subnet.link.bridge is not None:
            yield from _shadows(snapshot, host, subnet)
    yield from _reverse_paths(snapshot, host)


def _subnets(stack: Stack) -> Iterator[_Subnet]:
    for address in stack.addresses:
        link = stack.link(address.ifindex)
        network = address.interface.network
        is_single = network.prefixlen == network.max_prefixlen
        if link is None or link.is_loopback or network.is_link_local or is_single:
            continue
        yield _Subnet(network, link)


def _overlaps(snapshot: Snapshot, subnets: tuple[_Subnet, ...]) -> Iterator[Finding]:
    for one, other in combinations(subnets, 2):
        if one.link.bridge is None and other.link.bridge is None:
            continue
        if one.link.ifindex == other.link.ifindex or one.network.version != other.network.version:
            continue
        if not one.network.overlaps(other.network):
            continue
        bridge, rival = (one, other) if one.link.bridge is not None else (other, one)
        named = network_named(snapshot, BridgeOf(snapshot.home, bridge.link))
        yield Finding(
            code=FindingCode.SUBNETS_OVERLAP,
            severity=Severity.PROBLEM,
            where=place(snapshot, snapshot.namespaces[snapshot.home], bridge.link),
            sentence=f"the subnet of {named} overlaps with that of {rival.link.ifname}: "
            "the host reaches only one of them",
            evidence=(
                Fact(what=f"addresses of {bridge.link.ifname}", says=str(bridge.network)),
                Fact(what=f"addresses of {rival.link.ifname}", says=str(rival.network)),
            ),
            fix_note="give one of them another subnet: create the network anew with --subnet",
            concerns=tuple(
                name
                for s in (bridge, rival)
                if s.link.bridge is not None
                for name in names_of_bridge(snapshot, BridgeOf(snapshot.home, s.link))
            ),
        )


def _shadows(snapshot: Snapshot, host: Stack, subnet: _Subnet) -> Iterator[Finding]:
    """A route inside the subnet that leads elsewhere, as VPN clients write them."""
    for route in host.routes:
        if not _takes_from(route, subnet):
            continue
        link = host.link(route.oif) if route.oif is not None else None
        if link is not None and any(
            s.link.ifindex == link.ifindex and s.network == route.destination
            for s in _subnets(host)
        ):
            continue  # told as an overlap
        is_plain = link is not None and route.type == "unicast"
        way = f"dev {link.ifname}" if link is not None and is_plain else route.type
        robbed = _robbed(snapshot, route)
        named = network_named(snapshot, BridgeOf(snapshot.home, subnet.link))
        yield mended(
            snapshot,
            Finding(
                code=FindingCode.ROUTE_SHADOWS_SUBNET,
                severity=Severity.PROBLEM if robbed else Severity.WARNING,
                where=place(snapshot, snapshot.namespaces[snapshot.home], subnet.link),
                sentence=f"a route takes {route.destination} out of {named}"
                + (f": the host does not reach {', '.join(robbed)}" if robbed else ""),
                evidence=(
                    Fact(what="route", says=f"{route.destination} {way}"),
                    Fact(what=f"addresses of {subnet.link.ifname}", says=str(subnet.network)),
                ),
                fix_note="or give the network a subnet that the other side does not use",
                concerns=(
                    *robbed,
                    *names_of_bridge(snapshot, BridgeOf(snapshot.home, subnet.link)),
                ),
            ),
            (snapshot.home, _deletion(route, link)),
        )


def _deletion(route: Route, link: Link | None) -> tuple[str | int, ...]:
    """The bridge's own route may be to the same subnet."""
    way = () if link is None else ("dev", link.ifname)
    metric = ("metric", route.metric) if route.metric else ()
    return (*deletion(route), *way, *metric)


def _takes_from(route: Route, subnet: _Subnet) -> bool:
    destination = route.destination
    return (
        destination.version == subnet.network.version
        and route.table == TABLE_MAIN
        and route.oif != subnet.link.ifindex
        and route.type != "throw"
        and destination.prefixlen >= subnet.network.prefixlen
        and destination.subnet_of(subnet.network)  # type: ignore[arg-type]  # same version
    )


def _robbed(snapshot: Snapshot, route: Route) -> tuple[str, ...]:
    named = {
        snapshot.call(cookie)
        for cookie, namespace in snapshot.namespaces.items()
        if cookie != snapshot.home
        for address in namespace.stack.addresses
        if address.interface.ip in route.destination
    }
    return tuple(sorted(named))


def _reverse_paths(snapshot: Snapshot, host: Stack) -> Iterator[Finding]:
    """Two ways out, and a filter that takes only what comes in by the better one.

    Published ports are then closed to the other way; with none published, nobody is let in.
    """
    if not snapshot.published or any(r.priority not in _STANDING for r in host.rules):
        return  # in the second case another table may know the way back
    routes = default_routes(host, V4)
    ways = {r.oif: r for r in routes if r.oif is not None}
    if len(ways) < 2:  # noqa: PLR2004 - two ways out
        return
    best = host.link(routes[0].oif) if routes[0].oif is not None else None
    for oif in list(ways)[1:]:
        link = host.link(oif)
        if link is None or best is None or _rp_filter(host, link.ifname) != _STRICT:
            continue
        yield mended(
            snapshot,
            Finding(
                code=FindingCode.RP_FILTER,
                severity=Severity.WARNING,
                where=place(snapshot, snapshot.namespaces[snapshot.home], link),
                sentence=f"packets from far away that come in by {link.ifname} are dropped: the "
                f"way back is by {best.ifname}, and the reverse-path filter is strict",
                evidence=(
                    Fact(what=f"net.ipv4.conf.{link.ifname}.rp_filter", says="1 (strict)"),
                    Fact(what="best default route", says=f"dev {best.ifname}"),
                ),
                fix_note="loose: any way back will do",
            ),
            (snapshot.home, ("sysctl", "-w", f"net/ipv4/conf/{link.ifname}/rp_filter={_LOOSE}")),
        )


def _rp_filter(stack: Stack, link: str) -> int:
    """The kernel takes the larger of the link's and of `all` (IN_DEV_RPFILTER)."""
    values = (link_setting(stack, 4, name, "rp_filter") or 0 for name in ("all", link))
    return max(values)
