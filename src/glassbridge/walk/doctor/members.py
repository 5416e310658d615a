"""Who is plugged into what: a bridge or a cable of a router, and the stacks behind it."""

from collections.abc import Iterator

from msgspec import Struct

from glassbridge.model.address import IPAddress, IPNetwork
from glassbridge.model.snapshot import NamedNetwork, Snapshot
from glassbridge.model.topology import Link, Stack
from glassbridge.walk.doctor.surroundings import BridgeOf, bridges, network_of

_UNUSABLE = {"tentative", "dadfailed", "deprecated"}


class Member(Struct, frozen=True):
    """A stack with a link on the segment, and the addresses that it has there."""

    cookie: int
    link: Link
    port: Link
    """The near end of its cable."""
    addresses: tuple[IPAddress, ...]
    """Usable ones, those that an engine gave it first."""
    subnets: tuple[IPNetwork, ...]

    def address(self, version: int) -> IPAddress | None:
        """The first of a version."""
        return next((a for a in self.addresses if a.version == version), None)


class Segment(Struct, frozen=True):
    """A bridge with all that is plugged in; or one cable, and who is at its other end."""

    router: int
    """The namespace that the bridge is in."""
    link: Link
    network: NamedNetwork | None
    members: tuple[Member, ...]

    @property
    def bridge(self) -> BridgeOf:
        """By namespace and link."""
        return BridgeOf(self.router, self.link)


def segments(snapshot: Snapshot) -> Iterator[Segment]:
    """Every bridge, and the host's own cables."""
    for bridge in bridges(snapshot):
        yield Segment(
            bridge.cookie, bridge.link, network_of(snapshot, bridge), _plugged(snapshot, bridge)
        )
    home = snapshot.namespaces[snapshot.home].stack
    for link in home.links:
        if link.peer is not None and link.master is None and not _leads_on(home, link):
            far = _at_the_other_end(snapshot, link)
            if far is not None:
                yield Segment(snapshot.home, link, None, (far,))


def _plugged(snapshot: Snapshot, bridge: BridgeOf) -> tuple[Member, ...]:
    found = []
    for plug in snapshot.plugs(bridge.cookie, bridge.link.ifindex):
        if (
            plug.cookie in {None, bridge.cookie}
            or plug.link is None
            or plug.link.master is not None
        ):
            continue
        assert plug.cookie is not None  # see the line above
        found.append(_member(snapshot, plug.cookie, plug.link, plug.port))
    return tuple(found)


def _at_the_other_end(snapshot: Snapshot, link: Link) -> Member | None:
    far = snapshot.far_end(snapshot.home, link)
    if far is None or far[0] == snapshot.home or far[0] not in snapshot.namespaces:
        return None
    end = snapshot.namespaces[far[0]].stack.link(far[1])
    if end is None or end.master is not None or end.kind != "veth":
        return None
    return _member(snapshot, far[0], end, link)


def _leads_on(home: Stack, link: Link) -> bool:
    """A router is behind it, not a container."""
    return any(r.oif == link.ifindex and r.gateway is not None for r in home.routes)


def _member(snapshot: Snapshot, cookie: int, link: Link, port: Link) -> Member:
    given = {a for n in snapshot.names_of(cookie) for a in n.addresses}
    own = [
        a.interface
        for a in snapshot.namespaces[cookie].stack.addresses
        if a.ifindex == link.ifindex and not _UNUSABLE & set(a.flags)
    ]
    usable = sorted((a.ip for a in own if not a.is_link_local), key=lambda a: a not in given)
    return Member(cookie, link, port, tuple(usable), tuple(a.network for a in own))
