"""The sandbox's side of a cable: settings, addresses and routes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from msgspec.structs import replace

from glassbridge.model.address import IPNetwork, Mac
from glassbridge.model.endpoint import Endpoint, LinkSettings, RouteKind, StaticRoute
from glassbridge.model.network import Ifname, Network
from glassbridge.plan.interface_operations import (
    SetSandboxSysctl,
    TuneLink,
)
from glassbridge.plan.operations import (
    AddAddress,
    AddRoute,
    BringUp,
    DisableLinkLocal,
    Operation,
    RemoveRoute,
)

LOOPBACK = Ifname("lo")
EVERYWHERE: Final[Mapping[int, IPNetwork]] = {
    4: IPv4Network("0.0.0.0/0"),
    6: IPv6Network("::/0"),
}
NO_SETTINGS: Final = LinkSettings()


@dataclass(frozen=True, slots=True)
class Found:
    """What was there before us and outlives our links: for exact inverses."""

    settings: LinkSettings = NO_SETTINGS
    mac: Mac | None = None
    """Of the end of a foreign cable."""


NOTHING: Final = Found()


def plan_sandbox_end(
    network: Network, endpoint: Endpoint, netns: str, found: Found
) -> Iterable[Operation]:
    """Set up an end that is just made."""
    ifname = endpoint.ifname
    if not any(a.version == 6 for a in endpoint.interfaces):  # noqa: PLR2004 - the IP version
        yield DisableLinkLocal(ifname, netns)
    yield from plan_settings(endpoint, netns, found)
    yield BringUp(LOOPBACK, netns)
    if is_brought_up(endpoint):
        yield BringUp(ifname, netns)
    for address in endpoint.interfaces:
        yield AddAddress(ifname, address, netns)
    yield from plan_routes(network, endpoint, netns)


def is_brought_up(endpoint: Endpoint) -> bool:
    """Whether the end is up once it stands; else neither side ever gets a carrier."""
    return endpoint.settings is None or not endpoint.settings.is_down


def plan_settings(endpoint: Endpoint, netns: str, found: Found) -> Iterable[Operation]:
    """Apply what a client wants of the end beyond its address."""
    wish = endpoint.settings or NO_SETTINGS
    if endpoint.has_foreign_cable:
        of_link, old = replace(wish, sysctls={}), replace(found.settings, sysctls={})
    else:  # born with its MAC and MTU
        of_link, old = replace(wish, mtu=None, is_down=False, sysctls={}), None
    mac = endpoint.mac if found.mac not in (None, endpoint.mac) else None
    if of_link != NO_SETTINGS or mac is not None:
        yield TuneLink(endpoint.ifname, netns, of_link, mac, old, found.mac)
    for key, value in wish.sysctls.items():
        yield SetSandboxSysctl(key, value, netns, found.settings.sysctls.get(key))


def plan_routes(network: Network, endpoint: Endpoint, netns: str) -> Iterable[Operation]:
    """What is reached on the link comes first: a gateway may be there."""
    for route in sorted(endpoint.routes, key=lambda r: r.gateway is not None):
        yield AddRoute(route, _link_of(route, endpoint), netns)
    if endpoint.is_gateway:
        for route in default_routes(network, endpoint):
            yield AddRoute(route, endpoint.ifname, netns)


def plan_remove_routes(endpoint: Endpoint, netns: str) -> tuple[Operation, ...]:
    """Remove the routes that do not go with the link."""
    return tuple(RemoveRoute(r, Ifname(""), netns) for r in endpoint.routes if not _leads(r))


def leaves_traces(endpoint: Endpoint) -> bool:
    """Whether something of an endpoint would stay when its links are swept."""
    return endpoint.has_foreign_cable or not all(map(_leads, endpoint.routes))


def default_routes(network: Network, endpoint: Endpoint) -> tuple[StaticRoute, ...]:
    """To the network's next hops; an internal network has none."""
    if network.internal:
        return ()
    held = {a.version for a in endpoint.addresses}
    return tuple(
        StaticRoute(destination=EVERYWHERE[g.version], gateway=g)
        for g in network.next_hops
        if g.version in held
    )


def _link_of(route: StaticRoute, endpoint: Endpoint) -> Ifname:
    return endpoint.ifname if _leads(route) else Ifname("")


def _leads(route: StaticRoute) -> bool:
    return route.kind is RouteKind.UNICAST
