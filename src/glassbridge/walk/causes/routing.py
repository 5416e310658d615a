"""Packets that an IP stack refused: routes, settings, neighbours, sockets."""

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Transport
from glassbridge.model.step_details import NeighbourFound, RouteChosen, SocketFound
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.causes.scene import Scene
from glassbridge.walk.path.delivering import other_protocol
from glassbridge.walk.path.listening import has_room, mapped, overflow, takers
from glassbridge.walk.path.routing import flow_of, look_up
from glassbridge.walk.path.sysctls import forward_key, forwards, highest, key_of

_REFUSALS = {
    "blackhole": Cause.ROUTE_BLACKHOLE,
    "unreachable": Cause.ROUTE_UNREACHABLE,
    "prohibit": Cause.ROUTE_PROHIBIT,
}
_BY_ERRNO = {
    "EINVAL": Cause.ROUTE_BLACKHOLE,
    "EHOSTUNREACH": Cause.ROUTE_UNREACHABLE,
    "EACCES": Cause.ROUTE_PROHIBIT,
}


def no_route(scene: Scene) -> Drop | None:
    """The kernel said so, and the tables agree, or have changed since."""
    to = scene.packet.destination
    return scene.drop(
        Cause.NO_ROUTE,
        f"{scene.name} has no route to {to}",
        Fact(what=f"ip route get {to}", says="no route"),
        subject=str(to),
    )


def refused_route(scene: Scene) -> Drop | None:
    """A route or routing rule that says no."""
    chosen = look_up(scene.stack, flow_of(scene.packet))
    cause = _REFUSALS.get(chosen.refusal)
    if cause is None:
        cause = _BY_ERRNO.get(scene.errno)
    if cause is None:
        return None
    to = scene.packet.destination
    words = cause.value.removeprefix("ROUTE_").lower()
    return scene.drop(
        cause,
        f"{scene.name} refuses to route to {to}: {words}",
        Fact(what=f"ip route get {to}", says=chosen.refusal or scene.errno),
        subject=str(chosen.route.destination) if chosen.route is not None else "",
    )


def forwarding_off(scene: Scene) -> Drop | None:
    """The namespace is no router."""
    version, link = scene.packet.version, scene.link
    if link is None or forwards(scene.stack, link, version):
        return None
    key = forward_key(scene.stack, link, version)
    return scene.drop(
        Cause.IP_FORWARD_OFF if version == 4 else Cause.IP6_FORWARD_OFF,  # noqa: PLR2004 - the IP version
        f"{scene.name} does not forward IPv{version}: {scene.packet.destination} is not its own",
        Fact(what=f"sysctl {key}", says="0"),
        subject=key,
    )


def rp_filter(scene: Scene) -> Drop | None:
    """The way back to the source is another than by which it came."""
    link = scene.link
    if link is None:
        return None
    source = scene.packet.source
    return scene.drop(
        Cause.RP_FILTER,
        f"{scene.name} does not take {source} from {link.ifname}: its way back is another",
        Fact(
            what=f"sysctl {key_of(link, 'rp_filter')} (or all)",
            says=str(highest(scene.stack, link, "rp_filter")),
        ),
        link=link,
        subject=key_of(link, "rp_filter"),
    )


def martian(scene: Scene) -> Drop | None:
    """A source or destination that cannot be on that link."""
    link, packet = scene.link, scene.packet
    if link is None:
        return None
    loopback = packet.source.is_loopback or packet.destination.is_loopback
    key = key_of(link, "route_localnet") if loopback else ""
    return scene.drop(
        Cause.MARTIAN,
        f"{scene.name} takes nothing from {packet.source} to {packet.destination} by {link.ifname}",
        Fact(what="kernel", says=scene.event.reason if scene.event else "martian"),
        link=link,
        subject=key or str(packet.source),
    )


def ttl_exceeded(scene: Scene) -> Drop | None:
    """A ring of routers, if the TTL was not small."""
    ttl = scene.walk.steps[0].packet.ttl
    places = [s.place.cookie for s in scene.walk.request if isinstance(s.detail, RouteChosen)]
    if len(places) < ttl // 2 and ttl > len(places) + 1:
        return scene.drop(
            Cause.ROUTING_LOOP,
            f"it went in circles until its TTL of {ttl} ended at {scene.name}",
            Fact(what="TTL", says=str(ttl)),
            subject=str(scene.packet.destination),
        )
    return scene.drop(
        Cause.TTL_EXCEEDED,
        f"the packet's TTL of {ttl} ends at {scene.name}",
        Fact(what="TTL", says=str(ttl)),
    )


def mtu_of_way(scene: Scene) -> Drop | None:
    """Too large for the link by which it is routed on."""
    oif = scene.oif or scene.link
    if oif is None:
        return None
    is_sender = scene.cookie == scene.walk.steps[0].place.cookie
    return scene.drop(
        Cause.MTU_SENDER if is_sender else Cause.MTU_ROUTED,
        f"{scene.packet.length} bytes do not fit through {oif.ifname} of {scene.name}",
        Fact(what=f"MTU of {oif.ifname}", says=str(oif.mtu)),
        link=oif,
    )


def unanswered(scene: Scene) -> Drop | None:
    """Asked, and nobody answered."""
    detail = scene.step.detail
    address = detail.address if isinstance(detail, NeighbourFound) else scene.packet.destination
    link = scene.link or scene.oif
    ifname = link.ifname if link else "its link"
    gateway = next(
        (
            s.detail.gateway
            for s in reversed(scene.walk.steps[: scene.n + 1])
            if isinstance(s.detail, RouteChosen) and s.place.cookie == scene.cookie
        ),
        None,
    )
    is_gateway = gateway == address
    who = f"the gateway {address}" if is_gateway else str(address)
    return scene.drop(
        Cause.WRONG_GATEWAY if is_gateway else Cause.NEIGHBOUR_UNANSWERED,
        f"{who} does not answer on {ifname} of {scene.name}",
        Fact(what=f"who has {address}", says="asked, and nobody answered"),
        link=link,
        subject=str(address),
    )


def nobody_listens(scene: Scene) -> Drop | None:
    """No socket took it."""
    packet = scene.packet
    if packet.transport is Transport.ICMP:
        return None
    listening = [
        s
        for s in scene.stack.sockets
        if s.protocol.value == packet.transport.value and s.port == packet.destination_port
    ]
    service = f"{packet.destination_port}/{packet.transport.value}"
    cause = Cause.NO_LISTENER
    sentence = f"nothing in {scene.name} listens on {service}{other_protocol(scene.stack, packet)}"
    if listening and all(mapped(s.address).is_loopback for s in listening):
        cause = Cause.LOOPBACK_LISTENER
        sentence = (
            f"what listens on {service} in {scene.name} does so on {listening[0].address} only"
        )
    elif listening and all(
        not s.address.is_unspecified and mapped(s.address) != packet.destination for s in listening
    ):
        cause = Cause.OTHER_ADDRESS_LISTENER
        sentence = f"what listens on {service} in {scene.name} takes only {listening[0].address}"
    says = ", ".join(f"{s.address}" for s in listening) or "nothing"
    return scene.drop(
        cause, sentence, Fact(what=f"listening on {service}", says=says), subject=service
    )


def queue_full(scene: Scene) -> Drop | None:
    """Somebody listens, and accepts too slowly."""
    link, packet = scene.link, scene.packet
    is_at_socket = isinstance(scene.step.detail, SocketFound) or scene.event is not None
    if link is None or packet.transport is not Transport.TCP or not is_at_socket:
        return None
    on_port = (
        s
        for s in scene.stack.sockets
        if s.protocol.value == "tcp" and s.port == packet.destination_port
    )
    full = [s for s in takers(on_port, packet.destination, link) if not has_room(s)]
    if not full:
        return None
    return overflow(full[0], f"{packet.destination_port}/tcp", scene.place(link))


def ipv6_off(scene: Scene) -> Drop | None:
    """IPv6 is switched off there."""
    link = scene.link
    key = key_of(link, "disable_ipv6", 6) if link else "net.ipv6.conf.all.disable_ipv6"
    return scene.drop(
        Cause.IPV6_ABSENT,
        f"{scene.name} has no IPv6{f' on {link.ifname}' if link else ''}",
        Fact(what=f"sysctl {key}", says="1"),
        link=link,
        subject=key,
    )
