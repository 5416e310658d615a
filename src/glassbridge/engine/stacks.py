"""Read-only views of any network stack and any bridge, ours or not, live or out of a file."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from glassbridge.engine.targets import Surveyed
from glassbridge.errors import NotFound
from glassbridge.model.printed_rules import PrintedRules
from glassbridge.model.topology import Link, Stack, Switch

HOST = "the host"


class Cable(Struct, frozen=True, kw_only=True):
    """A veth pair as seen from one of its ends."""

    ifname: str
    """This end."""
    place: str = ""
    """Whose namespace the other end is in; empty: it cannot be found."""
    far_end: str = ""
    far_mac: str = ""
    bridge: str = ""
    """The bridge that the other end is a port of."""
    bridge_mac: str = ""
    port: int | None = None


class StackReport(Struct, frozen=True, kw_only=True):
    """One namespace: its stack, where its cables lead, its rules, and names for what is in it."""

    name: str
    stack: Stack
    cables: tuple[Cable, ...] = ()
    names: dict[str, str] = {}
    """Whose an address or a MAC is."""
    rulesets: tuple[PrintedRules, ...] = ()


class BridgeReport(Struct, frozen=True, kw_only=True):
    """One bridge: ports, FDB, and whose the other ends are."""

    switch: Switch
    cables: tuple[Cable, ...] = ()
    names: dict[str, str] = {}


def look_at_stack(target: str, surveyed: Surveyed) -> StackReport:
    """Show the stack of NAME, pid:N, netns:PATH or host; raises NotFound when it is not there."""
    found = surveyed.resolve(target)
    if found.cookie is None:
        raise NotFound(f"{target} is not on this host, so its network stack cannot be seen")
    surveyed.name_owners(found.cookie)
    stack = surveyed.snapshot.namespaces[found.cookie].stack
    cables = _cables(surveyed, found.cookie, stack.links)
    is_home = found.cookie == surveyed.snapshot.home
    return StackReport(
        name=HOST if is_home and target == "host" else found.name,
        stack=stack,
        cables=cables,
        names=_names(surveyed, cables),
        rulesets=surveyed.printed_rules(found.cookie),
    )


def look_at_bridges(name: str, surveyed: Surveyed) -> tuple[BridgeReport, ...]:
    """Show one bridge of the host, or all when no name is given; raises NotFound."""
    home = surveyed.snapshot.home
    surveyed.read([home])
    stack = surveyed.snapshot.namespaces[home].stack
    bridges = [_bridge(stack, name)] if name else [k for k in stack.links if k.bridge is not None]
    return tuple(_report(surveyed, stack, bridge) for bridge in bridges)


def _bridge(stack: Stack, ifname: str) -> Link:
    link = next((k for k in stack.links if ifname in (k.ifname, *k.altnames)), None)
    if link is None:
        raise NotFound(f"link {ifname} does not exist", hint="see the bridges: glassbridge bridge")
    if link.bridge is None:
        raise NotFound(
            f"{ifname} is not a bridge but {link.kind or 'a plain link'}",
            hint="see the bridges: glassbridge bridge",
        )
    return link


def _report(surveyed: Surveyed, stack: Stack, bridge: Link) -> BridgeReport:
    ports = stack.ports(bridge.ifindex)
    cables = _cables(surveyed, stack.netns.cookie, ports)
    return BridgeReport(
        switch=Switch(
            bridge=bridge,
            addresses=tuple(a for a in stack.addresses if a.ifindex == bridge.ifindex),
            ports=ports,
            fdb=tuple(e for e in stack.fdb if e.bridge == bridge.ifindex),
        ),
        cables=cables,
        names=_names(surveyed, cables),
    )


def _cables(surveyed: Surveyed, cookie: int, links: Iterable[Link]) -> tuple[Cable, ...]:
    return tuple(_cable(surveyed, cookie, link) for link in links if link.kind == "veth")


def _cable(surveyed: Surveyed, cookie: int, link: Link) -> Cable:
    far = surveyed.look_across(cookie, link)
    if far is None:
        return Cable(ifname=link.ifname)
    is_home = far.cookie == surveyed.snapshot.home
    return Cable(
        ifname=link.ifname,
        place=HOST if is_home else surveyed.snapshot.call(far.cookie),
        far_end=far.link.ifname,
        far_mac=far.link.mac or "",
        bridge=far.master.ifname if far.master else "",
        bridge_mac=(far.master.mac or "") if far.master else "",
        port=far.link.port.number if far.link.port else None,
    )


def _names(surveyed: Surveyed, cables: Sequence[Cable]) -> dict[str, str]:
    """Names of addresses and MACs: what our own daemon says comes first, then the kernel."""
    found = {str(a): n.name for n in surveyed.snapshot.names for a in n.addresses}
    found |= {str(m.endpoint.mac): v.sandbox.name for v in surveyed.known for m in v.endpoints}
    for cable in cables:
        if cable.far_mac and cable.place:
            found.setdefault(cable.far_mac, cable.place)
        if cable.bridge_mac:
            found.setdefault(cable.bridge_mac, f"{cable.bridge} on {cable.place}")
    return found
