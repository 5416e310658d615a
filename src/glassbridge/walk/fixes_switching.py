"""How ports, bridges, cables and their MTUs are mended, with `ip` and `bridge`."""

from glassbridge.model.topology import Link
from glassbridge.model.walk import Cause
from glassbridge.walk.fixes_routing import default_gateway
from glassbridge.walk.mending import Case, Mending

_FORWARDING = "3"
"""BR_STATE_FORWARDING: older versions of `bridge` take only the number."""

_SET = ("ip", "link", "set", "dev")

_FLAGS = {
    Cause.PORT_ISOLATED: ("isolated", "off"),
    Cause.PORT_LOCKED: ("locked", "off"),
    Cause.PORT_BLOCKING: ("state", _FORWARDING),
    Cause.HAIRPIN_OFF: ("hairpin", "on"),
}


def mend_port(case: Case) -> Mending:
    """One flag of a bridge port."""
    port = case.drop.subject or case.place.ifname
    link = case.link(port)
    flag = _floods(link) if case.drop.cause is Cause.FLOOD_OFF else _FLAGS[case.drop.cause]
    note = f"sets {' '.join(flag)} on port {port}"
    bridge = case.stack.link(link.master) if link and link.master else None
    if case.drop.cause is Cause.PORT_BLOCKING and bridge and bridge.bridge and bridge.bridge.stp:
        return Mending(
            commands=(case.at(*_SET, bridge.ifname, "type", "bridge", "stp_state", "0"),),
            note=f"STP keeps {port} from forwarding: {bridge.ifname} goes on without it, which is "
            "right only where no cable makes a ring",
        )
    return Mending(commands=(case.at("bridge", "link", "set", "dev", port, *flag),), note=note)


def _floods(link: Link | None) -> tuple[str, ...]:
    """Every kind of flooding that is off."""
    port = link.port if link is not None else None
    if port is None:
        return ("flood", "on")
    kinds = {
        "flood": port.flood,
        "bcast_flood": port.broadcast_flood,
        "mcast_flood": port.multicast_flood,
    }
    return tuple(word for name, on in kinds.items() if not on for word in (name, "on"))


def mend_link_down(case: Case) -> Mending:
    """Up, with the default route that went when it went down."""
    link = case.link(case.drop.subject) or case.link()
    if link is None:
        return Mending(note=f"set {case.drop.subject or case.place.ifname} up")
    commands = []
    if not link.is_up:
        commands.append(case.at(*_SET, link.ifname, "up"))
    far = case.snapshot.far_end(case.cookie, link)
    other = case.stack_of(far[0]).link(far[1]) if far else None
    if far is not None and other is not None and not other.is_up:
        commands.append(case.at(*_SET, other.ifname, "up", cookie=far[0]))
    note = f"sets {link.ifname} up"
    route = _lost_default(case, link)
    if route:
        commands.append(route)
        note += ", and gives back the default route that went with it"
    if not commands:
        return Mending(note=f"{link.ifname} has no carrier: look at what it is plugged into")
    return Mending(commands=tuple(commands), note=note)


def _lost_default(case: Case, link: Link) -> str:
    """The kernel takes routes away with their link, and brings back only the connected ones."""
    version = case.packet.version
    if any(r.is_default and r.destination.version == version for r in case.stack.routes):
        return ""
    own = [a for a in case.stack.addresses if a.ifindex == link.ifindex]
    far = case.packet.destination if case.cookie == case.source.cookie else case.packet.source
    if link.master is not None or any(far in a.interface.network for a in own):
        return ""
    gateway = default_gateway(case, link)
    if gateway is None:
        return ""
    return case.at("ip", "route", "add", "default", "via", str(gateway), "dev", link.ifname)


def mend_mtu(case: Case) -> Mending:
    """The narrow link becomes as wide as the packet, at both ends of its cable."""
    link = case.link(case.drop.subject) or case.link()
    wanted = max(case.packet.length, _sender_mtu(case))
    if link is None:
        return Mending(note=f"raise the MTU on the way to {wanted}")
    if link.kind not in {"veth", "bridge"} and link.peer is None:
        return Mending(
            note=f"{link.ifname} leads out of this host: its MTU is what the way takes; create "
            f"the network with -o com.docker.network.driver.mtu={link.mtu}"
        )
    commands = []
    far = case.snapshot.far_end(case.cookie, link)
    other = case.stack_of(far[0]).link(far[1]) if far else None
    if link.mtu < wanted:
        commands.append(case.at(*_SET, link.ifname, "mtu", wanted))
    if far is not None and other is not None and other.mtu < wanted:
        words = (*_SET, other.ifname, "mtu", wanted)
        commands.append(case.at(*words, cookie=far[0]))
    return Mending(commands=tuple(commands), note=f"both ends take packets of {wanted} octets")


def _sender_mtu(case: Case) -> int:
    link = case.stack_of(case.source.cookie).link(case.source.ifindex or 0)
    return link.mtu if link is not None and not link.is_loopback else 0


def mend_fdb(case: Case) -> Mending:
    """The bridge learns where the MAC really is from its next frame; until then it floods."""
    home = case.stack
    mac = case.drop.subject
    for entry in home.fdb:
        if str(entry.mac) == mac and not entry.is_local and entry.bridge is not None:
            port = home.link(entry.ifindex)
            if port is not None:
                return Mending(
                    commands=(case.at("bridge", "fdb", "del", mac, "dev", port.ifname, "master"),),
                    note=f"takes out the entry that somebody wrote for {mac}",
                )
    return Mending(note=f"find who wrote the entry for {mac}: bridge fdb show")
