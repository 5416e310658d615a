"""A packet that a link hands up: prerouting, then for the namespace itself, or to be routed on.

Sources: ip_rcv_finish_core and ip_local_deliver in net/ipv4/ip_input.c, ip_route_input_slow in
net/ipv4/route.c, ip_forward in net/ipv4/ip_forward.c, ip6_forward in net/ipv6/ip6_output.c.
"""

from msgspec.structs import replace

from glassbridge.model.cause import Cause
from glassbridge.model.step_details import Received, RouteChosen
from glassbridge.model.topology import Link
from glassbridge.model.walk import Drop, Expected, Fact
from glassbridge.walk.path.no_route import no_route
from glassbridge.walk.path.passing import pass_ip_hook
from glassbridge.walk.path.routing import Chosen, flow_of, look_up
from glassbridge.walk.path.sending import leave, mtu_of, tell_route
from glassbridge.walk.path.sysctls import forward_key, forwards, has_ipv6
from glassbridge.walk.path.traveller import (
    Delivered,
    Ground,
    Raised,
    Traveller,
    Unclear,
    incoming,
    outgoing,
)
from glassbridge.walk.path.validity import invalid
from glassbridge.walk.path.versions import V4, V6


def receive(ground: Ground, traveller: Traveller, station: Raised) -> Traveller:
    """Prerouting, the routing decision, and what follows from it."""
    link = station.link
    if not station.is_prerouted:
        traveller = pass_ip_hook(ground, traveller, "prerouting", iif=link)
        if traveller.has_ended:
            return traveller
    if link.is_loopback:
        return _deliver(ground, traveller, link, None)
    stack, packet = ground.stack(traveller.cookie), traveller.packet
    if packet.version == V6 and not has_ipv6(stack, link):
        return _deliver(ground, traveller, link, invalid(ground, traveller, link))
    chosen = look_up(stack, flow_of(packet, iif=link.ifname))
    if chosen.type in {"local", "anycast"}:
        return _deliver(ground, traveller, link, invalid(ground, traveller, link))
    return _forward(ground, traveller, link, chosen)


def _deliver(ground: Ground, traveller: Traveller, link: Link, drop: Drop | None) -> Traveller:
    place = ground.place(traveller.cookie, link)
    expected: tuple[Expected, ...] = ()
    if link.is_loopback:
        expected = outgoing(traveller.cookie, link), incoming(traveller.cookie, link)
    received = Received(address=traveller.packet.destination)
    if drop is not None:
        return traveller.then(place, received, drop=drop)
    if not traveller.is_reply:  # an answer ends here: it is received when the hook has let it in
        traveller = traveller.then(place, received, expected=expected)
    traveller = pass_ip_hook(ground, traveller, "input", iif=link)
    return traveller if traveller.has_ended else traveller.at(Delivered(link=link))


def _forward(ground: Ground, traveller: Traveller, link: Link, chosen: Chosen) -> Traveller:
    tracking = traveller.tracking.get(traveller.cookie)
    if tracking is not None and tracking.is_offloaded:
        name = ground.snapshot.call(traveller.cookie)
        raise Unclear(
            f"{name} has this connection in a flowtable (conntrack: OFFLOAD): its packets pass by"
            " the hooks of forwarding; glassbridge does not evaluate flowtables"
        )
    drop = _why_not_routed(ground, traveller, link, chosen)
    if drop is None and _came_by(traveller, link):
        drop = _loop(ground, traveller)
    if drop is None and traveller.packet.version == V4:
        traveller = _one_hop_less(traveller)
    routed = tell_route(ground, traveller, chosen, drop, iif=link)
    if routed.has_ended:
        return routed
    if chosen.oif is None:
        raise Unclear(f"the route of type {chosen.type} names no link")
    if routed.packet.version == V6:
        routed = _one_hop_less(routed)
    routed = pass_ip_hook(ground, routed, "forward", iif=link, oif=chosen.oif)
    if routed.has_ended:
        return routed
    if routed.packet.length > mtu_of(chosen, chosen.oif):
        # the sender allows fragments: what goes on is the largest of them
        routed = routed.with_packet(replace(routed.packet, length=mtu_of(chosen, chosen.oif)))
    return leave(ground, routed, chosen, link)


def _one_hop_less(traveller: Traveller) -> Traveller:
    return traveller.with_packet(replace(traveller.packet, ttl=traveller.packet.ttl - 1))


def _why_not_routed(
    ground: Ground, traveller: Traveller, link: Link, chosen: Chosen
) -> Drop | None:
    """In the kernel's order: forwarding, the source's validity, TTL, size."""
    stack, packet = ground.stack(traveller.cookie), traveller.packet
    if chosen.refusal in {"blackhole", "unreachable", "prohibit"}:
        return no_route(ground, traveller, chosen)
    if not forwards(stack, link, packet.version):
        return _forwarding_off(ground, traveller, link)
    if chosen.refusal:
        return no_route(ground, traveller, chosen)
    if chosen.type != "unicast":
        raise Unclear(f"{packet.destination} is reached by a route of type {chosen.type}")
    return (
        invalid(ground, traveller, link)
        or _expired(ground, traveller)
        or _too_large(ground, traveller, chosen)
    )


def _forwarding_off(ground: Ground, traveller: Traveller, link: Link) -> Drop:
    packet = traveller.packet
    name = ground.snapshot.call(traveller.cookie)
    key = forward_key(ground.stack(traveller.cookie), link, packet.version)
    is4 = packet.version == V4
    return Drop(
        cause=Cause.IP_FORWARD_OFF if is4 else Cause.IP6_FORWARD_OFF,
        sentence=f"{name} does not forward IPv{packet.version},"
        f" and {packet.destination} is not its own",
        evidence=(Fact(what=f"sysctl {key}", says="0"),),
        place=ground.place(traveller.cookie),
        subject=key,
    )


def _expired(ground: Ground, traveller: Traveller) -> Drop | None:
    if traveller.packet.ttl > 1:
        return None
    name = ground.snapshot.call(traveller.cookie)
    word = "TTL" if traveller.packet.version == V4 else "hop limit"
    return Drop(
        cause=Cause.TTL_EXCEEDED,
        sentence=f"the packet's {word} ends at {name}",
        evidence=(Fact(what=word, says=str(traveller.packet.ttl)),),
        place=ground.place(traveller.cookie),
    )


def _too_large(ground: Ground, traveller: Traveller, chosen: Chosen) -> Drop | None:
    packet, oif = traveller.packet, chosen.oif
    if oif is None or packet.length <= mtu_of(chosen, oif):
        return None
    if packet.version == V4 and not packet.dont_fragment:
        return None
    name = ground.snapshot.call(traveller.cookie)
    return Drop(
        cause=Cause.MTU_ROUTED,
        sentence=f"{packet.length} bytes do not fit through {oif.ifname} of {name},"
        " and may not be cut",
        evidence=(
            Fact(what=f"MTU towards {packet.destination}", says=str(mtu_of(chosen, oif))),
            Fact(what="packet", says=f"{packet.length} bytes, don't fragment"),
        ),
        place=ground.place(traveller.cookie, oif),
        subject=oif.ifname,
    )


def _came_by(traveller: Traveller, link: Link) -> bool:
    """The same packet was routed here before, in by the same link: it goes in circles."""
    packet = traveller.packet
    return any(
        isinstance(step.detail, RouteChosen)
        and step.detail.is_forwarding
        and step.is_reply == traveller.is_reply
        and (step.place.cookie, step.place.ifindex) == (traveller.cookie, link.ifindex)
        and (step.packet.source, step.packet.destination) == (packet.source, packet.destination)
        for step in traveller.steps
    )


def _loop(ground: Ground, traveller: Traveller) -> Drop:
    path = [
        s.place.name
        for s in traveller.steps
        if isinstance(s.detail, RouteChosen)
        and s.detail.is_forwarding
        and s.is_reply == traveller.is_reply
    ]
    here = ground.snapshot.call(traveller.cookie)
    return Drop(
        cause=Cause.ROUTING_LOOP,
        sentence=f"it has been routed by {here} before: it goes in circles until its TTL ends",
        evidence=(Fact(what="routed by", says=" -> ".join((*path, here))),),
        place=ground.place(traveller.cookie),
        subject=str(traveller.packet.destination),
    )
