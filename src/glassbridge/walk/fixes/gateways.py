"""Gateways: who routes on a wire, and what becomes of a route that leads to nobody who does."""

from ipaddress import ip_interface

from msgspec.structs import replace

from glassbridge.model.address import IPAddress
from glassbridge.model.step_details import RouteChosen
from glassbridge.model.tables import TABLE_MAIN, NextHop, Route
from glassbridge.model.topology import Link, Stack
from glassbridge.model.walk import Step
from glassbridge.walk.fixes.mending import Case, Mending
from glassbridge.walk.path.routing import OWN, flow_of, look_up
from glassbridge.walk.path.sysctls import forwards
from glassbridge.walk.path.traveller import Unclear


def default_gateway(case: Case, link: Link, cookie: int | None = None) -> IPAddress | None:
    """The address, on the other side of a cable, of who routes there: the bridge, or the peer.

    The link is of the namespace where it is to be mended, or of another. Out of an internal network
    nobody routes; that the host forwards is its task, whatever it does now.
    """
    here = case.cookie if cookie is None else cookie
    far = case.snapshot.far_end(here, link)
    if far is None:
        return None
    there = case.stack_of(far[0])
    peer = there.link(far[1])
    router = peer if peer is None or peer.master is None else there.link(peer.master)
    if router is None or not _routes(case, far[0], there, router):
        return None
    own = case.stack_of(here).addresses
    mine = [a.interface.network for a in own if a.ifindex == link.ifindex]
    return next(
        (
            a.interface.ip
            for a in there.addresses
            if a.ifindex == router.ifindex
            and a.interface.version == case.packet.version
            and any(a.interface.ip in n for n in mine)
        ),
        None,
    )


def _routes(case: Case, cookie: int, there: Stack, link: Link) -> bool:
    if cookie != case.snapshot.home:
        return forwards(there, link, case.packet.version)
    return not any(n.internal and n.bridge == link.ifname for n in case.snapshot.networks)


def mend_gateway(case: Case) -> Mending:
    """The route goes that leads off from a wire of its own; else it leads to who really routes."""
    step = _misrouted(case)
    if step is None or not isinstance(step.detail, RouteChosen) or step.detail.route is None:
        return _unmended(case)
    detail, route = step.detail, step.detail.route
    home = _taken_from(case, step, route)
    if home is not None:
        return Mending(
            commands=(case.at(*removal(route, case.stack)),),
            note=f"takes out the route, which takes {route.destination} away from {home.ifname}",
        )
    if route.next_hops:
        return _fewer_ways(case, route, detail.gateway)
    link = case.stack.link(detail.oif) if detail.oif is not None else None
    gateway = default_gateway(case, link) if link is not None else None
    if link is None or gateway is None or gateway == detail.gateway:
        return _unmended(case, route)
    words = (*_family(route), "route", "replace", _target(route), "via", str(gateway))
    command = case.at("ip", *words, "dev", link.ifname, *_which(route))
    return Mending(commands=(command,), note=f"{gateway} is the router on that wire")


def _misrouted(case: Case) -> Step | None:
    """The step that chose the gateway."""
    return next(
        (
            s
            for s in reversed(case.walk.steps)
            if isinstance(s.detail, RouteChosen)
            and s.place.cookie == case.cookie
            and str(s.detail.gateway) == case.drop.subject
        ),
        None,
    )


def _taken_from(case: Case, step: Step, route: Route) -> Link | None:
    """The link behind which the packet's destination would be if that route were not.

    Who wrote a default route, or one of a table of its own, meant more than this destination.
    """
    if route.is_default or route.table != TABLE_MAIN:
        return None
    stack = case.stack
    rest = replace(stack, routes=tuple(r for r in stack.routes if r != route))
    is_forwarding = isinstance(step.detail, RouteChosen) and step.detail.is_forwarding
    iif = step.place.ifname if is_forwarding else OWN
    try:
        chosen = look_up(rest, flow_of(step.packet, iif=iif))
    except Unclear:
        return None
    return None if chosen.refusal or chosen.gateway is not None else chosen.oif


def _fewer_ways(case: Case, route: Route, broken: IPAddress | None) -> Mending:
    """Of several ways all but the one that ends there."""
    ways = [hop for hop in route.next_hops if hop.gateway != broken]
    if not ways:
        return _unmended(case, route)
    words: list[str] = []
    for hop in ways:
        words += ("nexthop", *_way(case.stack, hop)) if len(ways) > 1 else _way(case.stack, hop)
    which = _which(route)
    command = case.at("ip", *_family(route), "route", "replace", _target(route), *which, *words)
    return Mending(commands=(command,), note=f"leaves out the way by {broken}")


def _way(stack: Stack, hop: NextHop) -> list[str]:
    via = ["via", str(hop.gateway)] if hop.gateway is not None else []
    link = stack.link(hop.oif) if hop.oif is not None else None
    return [*via, *(["dev", link.ifname] if link is not None else [])]


def _unmended(case: Case, route: Route | None = None) -> Mending:
    """Who wrote the route has to say what was meant."""
    subject = case.drop.subject
    missing = _missing_address(case, route)
    if missing is not None:
        return missing
    if route is None:
        return Mending(note=f"{subject} is no router: name one that is (ip route replace)")
    owner = case.snapshot.owner_of(route.gateway) if route.gateway is not None else ""
    door = f"let {owner} forward, or " if owner else ""
    words = " ".join(map(str, removal(route, case.stack)))
    return Mending(
        note=f"{subject} is no router, and no other is on that wire: {door}take the route out "
        f"({words}), or name a router that is one"
    )


def _missing_address(case: Case, route: Route | None) -> Mending | None:
    """The bridge that should be the gateway has no address in the subnet."""
    link = case.link()
    far = case.snapshot.far_end(case.cookie, link) if link is not None else None
    if link is None or far is None or route is None or route.gateway is None:
        return None
    there = case.stack_of(far[0])
    peer = there.link(far[1])
    bridge = there.link(peer.master) if peer is not None and peer.master is not None else None
    if bridge is None or bridge.bridge is None or case.snapshot.owner_of(route.gateway):
        return None
    version = route.gateway.version
    if any(
        a.ifindex == bridge.ifindex and a.interface.version == version and a.scope == "global"
        for a in there.addresses
    ):
        return None
    lengths = [
        a.interface.network.prefixlen
        for a in case.stack.addresses
        if a.ifindex == link.ifindex and route.gateway in a.interface.network
    ]
    if not lengths:
        return None
    lost = ip_interface(f"{route.gateway}/{lengths[0]}")
    command = case.at("ip", "addr", "add", str(lost), "dev", bridge.ifname, cookie=far[0])
    return Mending(
        commands=(command,), note=f"{bridge.ifname} has no address, and {lost.ip} is wanted there"
    )


def deletion(route: Route) -> tuple[str | int, ...]:
    """The command that takes a route out."""
    kind = () if route.type == "unicast" else (route.type,)
    via: tuple[str | int, ...] = () if route.gateway is None else ("via", str(route.gateway))
    table = _table(route)
    return ("ip", *_family(route), "route", "del", *kind, str(route.destination), *via, *table)


def removal(route: Route, stack: Stack) -> tuple[str | int, ...]:
    """The same, and no other route to the same destination."""
    link = stack.link(route.oif) if route.oif is not None else None
    dev = () if link is None else ("dev", link.ifname)
    metric = ("metric", route.metric) if route.metric else ()
    return (*deletion(route), *dev, *metric)


def _family(route: Route) -> tuple[str, ...]:
    return ("-6",) if route.destination.version == 6 else ()  # noqa: PLR2004 - the IP version


def _target(route: Route) -> str:
    return "default" if route.is_default else str(route.destination)


def _table(route: Route) -> tuple[str | int, ...]:
    return () if route.table == TABLE_MAIN else ("table", route.table)


def _which(route: Route) -> tuple[str | int, ...]:
    """By table and metric `ip route replace` finds the route; without them it makes another."""
    return (*_table(route), *(("metric", route.metric) if route.metric else ()))
