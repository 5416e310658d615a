"""How routes, gateways and settings of the IP stack are mended, with `ip` and `sysctl`."""

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.step_details import RouteChosen
from glassbridge.model.tables import Route
from glassbridge.model.topology import Link
from glassbridge.walk.fixes.gateways import default_gateway, deletion
from glassbridge.walk.fixes.mending import Case, Mending
from glassbridge.walk.fixes.networks import reconnect
from glassbridge.walk.path.wires import Misfit, misfit

_LOOSE = 2


def mend_sysctl(case: Case, value: int = 1) -> Mending:
    """The setting that the evidence names."""
    key = case.drop.subject
    return Mending(
        commands=(sysctl(case, key, value),), note=f"lasts until the next boot: {key} in sysctl.d"
    )


def sysctl(case: Case, key: str, value: int) -> str:
    """A link's name may hold a dot: then the key is written with slashes."""
    parts = key.replace("/", ".").split(".")
    links = sorted((k.ifname for k in case.stack.links if "." in k.ifname), key=len, reverse=True)
    for ifname in links:
        if f".{ifname}." in f"{key.replace('/', '.')}.":
            head, _, tail = key.replace("/", ".").partition(f".{ifname}.")
            return case.at("sysctl", "-w", f"{head.replace('.', '/')}/{ifname}/{tail}={value}")
    return case.at("sysctl", "-w", f"{'.'.join(parts)}={value}")


def mend_forwarding(case: Case) -> Mending:
    """The namespace becomes a router."""
    key = case.drop.subject or (
        "net.ipv4.ip_forward" if case.packet.version == 4 else "net.ipv6.conf.all.forwarding"  # noqa: PLR2004 - the IP version
    )
    return Mending(
        commands=(sysctl(case, key, 1),),
        note=f"lasts until the next boot; for good: {key}=1 in /etc/sysctl.d. Then trace again: "
        "behind a router more may be missing, as a masquerade",
    )


def mend_rp_filter(case: Case) -> Mending:
    """A source that is plugged in here needs its route, else the filter must be loose."""
    link, source = case.link(), case.packet.source
    if link is None:
        return mend_sysctl(case, _LOOSE)
    if _is_behind(case, source, link):
        replace = ("ip", "route", "replace", f"{source}/{source.max_prefixlen}", "dev", link.ifname)
        return Mending(
            commands=(case.at(*replace),), note=f"{source} is behind {link.ifname}: so is its route"
        )
    return Mending(
        commands=(sysctl(case, f"net.ipv4.conf.{link.ifname}.rp_filter", _LOOSE),),
        note="loose: any way back will do; the answer goes by another link",
    )


def _is_behind(case: Case, address: IPAddress, link: Link) -> bool:
    """Somebody on that link's cable, or on the bridge that it is, has the address."""
    ends = [link]
    if link.bridge is not None:
        ends = list(case.stack.ports(link.ifindex))
    for end in ends:
        far = case.snapshot.far_end(case.cookie, end)
        if far is None:
            continue
        there = case.stack_of(far[0])
        if any(a.ifindex == far[1] and a.interface.ip == address for a in there.addresses):
            return True
    return False


def mend_no_route(case: Case) -> Mending:
    """The link whose wire has the destination, else the gateway of a link's own bridge."""
    destination = case.packet.destination
    wrong = _misfit(case)
    if wrong is not None:
        return _mend_misfit(case, wrong)
    usable = [k for k in case.stack.links if k.is_up and not k.is_loopback and k.master is None]
    for link in usable:
        subnet = _subnet_on(case, link)
        if subnet is None and _is_behind(case, destination, link):
            subnet = f"{destination}/{destination.max_prefixlen}"
        if subnet is not None:
            return Mending(
                commands=(
                    case.at("ip", *_family(case), "route", "add", subnet, "dev", link.ifname),
                ),
                note=f"{destination} is behind {link.ifname}",
            )
    for link in usable:
        gateway = default_gateway(case, link)
        if gateway is not None:
            way = ("default", "via", str(gateway), "dev", link.ifname)
            return Mending(
                commands=(case.at("ip", *_family(case), "route", "add", *way),),
                note=f"{gateway} is the router on {link.ifname}'s wire",
            )
    return Mending(
        note=f"give {case.place.name} a route to {destination}: which router leads there cannot be "
        "read on this host"
    )


def _misfit(case: Case) -> Misfit | None:
    """Seen by whoever routed the packet, at the place that the drop names."""
    for cookie in dict.fromkeys(s.place.cookie for s in case.walk.steps):
        wrong = misfit(case.snapshot, cookie, case.packet.destination)
        if wrong is not None and (wrong.cookie, wrong.link.ifindex) == (
            case.cookie,
            case.place.ifindex,
        ):
            return wrong
    return None


def _mend_misfit(case: Case, wrong: Misfit) -> Mending:
    """The bridge's mask for who has another one; an address for who has none."""
    ifname, where = wrong.link.ifname, case.snapshot.call(wrong.cookie)
    if wrong.wanted is None:
        return Mending(note=f"give {ifname} of {where} an address in {wrong.subnet}")
    verb = ("ip", *_family(case), "address")
    commands = [case.at(*verb, "add", str(wrong.wanted), "dev", ifname, cookie=wrong.cookie)]
    if wrong.own is None:
        note = f"{where} is the router of {wrong.subnet} again"
    else:
        gone = (*verb, "del", str(wrong.own), "dev", ifname)
        commands.append(case.at(*gone, cookie=wrong.cookie))
        note = f"the mask of {wrong.bridge.ifname}; routes by the old address go with it"
    return Mending(commands=tuple(commands), note=note)


def _subnet_on(case: Case, link: Link) -> str | None:
    """A subnet of the link's own addresses that has the destination: its route was taken away."""
    return next(
        (
            str(a.interface.network)
            for a in case.stack.addresses
            if a.ifindex == link.ifindex and case.packet.destination in a.interface.network
        ),
        None,
    )


def _family(case: Case) -> tuple[str, ...]:
    return ("-6",) if case.packet.version == 6 else ()  # noqa: PLR2004 - the IP version


def mend_refused(case: Case) -> Mending:
    """The route that refuses goes, or the routing rule."""
    types = {
        Cause.ROUTE_BLACKHOLE: "blackhole",
        Cause.ROUTE_UNREACHABLE: "unreachable",
        Cause.ROUTE_PROHIBIT: "prohibit",
    }
    kind = types[case.drop.cause]
    route = _refusing(case, kind)
    if route is not None:
        return Mending(commands=(case.at(*deletion(route)),), note=f"takes out the {kind} route")
    rule = next(
        (r for r in case.stack.rules if r.action == kind and r.family == case.packet.version),
        None,
    )
    if rule is None:
        return Mending(note=f"find who made the {kind} route: ip route show table all")
    words = ("ip", *_family(case), "rule", "del", "priority", str(rule.priority))
    return Mending(commands=(case.at(*words),), note=f"takes out the rule that says {kind}")


def _refusing(case: Case, kind: str) -> Route | None:
    fitting = [
        r for r in case.stack.routes if r.type == kind and case.packet.destination in r.destination
    ]
    return max(fitting, key=lambda r: r.destination.prefixlen, default=None)


def mend_loop(case: Case) -> Mending:
    """The route by which a router sends away what is on a wire of its own, else the last one's."""
    ring = [
        (s.place.cookie, s.detail.route)
        for s in case.walk.steps
        if isinstance(s.detail, RouteChosen)
        and s.detail.is_forwarding
        and s.detail.route is not None
        and s.detail.route.gateway is not None
        and not s.detail.route.is_default
    ]
    if not ring:
        return Mending(note="two routers each send it to the other: one of the routes is wrong")
    at_home = [(cookie, route) for cookie, route in ring if _is_at_home(case, cookie, route)]
    cookie, route = (at_home or ring)[0]
    return Mending(
        commands=(case.at(*deletion(route), cookie=cookie),),
        note=f"takes out the route to {route.destination}, which leads in a circle",
    )


def _is_at_home(case: Case, cookie: int, wrong: Route) -> bool:
    """Without that route, the destination would be on one of its own links."""
    others = [
        r
        for r in case.stack_of(cookie).routes
        if case.packet.destination in r.destination and r != wrong
    ]
    best = max(others, key=lambda r: r.destination.prefixlen, default=None)
    return best is not None and best.gateway is None and best.type == "unicast"


def mend_martian(case: Case) -> Mending:
    """127.0.0.0/8 by a setting; one's own address is somebody's else by mistake."""
    if "route_localnet" in case.drop.subject:
        return mend_sysctl(case)
    return Mending(
        note=f"{case.packet.source} belongs to {case.place.name} itself, and comes in by a link: "
        "give the sender another address"
    )


def mend_ttl(_: Case) -> Mending:
    """The sender chose it."""
    return Mending(note="send it with a larger TTL; programs use 64 unless told otherwise")


def mend_ipv6_absent(case: Case) -> Mending:
    """A switched-off stack is switched on; where there is no address, the network must give one."""
    key = next(
        (
            k
            for k, v in case.stack.sysctls.items()
            if k.endswith("disable_ipv6") and v == "1" and _names(k, case)
        ),
        "",
    )
    if key:
        again = reconnect(case)
        switched = sysctl(case, key, 0)
        if again:
            return Mending(
                commands=(switched, *again), note="its addresses went when it was switched off"
            )
        return Mending(
            note=f"switch it on ({switched}), and give it the addresses that went with it"
        )
    return Mending(note="create the network with --ipv6, and connect the container again")


def _names(key: str, case: Case) -> bool:
    ifname = case.place.ifname or case.drop.subject
    return ".all." in key.replace("/", ".") or not ifname or ifname in key
