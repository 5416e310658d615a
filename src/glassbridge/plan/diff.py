"""Desired against observed: what to put back, what to take away, what is lost.

Only links are compared: the firewall is loaded whole, in one transaction, which is cheaper than a
comparison and cannot be wrong.
"""

from collections.abc import Collection
from dataclasses import dataclass

from glassbridge.model.endpoint import Endpoint
from glassbridge.model.kernel_names import ALIAS_PREFIX, DOOMED_GROUP, LINK_GROUP, shaper_name
from glassbridge.model.network import Ifname, Network, NetworkId
from glassbridge.model.topology import Link


@dataclass(frozen=True, slots=True)
class Difference:
    """What a host lacks and what it has too much of."""

    missing_networks: tuple[Network, ...]
    missing_endpoints: tuple[Endpoint, ...]
    unplugged_endpoints: tuple[Endpoint, ...]
    """The veth pair is there, its host end is not a port of the bridge."""
    unshaped_endpoints: tuple[Endpoint, ...]
    """The ifb device is gone through which they send."""
    uncabled_endpoints: tuple[Endpoint, ...]
    """The veth pair was another's, and is gone."""
    stray_links: tuple[Ifname, ...]
    """Host ends of ours that belong to no endpoint."""
    stray_bridges: tuple[Ifname, ...]


def compare(
    networks: Collection[Network], endpoints: Collection[Endpoint], links: Collection[Link]
) -> Difference:
    """Compare what should be with the links of the host; without its bridge a cable is loose."""
    by_name = {link.ifname: link for link in links}
    missing_networks = tuple(n for n in networks if not _stands(n, by_name))
    bridges: dict[NetworkId, Link] = {
        n.id: by_name[n.bridge] for n in networks if n.bridge in by_name
    }
    own = [e for e in endpoints if not e.has_foreign_cable]
    missing = tuple(e for e in own if not _is_ours(by_name.get(e.host_end), e))
    gone = {e.id for e in missing}
    unplugged = tuple(
        e
        for e in own
        if e.id not in gone and not _is_plugged(by_name[e.host_end], bridges.get(e.network))
    )
    unshaped = tuple(
        e
        for e in endpoints
        if e.id not in gone and e.has_shaper and shaper_name(e.id) not in by_name
    )
    uncabled = tuple(e for e in endpoints if e.has_foreign_cable and e.host_end not in by_name)
    strays = _strays(networks, endpoints, links)
    return Difference(missing_networks, missing, unplugged, unshaped, uncabled, *strays)


def _stands(network: Network, by_name: dict[Ifname, Link]) -> bool:
    link = by_name.get(network.bridge)
    return link is not None and link.kind == "bridge"


def _is_ours(link: Link | None, endpoint: Endpoint) -> bool:
    return link is not None and link.alias == endpoint.alias


def _is_plugged(link: Link, bridge: Link | None) -> bool:
    return bridge is not None and link.master == bridge.ifindex and link.is_up


def _strays(
    networks: Collection[Network], endpoints: Collection[Endpoint], links: Collection[Link]
) -> tuple[tuple[Ifname, ...], tuple[Ifname, ...]]:
    """Links whose group or alias says that they are ours and that nothing desired explains."""
    known: set[str] = {e.host_end for e in endpoints} | {n.bridge for n in networks}
    known |= {shaper_name(e.id) for e in endpoints if e.has_shaper}
    strays = [
        link
        for link in links
        if link.ifname not in known
        and (link.group in (LINK_GROUP, DOOMED_GROUP) or link.alias.startswith(ALIAS_PREFIX))
    ]
    return (
        tuple(Ifname(s.ifname) for s in strays if s.kind in ("veth", "ifb")),
        tuple(Ifname(s.ifname) for s in strays if s.kind == "bridge"),
    )
