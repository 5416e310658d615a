"""What several checks ask of a snapshot: places, uplinks, the bridges of each namespace."""

from collections.abc import Iterator

from msgspec import Struct

from glassbridge.model.snapshot import Namespace, Snapshot
from glassbridge.model.tables import TABLE_MAIN, Route
from glassbridge.model.topology import Link, Stack
from glassbridge.model.walk import Place

MAIN_LINKS_SHOWN = 3


class BridgeOf(Struct, frozen=True):
    """A bridge and the namespace it is in."""

    cookie: int
    link: Link


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


def network_named(snapshot: Snapshot, bridge: BridgeOf) -> str:
    """`bridge (gb0)`, or the link's name where nobody calls it otherwise."""
    if bridge.cookie == snapshot.home:
        for network in snapshot.networks:
            if network.bridge == bridge.link.ifname:
                return f"network {network.name} ({bridge.link.ifname})"
    return f"bridge {bridge.link.ifname}"


def setting(stack: Stack, key: str) -> int | None:
    """A sysctl as a number; None where this namespace has none."""
    value = stack.sysctls.get(key, "")
    return int(value) if value.lstrip("-").isdecimal() else None


def link_setting(stack: Stack, version: int, link: str, key: str) -> int | None:
    """A sysctl of one link (the keys have slashes, because a link's name may have dots)."""
    return setting(stack, f"net/ipv{version}/conf/{link}/{key}")
