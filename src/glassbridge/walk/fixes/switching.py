"""How ports, bridges, cables and their MTUs are mended, with `ip` and `bridge`."""

from glassbridge.model.cause import Cause
from glassbridge.model.topology import Link
from glassbridge.walk.fixes.gateways import default_gateway
from glassbridge.walk.fixes.mending import Case, Mending

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
    is_flood = case.drop.cause is Cause.FLOOD_OFF
    proxy = _proxy(link) if is_flood else None
    if proxy is not None:
        switch, why = proxy
        words = (*_SET, port, "type", "bridge_slave", switch, "off")
        note = f"port {port} gets flooded frames again: with {switch} on it gets {why}"
        return Mending(commands=(case.at(*words),), note=note)
    flag = _floods(link) if is_flood else _FLAGS[case.drop.cause]
    note = f"turns {' '.join(flag)} at port {port}"
    bridge = case.stack.link(link.master) if link and link.master else None
    set_port = case.at("bridge", "link", "set", "dev", port, *flag)
    if case.drop.cause is Cause.PORT_BLOCKING and bridge and bridge.bridge and bridge.bridge.stp:
        without = case.at(*_SET, bridge.ifname, "type", "bridge", "stp_state", "0")
        return Mending(
            commands=(without, set_port),
            note=f"STP keeps {port} from forwarding: {bridge.ifname} goes on without it, which is "
            "right only where no cables make a ring; listening and learning end by themselves",
        )
    return Mending(commands=(set_port,), note=note)


def _proxy(link: Link | None) -> tuple[str, str] | None:
    """The switch by which others are answered for, where it is what keeps frames back; and how."""
    port = link.port if link is not None else None
    if port is None:
        return None
    if port.proxy_arp:
        return "proxy_arp", "none, and only what asks by it is answered in the place of others"
    floods = port.flood and port.broadcast_flood and port.multicast_flood
    if port.proxy_arp_wifi and floods and not port.neigh_suppress:
        return "proxy_arp_wifi", "no question that the bridge can answer in the place of others"
    return None


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
    closed = tuple(word for name, on in kinds.items() if not on for word in (name, "on"))
    return closed or ("neigh_suppress", "off")


def mend_link_down(case: Case) -> Mending:
    """Up, with all that hangs on it, and the default route that went when it went down."""
    link = case.link(case.drop.subject) or case.link()
    if link is None:
        return Mending(note=f"set {case.drop.subject or case.place.ifname} up")
    down = _dark(case, case.cookie, link)
    if not down:
        return Mending(note=f"{link.ifname} has no carrier: look at what it is plugged into")
    commands = [case.at(*_SET, k.ifname, "up", cookie=cookie) for cookie, k in down]
    note = f"sets {' and '.join(k.ifname for _, k in down)} up"
    for cookie, end in down:
        route = _lost_default(case, cookie, end)
        if route:
            commands.append(route)
            note += ", and gives back the default route that went with it"
    return Mending(commands=tuple(commands), note=note)


def _dark(case: Case, cookie: int, link: Link) -> list[tuple[int, Link]]:
    """What is down of a link, its bridge, its ports and the other ends of their cables."""
    stack = case.stack_of(cookie)
    near = [link]
    if link.master is not None and (master := stack.link(link.master)) is not None:
        near.append(master)
    if link.bridge is not None and link.is_up:
        near += stack.ports(link.ifindex)
    found = [(cookie, k) for k in near if not k.is_up]
    for end in near:
        far = case.snapshot.far_end(cookie, end)
        other = case.stack_of(far[0]).link(far[1]) if far else None
        if far is not None and other is not None and not other.is_up:
            found.append((far[0], other))
    return found


def _lost_default(case: Case, cookie: int, link: Link) -> str:
    """The kernel takes routes away with their link, and brings back only the connected ones."""
    version, stack = case.packet.version, case.stack_of(cookie)
    if any(r.is_default and r.destination.version == version for r in stack.routes):
        return ""
    if link.master is not None:
        return ""
    gateway = default_gateway(case, link, cookie)
    if gateway is None:
        return ""
    words = ("ip", "route", "add", "default", "via", str(gateway), "dev", link.ifname)
    return case.at(*words, cookie=cookie)


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
    note = f"both ends take packets of {wanted} bytes"
    if case.drop.cause in {Cause.MTU_ROUTED, Cause.MTU_BLACK_HOLE}:
        family = ("-6",) if case.packet.version == 6 else ()  # noqa: PLR2004 - the IP version
        words = ("ip", *family, "route", "flush", "cache")
        commands.append(case.at(*words, cookie=case.source.cookie))
        note += ", and the sender forgets the smaller size that it was told"
    return Mending(commands=tuple(commands), note=note)


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
