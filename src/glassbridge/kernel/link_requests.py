"""Operations on links as netlink requests; names become indexes here, at the last moment."""

from collections.abc import Callable

from glassbridge.model.address import mac_octets
from glassbridge.model.endpoint import RouteKind, StaticRoute
from glassbridge.model.kernel_names import DOOMED_GROUP, LINK_GROUP
from glassbridge.model.network import Ifname
from glassbridge.plan.interface_operations import (
    CreateShaper,
    LimitRate,
    RedirectIngress,
    TuneLink,
    UnlimitRate,
    UnredirectIngress,
)
from glassbridge.plan.operations import (
    AddAddress,
    AddRoute,
    BringUp,
    CreateBridge,
    CreateVeth,
    DeleteLink,
    DisableLinkLocal,
    DoomLink,
    Operation,
    PlugPort,
    RemoveAddress,
    RemoveRoute,
    SetPortFlags,
    SpareLink,
)
from glassbridge.wire import addresses, links, qdiscs, routes
from glassbridge.wire.netlink import Request

Ifindex = Callable[[str], int]

_ROUTE_KINDS = {
    RouteKind.UNICAST: routes.RTN_UNICAST,
    RouteKind.BLACKHOLE: routes.RTN_BLACKHOLE,
    RouteKind.UNREACHABLE: routes.RTN_UNREACHABLE,
    RouteKind.PROHIBIT: routes.RTN_PROHIBIT,
}


def requests_of(  # noqa: C901, PLR0911, PLR0912 - one arm each
    operation: Operation, ifindex: Ifindex, netns_fd: Callable[[str], int]
) -> tuple[Request, ...]:
    """Encode one operation; raises NotFound where a name that must exist does not."""
    match operation:
        case CreateBridge(ifname, mac, mtu, alias):
            return (
                links.create_bridge(ifname, mac_octets(mac), LINK_GROUP),
                links.set_link(ifname, alias=alias, mtu=mtu),
            )
        case CreateVeth():
            netns = netns_fd(operation.netns) if operation.netns else None
            return (_create_veth(operation, netns),)
        case DisableLinkLocal(ifname):
            return (links.disable_link_local(ifname),)
        case PlugPort(host_end, bridge, alias):
            return (links.set_link(host_end, up=True, master=ifindex(bridge), alias=alias),)
        case SetPortFlags(host_end=host_end, hairpin=hairpin, isolated=isolated):
            return (links.set_bridge_port(host_end, hairpin=hairpin, isolated=isolated),)
        case BringUp(ifname, mac=mac):
            return (links.set_link(ifname, up=True, mac=mac_octets(mac) if mac else None),)
        case AddAddress(ifname, address):
            return (addresses.add_address(ifindex(ifname), address),)
        case RemoveAddress(ifname, address):
            return (addresses.remove_address(ifindex(ifname), address),)
        case AddRoute(route, ifname):
            key = _route_key(route, ifname, ifindex)
            return (routes.add_route(key, route.scope, mtu=route.mtu, advmss=route.advmss),)
        case RemoveRoute(route, ifname):
            return (routes.remove_route(_route_key(route, ifname, ifindex)),)
        case DeleteLink(ifname):
            return (links.delete_link(ifname),)
        case DoomLink(host_end):
            return (links.set_link(host_end, group=DOOMED_GROUP),)
        case SpareLink(host_end):
            return (links.set_link(host_end, group=LINK_GROUP),)
        case _:
            return _interface_requests(operation, ifindex)


def _interface_requests(operation: Operation, ifindex: Ifindex) -> tuple[Request, ...]:
    match operation:
        case TuneLink():
            return (_tune_link(operation),)
        case CreateShaper(ifname, alias):
            return (
                links.create_ifb(ifname, LINK_GROUP),
                links.disable_link_local(ifname),
                links.set_link(ifname, up=True, alias=alias),
            )
        case LimitRate(ifname, rate, burst):
            return (qdiscs.limit_rate(ifindex(ifname), rate, burst),)
        case UnlimitRate(ifname):
            return (qdiscs.unlimit_rate(ifindex(ifname)),)
        case RedirectIngress(ifname, into):
            here = ifindex(ifname)
            return qdiscs.catch_ingress(here), qdiscs.redirect_ingress(here, ifindex(into))
        case UnredirectIngress(ifname):
            return (qdiscs.release_ingress(ifindex(ifname)),)
        case _:
            raise TypeError(f"{type(operation).__name__} is not about links")


def _create_veth(operation: CreateVeth, netns_fd: int | None) -> Request:
    return links.create_veth(
        operation.host_end,
        mac_octets(operation.host_mac),
        mtu=operation.mtu,
        group=LINK_GROUP,
        peer_name=operation.sandbox_end,
        peer_mac=mac_octets(operation.sandbox_mac),
        netns=netns_fd,
    )


def _tune_link(operation: TuneLink) -> Request:
    wish = operation.wish
    return links.tune_link(
        operation.ifname,
        mac=None if operation.mac is None else mac_octets(operation.mac),
        mtu=wish.mtu,
        queue_length=wish.queue_length,
        promiscuous=wish.promiscuous,
        all_multicast=wish.all_multicast,
    )


def _route_key(route: StaticRoute, ifname: Ifname, ifindex: Ifindex) -> routes.RouteKey:
    return routes.RouteKey(
        route.destination,
        gateway=route.gateway,
        oif=ifindex(ifname) if ifname else None,
        metric=route.metric,
        kind=_ROUTE_KINDS[route.kind],
        table=routes.TABLE_MAIN if route.table is None else route.table,
    )
