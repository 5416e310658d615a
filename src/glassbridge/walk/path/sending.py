"""A namespace's own packet: route, source address, the hooks output and postrouting.

Sources: ip_route_output_key_hash_rcu in net/ipv4/route.c, __ip_local_out in net/ipv4/ip_output.c,
ip_route_me_harder in net/ipv4/netfilter.c.
"""

from msgspec.structs import replace

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.step_details import RouteChosen
from glassbridge.model.topology import Link, Stack
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.path.no_route import no_route
from glassbridge.walk.path.passing import pass_ip_hook
from glassbridge.walk.path.routing import Chosen, flow_of, look_up
from glassbridge.walk.path.source_address import source_for
from glassbridge.walk.path.sysctls import highest
from glassbridge.walk.path.traveller import Addressed, Ground, Raised, Sending, Traveller, Unclear
from glassbridge.walk.path.versions import V4, V6

_DELIVERABLE = {"unicast", "local", "anycast"}


def send(ground: Ground, traveller: Traveller, station: Sending) -> Traveller:
    """Route, pass output, route again if that changed the destination, pass postrouting."""
    stack = ground.stack(traveller.cookie)
    chosen = look_up(
        stack,
        flow_of(traveller.packet, has_source=has_source(traveller.packet), uid=station.uid),
    )
    traveller = _choose_source(ground, traveller, chosen)
    traveller = tell_route(ground, traveller, chosen, _refusal(ground, traveller, chosen))
    if traveller.has_ended:
        return traveller
    before = traveller.packet
    traveller = pass_ip_hook(ground, traveller, "output", oif=_oif(chosen))
    if traveller.has_ended:
        return traveller
    if _is_rerouted(before, traveller.packet):
        again = look_up(stack, flow_of(traveller.packet, uid=station.uid))
        if _way(again) != _way(chosen):
            chosen = again
            traveller = tell_route(ground, traveller, again, _refusal(ground, traveller, again))
            if traveller.has_ended:
                return traveller
    return leave(ground, traveller, chosen)


def leave(
    ground: Ground, traveller: Traveller, chosen: Chosen, iif: Link | None = None
) -> Traveller:
    """Postrouting, and on to the link: of whoever's packet; one's own came in by no link.

    ip_output shows rules the link that a forwarded packet came in by.
    """
    oif = _oif(chosen)
    if chosen.type in {"local", "anycast"}:
        oif = next((k for k in ground.stack(traveller.cookie).links if k.is_loopback), oif)
    after = pass_ip_hook(ground, traveller, "postrouting", iif=iif, oif=oif)
    if after.has_ended:
        return after
    if oif.is_loopback:
        return after.at(Raised(link=oif))
    next_hop = chosen.gateway or after.packet.destination
    return after.at(Addressed(oif=oif, next_hop=next_hop, is_gateway=chosen.gateway is not None))


def has_source(packet: Packet) -> bool:
    """The unspecified address stands for one that routing has yet to choose."""
    return not packet.source.is_unspecified


def tell_route(
    ground: Ground,
    traveller: Traveller,
    chosen: Chosen,
    drop: Drop | None,
    *,
    iif: Link | None = None,
) -> Traveller:
    """The step of a routing decision."""
    detail = RouteChosen(
        route=chosen.route,
        rule=chosen.rule,
        gateway=chosen.gateway,
        oif=chosen.oif.ifindex if chosen.oif else None,
        oifname=chosen.oif.ifname if chosen.oif else "",
        source=traveller.packet.source if iif is None and not traveller.is_reply else None,
        is_forwarding=iif is not None,
        other_ways=chosen.other_ways,
    )
    assumed: tuple[str, ...] = ()
    if chosen.other_ways and drop is None:
        assumed = (f"of {chosen.other_ways + 1} equal ways the first is taken",)
    return traveller.then(
        ground.place(traveller.cookie, iif), detail, assumptions=assumed, drop=drop
    )


def _oif(chosen: Chosen) -> Link:
    if chosen.oif is None:
        raise Unclear(f"the route of type {chosen.type} names no link")
    return chosen.oif


def _choose_source(ground: Ground, traveller: Traveller, chosen: Chosen) -> Traveller:
    packet = traveller.packet
    if has_source(packet) or chosen.refusal:
        return traveller
    source = source_for(ground.stack(traveller.cookie), chosen, packet.destination)
    return traveller if source is None else traveller.with_packet(replace(packet, source=source))


def _way(chosen: Chosen) -> tuple[str, str, Link | None, IPAddress | None]:
    return chosen.refusal, chosen.type, chosen.oif, chosen.gateway


def _is_rerouted(before: Packet, after: Packet) -> bool:
    return (before.destination, before.mark) != (after.destination, after.mark)


def _refusal(ground: Ground, traveller: Traveller, chosen: Chosen) -> Drop | None:
    """Why the packet cannot leave by this route."""
    if chosen.refusal:
        return no_route(ground, traveller, chosen)
    if chosen.type not in _DELIVERABLE:
        to = traveller.packet.destination
        raise Unclear(f"{to} is {chosen.type}: only packets to one host are predicted")
    stack, packet, oif = ground.stack(traveller.cookie), traveller.packet, _oif(chosen)
    name = ground.snapshot.call(traveller.cookie)
    if not has_source(packet):
        return Drop(
            cause=Cause.IPV6_ABSENT if packet.version == V6 else Cause.NO_ROUTE,
            sentence=f"{name} has no address to send from by {oif.ifname}",
            evidence=(Fact(what=f"addresses of {name}", says=f"none of IPv{packet.version}"),),
            place=ground.place(traveller.cookie, oif),
            subject=oif.ifname,
        )
    if _is_stray_loopback(stack, packet, chosen, oif):
        return Drop(
            cause=Cause.MARTIAN,
            sentence=f"{name} does not send from {packet.source} by {oif.ifname}",
            evidence=(Fact(what=f"sysctl net.ipv4.conf.{oif.ifname}.route_localnet", says="0"),),
            place=ground.place(traveller.cookie, oif),
            subject=f"net.ipv4.conf.{oif.ifname}.route_localnet",
        )
    return _too_large(ground, traveller, chosen, oif)


def _is_stray_loopback(stack: Stack, packet: Packet, chosen: Chosen, oif: Link) -> bool:
    """127.0.0.0/8 leaves the namespace only by links that were told so (__mkroute_output)."""
    return (
        packet.version == V4
        and packet.source.is_loopback
        and chosen.type != "local"
        and not oif.is_loopback
        and not highest(stack, oif, "route_localnet")
    )


def mtu_of(chosen: Chosen, oif: Link) -> int:
    """The route's own, else the link's."""
    return (chosen.route.mtu if chosen.route is not None else None) or oif.mtu


def _too_large(ground: Ground, traveller: Traveller, chosen: Chosen, oif: Link) -> Drop | None:
    packet, mtu = traveller.packet, mtu_of(chosen, oif)
    if chosen.type == "local" or packet.transport is Transport.TCP:
        return None  # TCP cuts its segments to fit
    if packet.length <= mtu or not packet.dont_fragment:
        return None
    name = ground.snapshot.call(traveller.cookie)
    return Drop(
        cause=Cause.MTU_SENDER,
        sentence=f"{packet.length} bytes do not fit through {oif.ifname} of {name}",
        evidence=(Fact(what=f"MTU of {oif.ifname}", says=str(mtu)),),
        place=ground.place(traveller.cookie, oif),
        subject=oif.ifname,
    )
