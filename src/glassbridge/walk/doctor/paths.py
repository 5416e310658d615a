"""Walks that should arrive: of each container to its sibling, from its router, and to the outside.

And a question for names to a network's gateway.

What engines close on purpose is none: containers of a network without icc, internal networks, one
network from the other.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.address import IPAddress, IPInterface
from glassbridge.model.kernel_names import DNS_PORT
from glassbridge.model.packet import Question, Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork, Published, Snapshot
from glassbridge.model.topology import Link, Stack
from glassbridge.walk.doctor.acquaintance import kind_of, ring
from glassbridge.walk.doctor.members import Member, Segment
from glassbridge.walk.doctor.surroundings import default_routes, names_of_bridge, setting
from glassbridge.walk.fixes.mending import ENGINES
from glassbridge.walk.path.versions import V4, V6

FAR_AWAY = {V4: ip_address("1.1.1.1"), V6: ip_address("2606:4700:4700::1111")}
"""Somewhere in the internet: nothing is sent there, and no firewall drops it as bogus."""
_FORWARDING = {V4: "net.ipv4.ip_forward", V6: "net.ipv6.conf.all.forwarding"}


class Path(Struct, frozen=True, kw_only=True):
    """One walk to be predicted, and what it stands for."""

    what: str
    """`nginx-1 to the outside`"""
    question: Question
    target: int | None
    """The namespace where it must arrive; None: the outside."""
    router: int
    """The namespace that forwards it, or begins it."""
    concerns: tuple[str, ...]
    """The containers at its ends."""
    bridge: tuple[str, ...] = ()
    """Network and bridge that they are on."""
    network: NamedNetwork | None = None
    published: Published | None = None
    is_first: bool = False
    """Of its kind: nobody has talked to anybody yet."""


def paths(snapshot: Snapshot, segments: Iterable[Segment]) -> Iterator[Path]:
    """All that a healthy host carries."""
    ground = _ground(snapshot)
    wired = tuple(segments)
    for segment in wired:
        kinds: dict[object, int] = {}
        for member in segment.members:
            kinds.setdefault(kind_of(snapshot, member), member.cookie)
        firsts = frozenset(kinds.values())
        for version in (V4, V6):
            yield from _within(ground, segment, version, firsts)
    for one, other in pairwise(wired):
        for version in (V4, V6):
            yield from _across(ground, one, other, version)
    for port in snapshot.published:
        yield from _to_port(ground, port)


class _Ground(Struct, frozen=True):
    """The snapshot, and what would be looked up in it for every path."""

    snapshot: Snapshot
    names: dict[int, str]
    owners: dict[IPAddress, tuple[int, ...]]

    def stack(self, cookie: int) -> Stack:
        return self.snapshot.namespaces[cookie].stack


def _ground(snapshot: Snapshot) -> _Ground:
    owners: dict[IPAddress, tuple[int, ...]] = {}
    for cookie, namespace in snapshot.namespaces.items():
        for address in namespace.stack.addresses:
            ip = address.interface.ip
            owners[ip] = (*owners.get(ip, ()), cookie) if not ip.is_loopback else ()
    return _Ground(snapshot, {c: snapshot.call(c) for c in snapshot.namespaces}, owners)


def _within(
    ground: _Ground, segment: Segment, version: int, firsts: frozenset[int]
) -> Iterator[Path]:
    router = ground.stack(segment.router)
    members = tuple(m for m in segment.members if m.address(version) is not None)
    pairs = [
        (one.cookie, other)
        for one, other in (ring(members) if _talks(segment) else ())
        if any(other.address(version) in subnet for subnet in one.subnets)
    ]
    pairs += [(segment.router, m) for m in members if _is_routed(router, segment, m, version)]
    for source, to in pairs:
        is_first = to.cookie in firsts or source in firsts
        yield _ping(ground, segment, source, _end_at(ground, to, version), is_first=is_first)
    yield from _for_names(ground, segment, members, version)
    way = _way_out(ground, segment.router, version)
    if way is None or _is_closed(segment, way):
        return
    for member in members:
        if _is_sent_out(ground, segment, member, version):
            is_first = member.cookie in firsts
            yield _ping(ground, segment, member.cookie, way.beyond, is_first=is_first)


def _for_names(
    ground: _Ground, segment: Segment, members: Iterable[Member], version: int
) -> Iterator[Path]:
    """One member's: firewalls treat them alike. Long answers are asked for over TCP."""
    network, asker = segment.network, next(iter(members), None)
    if network is None or asker is None:
        return
    for server in (s for s in network.name_servers if s.version == version):
        ping = _ping(ground, segment, asker.cookie, _End(segment.router, server), is_first=False)
        what = f"{ground.names[asker.cookie]} to the names of {network.name}{_family(version)}"
        for transport, by in ((Transport.UDP, ""), (Transport.TCP, " over TCP")):
            asked = replace(ping.question, transport=transport, destination_port=DNS_PORT)
            yield replace(ping, what=f"{what}{by}", question=asked)


def _across(ground: _Ground, one: Segment, other: Segment, version: int) -> Iterator[Path]:
    """From one network to the next, on a router that forwards nothing and leads nowhere else.

    Where it forwards, engines keep their networks apart; where it has a way out, that path tells.
    """
    router = ground.stack(one.router)
    if one.router != other.router or _way_out(ground, one.router, version) is not None:
        return
    if setting(router, _FORWARDING[version]) != 0:
        return
    senders = (m for m in one.members if m.address(version) is not None)
    source = next((m for m in senders if _is_sent_out(ground, one, m, version)), None)
    near = (m for m in other.members if m.address(version) is not None)
    target = next((m for m in near if _is_routed(router, other, m, version)), None)
    if source is not None and target is not None and source.cookie != target.cookie:
        end = _end_at(ground, target, version)
        yield _ping(ground, one, source.cookie, end, is_first=False)


class _End(Struct, frozen=True):
    cookie: int | None
    address: IPAddress
    name: str = ""
    """Empty: the outside."""


def _talks(segment: Segment) -> bool:
    return segment.network is None or segment.network.icc


def _ping(ground: _Ground, segment: Segment, source: int, to: _End, *, is_first: bool) -> Path:
    own = ground.names[source]
    return Path(
        what=f"{own} to {to.name or 'the outside'}{_family(to.address.version)}",
        question=Question(source=source, transport=Transport.ICMP, destination=to.address),
        target=to.cookie,
        router=segment.router,
        concerns=(own, to.name) if to.name else (own,),
        bridge=names_of_bridge(ground.snapshot, segment.bridge),
        network=segment.network,
        is_first=is_first,
    )


def _family(version: int) -> str:
    return " (IPv6)" if version == V6 else ""


def _end_at(ground: _Ground, member: Member, version: int) -> _End:
    address = member.address(version)
    assert address is not None  # only members that have one are asked for
    return _End(member.cookie, address, ground.names[member.cookie])


class _WayOut(Struct, frozen=True):
    link: Link
    beyond: _End
    """Somebody there: the first router, where it was read; else somewhere in the internet."""


def _is_closed(segment: Segment, way: _WayOut) -> bool:
    """It has no way out on purpose, or is the way out itself."""
    internal = segment.network is not None and segment.network.internal
    return internal or way.link.ifindex == segment.link.ifindex


def _way_out(ground: _Ground, router: int, version: int) -> _WayOut | None:
    """By the default route; without one, to a neighbour on hardware."""
    stack = ground.stack(router)
    for route in default_routes(stack, version):
        link = stack.link(route.oif) if route.oif is not None else None
        if link is None:
            continue
        for owner in ground.owners.get(route.gateway, ()) if route.gateway else ():
            if owner != router and route.gateway is not None:
                return _WayOut(link, _End(owner, route.gateway))
        return _WayOut(link, _End(None, FAR_AWAY[version]))
    for own in stack.addresses:
        link = stack.link(own.ifindex)
        if link is None or link.kind or link.is_loopback or not _is_from(own.interface, version):
            continue
        others = (h for h in own.interface.network.hosts() if h != own.interface.ip)
        neighbour = next(others, None)
        if neighbour is not None:
            return _WayOut(link, _End(None, neighbour))
    return None


def _is_from(interface: IPInterface, version: int) -> bool:
    return interface.version == version and not interface.ip.is_link_local


def _is_routed(router: Stack, segment: Segment, member: Member, version: int) -> bool:
    """The router has a foot in its subnet, or a route to it."""
    address = member.address(version)
    has_foot = any(
        a.ifindex == segment.link.ifindex and address in a.interface.network
        for a in router.addresses
    )
    return has_foot or any(
        r.oif == segment.link.ifindex and not r.is_default and address in r.destination
        for r in router.routes
    )


def _is_sent_out(ground: _Ground, segment: Segment, member: Member, version: int) -> bool:
    """By its default route to the segment's router; or because its engine gives one to each."""
    network = segment.network
    stack = ground.stack(member.cookie)
    routes = default_routes(stack, version)
    if not routes:
        # on two networks it may have been given the way out of neither
        is_alone = sum(not k.is_loopback for k in stack.links) == 1
        return is_alone and version == V4 and network is not None and network.origin in ENGINES
    gateway = routes[0].gateway
    return routes[0].oif == member.link.ifindex and not any(
        owner != segment.router and setting(ground.stack(owner), _FORWARDING[version])
        for owner in (ground.owners.get(gateway, ()) if gateway else ())
    )


def _to_port(ground: _Ground, port: Published) -> Iterator[Path]:
    """From outside to a published port; those on 127.0.0.1 are for the host alone."""
    home = ground.snapshot.home
    host, asked = ground.stack(home), port.host_address
    version = asked.version
    way = _way_out(ground, home, version)
    own = [a.interface.ip for a in host.addresses if way and a.ifindex == way.link.ifindex]
    own = [ip for ip in own if ip.version == version and not ip.is_link_local]
    if asked.is_unspecified and own:
        asked = own[0]
    targets = [c for c in ground.owners.get(port.container_address, ()) if c != home]
    if way is None or not targets or asked.is_unspecified or asked.is_loopback:
        return
    whose = port.name or ground.names[targets[0]]
    by = f" ({port.origin})" if port.origin not in {Origin.UNKNOWN, Origin.GLASSBRIDGE} else ""
    network = _network_with(ground.snapshot, port.container_address)
    yield Path(
        what=f"the outside to port {port.host_port}/{port.transport} of {whose}{by}"
        f"{_family(version)}",
        question=Question(
            source=None,
            source_address=way.beyond.address,
            transport=port.transport,
            destination=asked,
            destination_port=port.host_port,
        ),
        target=targets[0],
        router=home,
        concerns=(whose,),
        bridge=(network.name, network.bridge) if network else (),
        network=network,
        published=port,
    )


def _network_with(snapshot: Snapshot, address: IPAddress) -> NamedNetwork | None:
    return next((n for n in snapshot.networks if any(address in s for s in n.subnets)), None)
