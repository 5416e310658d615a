"""Walks that should arrive: each network's containers to each other, in, out and by their ports.

One container stands for its network: what is wrong with a bridge or a firewall is wrong for all.
"""

from collections.abc import Iterator
from ipaddress import ip_address

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Question, Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork, Published, Snapshot
from glassbridge.model.topology import Stack
from glassbridge.walk.doctor.surroundings import BridgeOf, default_routes, network_named

_FAR_AWAY = {4: ip_address("192.0.2.1"), 6: ip_address("2001:db8::1")}
"""Somewhere beyond the default route: addresses for documentation (RFC 5737, RFC 3849)."""


class Path(Struct, frozen=True, kw_only=True):
    """One walk to be predicted, and what it stands for."""

    what: str
    """`nginx-1 to the outside`"""
    question: Question
    published: Published | None = None


class _Member(Struct, frozen=True):
    """A container on a bridge, with the address it has there."""

    cookie: int
    address: IPAddress


def paths(snapshot: Snapshot) -> Iterator[Path]:
    """All walks that a healthy host carries; internal networks have no way out."""
    host = snapshot.namespaces[snapshot.home].stack
    for link in host.links:
        if link.bridge is None:
            continue
        bridge = BridgeOf(snapshot.home, link)
        network = next((n for n in snapshot.networks if n.bridge == link.ifname), None)
        for version in (4, 6):
            members = tuple(_members(snapshot, bridge, version))
            if members:
                yield from _of_network(snapshot, host, bridge, network, members)
    for port in snapshot.published:
        yield from _of_port(snapshot, host, port)


def _members(snapshot: Snapshot, bridge: BridgeOf, version: int) -> Iterator[_Member]:
    for plug in snapshot.plugs(bridge.cookie, bridge.link.ifindex):
        if plug.cookie is None or plug.link is None or plug.cookie == bridge.cookie:
            continue
        for address in snapshot.namespaces[plug.cookie].stack.addresses:
            ip = address.interface.ip
            on_it = address.ifindex == plug.link.ifindex
            if on_it and ip.version == version and not ip.is_link_local:
                yield _Member(plug.cookie, ip)
                break


def _of_network(
    snapshot: Snapshot,
    host: Stack,
    bridge: BridgeOf,
    network: NamedNetwork | None,
    members: tuple[_Member, ...],
) -> Iterator[Path]:
    first = members[0]
    name = f"{snapshot.call(first.cookie)} on {network_named(snapshot, bridge)}"
    if len(members) > 1 and (network is None or network.icc):
        other = members[1]
        yield _ping(f"{name} to {snapshot.call(other.cookie)}", first.cookie, other.address)
    if _has_address(host, bridge, first.address.version):
        yield _ping(f"the host to {name}", snapshot.home, first.address)
    closed = network is not None and network.internal
    routes = default_routes(host, first.address.version)
    if routes and not closed and routes[0].oif != bridge.link.ifindex:
        far = _FAR_AWAY[first.address.version]
        if _has_way_out(snapshot, first):
            yield _ping(f"{name} to the outside", first.cookie, far)


def _ping(what: str, source: int, destination: IPAddress) -> Path:
    question = Question(source=source, transport=Transport.ICMP, destination=destination)
    return Path(what=what, question=question)


def _has_address(host: Stack, bridge: BridgeOf, version: int) -> bool:
    return any(
        a.ifindex == bridge.link.ifindex
        and a.interface.version == version
        and not a.interface.ip.is_link_local
        for a in host.addresses
    )


def _has_way_out(snapshot: Snapshot, member: _Member) -> bool:
    """A container without a default route is meant to stay in."""
    stack = snapshot.namespaces[member.cookie].stack
    return bool(default_routes(stack, member.address.version))


def _of_port(snapshot: Snapshot, host: Stack, port: Published) -> Iterator[Path]:
    address = port.host_address
    if address.is_loopback or port.container_address.version != address.version:
        return
    version = address.version
    uplinks = [r.oif for r in default_routes(host, version) if r.oif is not None]
    own = [a.interface.ip for a in host.addresses if a.ifindex in uplinks[:1]]
    own = [ip for ip in own if ip.version == version and not ip.is_link_local]
    if address.is_unspecified:
        if not own:
            return
        address = own[0]
    whose = port.name or snapshot.owner_of(port.container_address) or str(port.container_address)
    by = f" ({port.origin})" if port.origin not in (Origin.UNKNOWN, Origin.GLASSBRIDGE) else ""
    yield Path(
        what=f"the outside to port {port.host_port}/{port.transport} of {whose}{by}",
        question=Question(
            source=None,
            source_address=_FAR_AWAY[version],
            transport=port.transport,
            destination=address,
            destination_port=port.host_port,
        ),
        published=port,
    )
