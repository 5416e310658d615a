"""Cables and subnets that do not fit together: a bridge and who is plugged in, or should be."""

from ipaddress import ip_interface

from msgspec import Struct

from glassbridge.model.address import IPAddress, IPInterface, IPNetwork
from glassbridge.model.snapshot import NamedNetwork, Snapshot
from glassbridge.model.topology import Link, Stack


class Misfit(Struct, frozen=True, kw_only=True):
    """Two on one bridge, and the addresses of one leave the other out."""

    cookie: int
    """Where the address is wrong, or is missing."""
    link: Link
    bridge: Link
    subnet: IPNetwork
    """Of the bridge; of who is plugged in, where the bridge has none."""
    own: IPInterface | None = None
    """What it has; None: no address."""
    wanted: IPInterface | None = None
    """What it should have; None: that is to be chosen."""


def misfit(snapshot: Snapshot, cookie: int, destination: IPAddress) -> Misfit | None:
    """Why a namespace does not have a destination on its wire, though it is plugged in there."""
    return _of_member(snapshot, cookie, destination) or _of_bridge(snapshot, cookie, destination)


def _of_member(snapshot: Snapshot, cookie: int, destination: IPAddress) -> Misfit | None:
    """The sender's own address, or its mask, is not of its bridge's subnet."""
    namespace = snapshot.namespaces.get(cookie)
    if namespace is None:
        return None
    stack = namespace.stack
    for link in stack.links:
        socket = bridge_of(snapshot, cookie, link)
        if socket is None:
            continue
        where, bridge = socket
        own = interfaces(stack, link, destination.version)
        if not own or any(destination in o.network for o in own):
            continue
        for its in interfaces(snapshot.namespaces[where].stack, bridge, destination.version):
            if destination in its.network:
                return _beside(cookie, link, bridge, own[0], its.network)
    return None


def _beside(cookie: int, link: Link, bridge: Link, own: IPInterface, subnet: IPNetwork) -> Misfit:
    """With the bridge's mask, where the address itself is of its subnet."""
    wanted = ip_interface(f"{own.ip}/{subnet.prefixlen}") if own.ip in subnet else None
    return Misfit(cookie=cookie, link=link, bridge=bridge, subnet=subnet, own=own, wanted=wanted)


def _of_bridge(snapshot: Snapshot, cookie: int, destination: IPAddress) -> Misfit | None:
    """Who has the destination is plugged into a bridge here, which has no address beside it."""
    for there, namespace in snapshot.namespaces.items():
        for address in namespace.stack.addresses:
            link = namespace.stack.link(address.ifindex)
            if address.interface.ip != destination or link is None:
                continue
            socket = bridge_of(snapshot, there, link)
            if socket is None or socket[0] != cookie:
                continue
            own = interfaces(snapshot.namespaces[cookie].stack, socket[1], destination.version)
            if any(destination in o.network for o in own):
                return None
            if own:
                return _beside(there, link, socket[1], address.interface, own[0].network)
            return Misfit(
                cookie=cookie,
                link=socket[1],
                bridge=socket[1],
                subnet=address.interface.network,
                wanted=_gateway(namespace.stack, address.interface),
            )
    return None


def _gateway(stack: Stack, own: IPInterface) -> IPInterface | None:
    """The address by which who is plugged in takes its bridge for a router."""
    gateways = (r.gateway for r in stack.routes if r.gateway is not None)
    gateway = next((g for g in gateways if g in own.network), None)
    return None if gateway is None else ip_interface(f"{gateway}/{own.network.prefixlen}")


def bridge_of(snapshot: Snapshot, cookie: int, link: Link) -> tuple[int, Link] | None:
    """The bridge, and its namespace, that the other end of a cable is a port of."""
    found = _other_end(snapshot, cookie, link)
    if found is None or found[1].master is None:
        return None
    bridge = snapshot.namespaces[found[0]].stack.link(found[1].master)
    return None if bridge is None or bridge.bridge is None else (found[0], bridge)


def interfaces(stack: Stack, link: Link, version: int) -> list[IPInterface]:
    """A link's addresses of one version, those of the link alone left out."""
    return [
        a.interface
        for a in stack.addresses
        if a.ifindex == link.ifindex
        and a.interface.version == version
        and not a.interface.ip.is_link_local
    ]


def internal_network(snapshot: Snapshot, cookie: int) -> NamedNetwork | None:
    """The network of a namespace that is on internal ones only: nothing leads out of them."""
    stack = snapshot.namespaces[cookie].stack
    sockets = [s for k in stack.links if (s := bridge_of(snapshot, cookie, k)) is not None]
    inside = {n.bridge: n for n in snapshot.networks if n.internal}
    found = [inside.get(b.ifname) if c == snapshot.home else None for c, b in sockets]
    return found[0] if found and all(found) else None


def unplugged(snapshot: Snapshot, cookie: int, link: Link) -> tuple[int, Link] | None:
    """The other end of a cable, where it should be a port of a bridge and is not."""
    found = _other_end(snapshot, cookie, link)
    if found is None or bridge_for(snapshot, *found) is None:
        return None
    return found


def bridge_for(snapshot: Snapshot, cookie: int, end: Link) -> Link | None:
    """The bridge whose subnet has the addresses at the other end of a free cable."""
    stack = snapshot.namespaces[cookie].stack
    far = _other_end(snapshot, cookie, end)
    if far is None or end.master is not None or interfaces(stack, end, 4):
        return None
    held = [
        a.interface.ip
        for a in snapshot.namespaces[far[0]].stack.addresses
        if a.ifindex == far[1].ifindex
    ]
    return next(
        (
            k
            for k in stack.links
            if k.bridge is not None
            for its in (*interfaces(stack, k, 4), *interfaces(stack, k, 6))
            if any(ip in its.network for ip in held)
        ),
        None,
    )


def _other_end(snapshot: Snapshot, cookie: int, link: Link) -> tuple[int, Link] | None:
    """None where there is none, or its namespace was not read."""
    far = snapshot.far_end(cookie, link)
    namespace = snapshot.namespaces.get(far[0]) if far is not None else None
    end = namespace.stack.link(far[1]) if namespace is not None and far is not None else None
    return None if far is None or end is None else (far[0], end)
