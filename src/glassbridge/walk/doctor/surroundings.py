"""What several checks ask of a snapshot: its part that hangs together, bridges, uplinks, places."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.finding import Finding
from glassbridge.model.snapshot import NamedNetwork, Namespace, Snapshot
from glassbridge.model.step_details import Place
from glassbridge.model.tables import TABLE_MAIN, Route
from glassbridge.model.topology import Link, Stack
from glassbridge.walk.fixes.mending import NoDoor, command

Line = tuple[int, tuple[str | int, ...]]
"""A namespace, and the words of a command that is to be run in it."""


class BridgeOf(Struct, frozen=True):
    """A bridge and the namespace it is in."""

    cookie: int
    link: Link


def examined(snapshot: Snapshot) -> Snapshot:
    """The host, and what cables join to it: other namespaces are none of its business.

    Tracked connections are left out: what is asked is whether new ones can be made.
    """
    found = {snapshot.home}
    waiting = [snapshot.home]
    while waiting:
        cookie = waiting.pop()
        for link in snapshot.namespaces[cookie].stack.links:
            far = snapshot.far_end(cookie, link)
            if far is not None and far[0] in snapshot.namespaces and far[0] not in found:
                found.add(far[0])
                waiting.append(far[0])
    joined = {
        cookie: replace(n, connections=(), stack=_without_ports_own(n.stack))
        for cookie, n in snapshot.namespaces.items()
        if cookie in found
    }
    return replace(snapshot, namespaces=joined, is_whole=True)


def _without_ports_own(stack: Stack) -> Stack:
    """A bridge port has no IP stack, and yet a fe80 address: with 300 ports, most of all routes."""
    ports = {k.ifindex for k in stack.links if k.master is not None}

    def is_idle(route: Route) -> bool:
        to = route.destination
        return route.oif in ports and (to.is_link_local or to.is_multicast)

    return replace(
        stack,
        addresses=tuple(
            a for a in stack.addresses if a.ifindex not in ports or not a.interface.is_link_local
        ),
        routes=tuple(r for r in stack.routes if not is_idle(r)),
        local_routes=tuple(r for r in stack.local_routes if not is_idle(r)),
    )


def bridges(snapshot: Snapshot) -> Iterator[BridgeOf]:
    """Every bridge that was read, the host's first."""
    for cookie in sorted(snapshot.namespaces, key=lambda c: (c != snapshot.home, c)):
        for link in snapshot.namespaces[cookie].stack.links:
            if link.bridge is not None:
                yield BridgeOf(cookie, link)


def place(snapshot: Snapshot, namespace: Namespace, link: Link | None = None) -> Place:
    """A place for a finding."""
    netns = namespace.stack.netns
    return Place(
        cookie=netns.cookie,
        name=snapshot.call(netns.cookie),
        inode=netns.inode,
        ifname=link.ifname if link else "",
        ifindex=link.ifindex if link else None,
    )


def default_routes(stack: Stack, version: int) -> tuple[Route, ...]:
    """Those of the main table, best first."""
    found = (
        r
        for r in stack.routes
        if r.is_default
        and r.table == TABLE_MAIN
        and r.destination.version == version
        and r.type == "unicast"
    )
    return tuple(sorted(found, key=lambda r: r.metric))


def uplink(stack: Stack) -> Link | None:
    """The link of the best IPv4 default route, else of the best IPv6 one."""
    for version in (4, 6):
        for route in default_routes(stack, version):
            if route.oif is not None:
                return stack.link(route.oif)
    return None


def network_of(snapshot: Snapshot, bridge: BridgeOf) -> NamedNetwork | None:
    """What an engine calls that bridge; only the host's have names."""
    if bridge.cookie != snapshot.home:
        return None
    return next((n for n in snapshot.networks if n.bridge == bridge.link.ifname), None)


def network_named(snapshot: Snapshot, bridge: BridgeOf) -> str:
    """`network blue (gb-1f2e3d4c)`, or `bridge br0` where nobody calls it otherwise."""
    network = network_of(snapshot, bridge)
    if network is not None:
        return f"network {network.name} ({bridge.link.ifname})"
    return f"{bridge.link.kind or 'link'} {bridge.link.ifname}"


def names_of_bridge(snapshot: Snapshot, bridge: BridgeOf) -> tuple[str, ...]:
    """What a finding about a whole bridge concerns."""
    network = network_of(snapshot, bridge)
    return (*((network.name,) if network else ()), bridge.link.ifname)


def mended(snapshot: Snapshot, finding: Finding, *lines: Line) -> Finding:
    """With its commands, each in its namespace; with a note alone where one has no door."""
    try:
        return replace(finding, fix=tuple(command(snapshot, c, *words) for c, words in lines))
    except NoDoor:
        names = dict.fromkeys(snapshot.call(c) for c, _ in lines if c != snapshot.home)
        note = f"to be mended in {', '.join(names)}, which no path or process opens"
        return replace(finding, fix_note=note)


def setting(stack: Stack, key: str) -> int | None:
    """A sysctl as a number; None where this namespace has none."""
    value = stack.sysctls.get(key, "")
    return int(value) if value.lstrip("-").isdecimal() else None


def link_setting(stack: Stack, version: int, link: str, key: str) -> int | None:
    """A sysctl of one link (the keys have slashes, because a link's name may have dots)."""
    return setting(stack, f"net/ipv{version}/conf/{link}/{key}")
