"""Why routing refuses a packet: a route that says so, or none, and then what is missing."""

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.tables import Route, table_name
from glassbridge.model.topology import Link, Stack
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.path.routing import Chosen
from glassbridge.walk.path.sysctls import has_ipv6
from glassbridge.walk.path.traveller import Ground, Traveller
from glassbridge.walk.path.versions import V6
from glassbridge.walk.path.wires import Misfit, internal_network, misfit

_CAUSES = {
    "blackhole": Cause.ROUTE_BLACKHOLE,
    "unreachable": Cause.ROUTE_UNREACHABLE,
    "prohibit": Cause.ROUTE_PROHIBIT,
}


def no_route(ground: Ground, traveller: Traveller, chosen: Chosen) -> Drop:
    """The cause, of a packet of one's own or one to be forwarded."""
    if chosen.refusal in _CAUSES:
        return _said_so(ground, traveller, chosen)
    stack = ground.stack(traveller.cookie)
    packet = traveller.packet
    name = ground.snapshot.call(traveller.cookie)
    place = ground.place(traveller.cookie)
    cables = [k for k in stack.links if not k.is_loopback]
    if not cables:
        return Drop(
            cause=Cause.NO_CABLE,
            sentence=f"{name} has no link that leads anywhere",
            evidence=(Fact(what=f"links of {name}", says="lo only"),),
            place=place,
        )
    if packet.version == V6 and not _has_ipv6_address(stack):
        off = [k.ifname for k in cables if not has_ipv6(stack, k)]
        says = f"switched off on {', '.join(off)}" if off else "no address"
        return Drop(
            cause=Cause.IPV6_ABSENT,
            sentence=f"{name} has no IPv6",
            evidence=(Fact(what=f"IPv6 of {name}", says=says),),
            place=place,
            subject=off[0] if off else "",
        )
    down = _would_lead(stack, traveller)
    if down is not None:
        return Drop(
            cause=Cause.LINK_DOWN,
            sentence=f"{down.ifname} of {name}, which leads there, is down",
            evidence=(Fact(what=f"link {down.ifname} of {name}", says="down"),),
            place=ground.place(traveller.cookie, down),
            subject=down.ifname,
        )
    return _left_out(ground, traveller)


def _left_out(ground: Ground, traveller: Traveller) -> Drop:
    """No route: one's own subnet is wrong, the network has no way out, or a route is missing."""
    stack, packet = ground.stack(traveller.cookie), traveller.packet
    name, place = ground.snapshot.call(traveller.cookie), ground.place(traveller.cookie)
    wrong = misfit(ground.snapshot, traveller.cookie, packet.destination)
    if wrong is not None:
        return misfitted(ground, wrong, packet.destination)
    inner = internal_network(ground.snapshot, traveller.cookie)
    if inner is not None:
        return Drop(
            cause=Cause.INTERNAL_NETWORK,
            sentence=f"network {inner.name} is internal: no way out",
            evidence=(
                Fact(what=f"network {inner.name}", says="internal"),
                Fact(what=f"routes of {name}", says=_summary(stack, packet.version)),
            ),
            place=place,
            subject=inner.name,
        )
    return Drop(
        cause=Cause.NO_ROUTE,
        sentence=f"{name} has no route to {_called(ground, traveller)}",
        evidence=(
            Fact(what=f"ip route get {packet.destination}", says="no route"),
            Fact(what=f"routes of {name}", says=_summary(stack, packet.version)),
        ),
        place=place,
        subject=str(packet.destination),
    )


def misfitted(ground: Ground, wrong: Misfit, destination: IPAddress) -> Drop:
    """A mask that leaves a neighbour out, a foreign subnet, or a bridge without an address."""
    name, bridge = ground.snapshot.call(wrong.cookie), wrong.bridge.ifname
    owner = ground.snapshot.owner_of(destination)
    whom = f"{owner} ({destination})" if owner else str(destination)
    if wrong.own is None:
        sentence = f"{bridge} has no address in {wrong.subnet}, the subnet of {whom}"
    elif wrong.wanted is not None:
        mask = wrong.own.network.prefixlen
        sentence = f"{name}'s mask /{mask} leaves {whom} out; {bridge} is {wrong.subnet}"
    else:
        sentence = f"{name} has {wrong.own}, and {bridge}, its bridge, is {wrong.subnet}"
    return Drop(
        cause=Cause.NO_ROUTE,
        sentence=sentence,
        evidence=(
            Fact(what=f"addresses of {wrong.link.ifname} of {name}", says=str(wrong.own or "none")),
            Fact(what=f"{wrong.link.ifname} of {name} is on", says=f"{bridge}, {wrong.subnet}"),
        ),
        place=ground.place(wrong.cookie, wrong.link),
        subject=str(destination),
    )


def _said_so(ground: Ground, traveller: Traveller, chosen: Chosen) -> Drop:
    name = ground.snapshot.call(traveller.cookie)
    if chosen.route is not None:
        says = (
            f"{chosen.refusal} {chosen.route.destination}, table {table_name(chosen.route.table)}"
        )
        subject = str(chosen.route.destination)
    else:
        assert chosen.rule is not None
        says = f"rule of priority {chosen.rule.priority}: {chosen.refusal}"
        subject = str(chosen.rule.priority)
    return Drop(
        cause=_CAUSES[chosen.refusal],
        sentence=f"{name} refuses to route to {_called(ground, traveller)}: {says}",
        evidence=(Fact(what="route" if chosen.route is not None else "routing rule", says=says),),
        place=ground.place(traveller.cookie),
        subject=subject,
    )


def _has_ipv6_address(stack: Stack) -> bool:
    return any(
        a.interface.version == V6
        and not a.interface.ip.is_loopback
        and not a.interface.ip.is_link_local
        for a in stack.addresses
    )


def _would_lead(stack: Stack, traveller: Traveller) -> Link | None:
    """A link that is down, with a subnet that holds the destination; or the only cable."""
    destination = traveller.packet.destination
    down = {k.ifindex: k for k in stack.links if not k.is_up and not k.is_loopback}
    for address in stack.addresses:
        if address.ifindex in down and destination in address.interface.network:
            return down[address.ifindex]
    up = [k for k in stack.links if k.is_up and not k.is_loopback]
    return next(iter(down.values())) if down and not up else None


def _called(ground: Ground, traveller: Traveller) -> str:
    destination = traveller.packet.destination
    owner = ground.snapshot.owner_of(destination)
    return f"{owner} ({destination})" if owner else str(destination)


def _summary(stack: Stack, version: int) -> str:
    routes = [r for r in stack.routes if r.destination.version == version]
    return ", ".join(_words(stack, r) for r in routes[:5]) or "none"


def _words(stack: Stack, route: Route) -> str:
    link = stack.link(route.oif) if route.oif is not None else None
    to = "default" if route.is_default else str(route.destination)
    via = f" via {route.gateway}" if route.gateway is not None else ""
    return f"{to}{via}{f' dev {link.ifname}' if link else ''}"
