"""Who is on this host: what our daemon told, and every running container of other engines.

Names come from the engines' files, everything else from the kernel, as for our own.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Interface, IPv6Interface

from msgspec.structs import replace

from glassbridge.engine.roster import Roster
from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.discovery import number_namespaces
from glassbridge.kernel.processes import seconds_up
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.snapshot import read_addresses, read_links
from glassbridge.model.address import Mac
from glassbridge.model.endpoint import (
    Endpoint,
    EndpointId,
    Protocol,
    PublishedPort,
    Sandbox,
    SandboxId,
)
from glassbridge.model.network import Ifname, NetworkId
from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Name, Published
from glassbridge.model.tables import Address
from glassbridge.model.topology import Link
from glassbridge.model.views import EndpointView, NetworkView, SandboxView

_NO_ENGINES = {Origin.GLASSBRIDGE, Origin.NETNS, Origin.PROCESS, Origin.HOST, Origin.UNKNOWN}
_PROTOCOLS = {Transport.TCP: Protocol.TCP, Transport.UDP: Protocol.UDP}


def everybody(known: Sequence[SandboxView], now: float) -> tuple[SandboxView, ...]:
    """Ours in their order, as their engines call them; then the others by engine and name.

    `known` alone where this process may not look at what is not its own.
    """
    try:
        roster = Roster.here(known)
        roster.ask_engines()
        others = _Others(roster, now)
        return (*map(others.completed, roster.known), *others.views())
    except GlassbridgeError:
        return tuple(known)


def with_members(
    networks: Sequence[NetworkView], known: Sequence[SandboxView]
) -> tuple[NetworkView, ...]:
    """Networks and who is on them, all under the names that their engines use."""
    roster = Roster.here(known, networks)
    return tuple(
        NetworkView(
            network=view.network,
            endpoints=tuple(
                member
                for member in roster.known
                if any(e.endpoint.network == view.network.id for e in member.endpoints)
            ),
        )
        for view in roster.our_networks
    )


class _Others:
    """What containers have that is not from us, looked at one by one."""

    def __init__(self, roster: Roster, now: float) -> None:
        self._roster, self._now = roster, now
        plugged = (e for view in roster.known for e in view.endpoints)
        self._networks = {str(e.bridge): e.network for e in plugged}
        self._networks |= {n.bridge: n.name for n in roster.networks}
        self._published: dict[str, list[Published]] = {}
        for port in roster.published:
            self._published.setdefault(port.name, []).append(port)
        with RouteSocket() as route:
            self._links = {int(link.ifindex): link for link in read_links(route)}

    def views(self) -> Iterator[SandboxView]:
        ours = {str(view.sandbox.id) for view in self._roster.known}
        others = [n for n in self._roster.names if n.origin not in _NO_ENGINES and n.id not in ours]
        for name in sorted(others, key=lambda n: (n.origin, n.name)):
            try:
                yield self._view(name)
            except GlassbridgeError:  # it ended while we looked
                continue

    def completed(self, view: SandboxView) -> SandboxView:
        """A container on networks of ours, and what its engine has plugged it into by itself."""
        if view.sandbox.id not in self._roster.plugged_elsewhere:
            return view
        name = next((n for n in self._roster.names if n.id == view.sandbox.id), None)
        if name is None or not name.cookie:
            return view
        ours = {e.endpoint.host_end for e in view.endpoints}
        try:
            found = tuple(self._endpoints(name, view.sandbox))
        except GlassbridgeError:  # it ended while we looked
            return view
        theirs = (e for e in found if e.endpoint.host_end not in ours)
        return replace(view, endpoints=(*view.endpoints, *theirs))

    def _view(self, name: Name) -> SandboxView:
        is_host = name.cookie == self._roster.home.cookie
        age = None if name.pid is None else seconds_up(name.pid)
        sandbox = Sandbox(
            id=SandboxId(name.id),
            name=name.name,
            netns="" if is_host else self._roster.describe(name.cookie).paths[0],
            netns_cookie=name.cookie,
            pid=name.pid,
            created=0.0 if age is None else self._now - age,
        )
        endpoints = () if is_host else tuple(self._endpoints(name, sandbox))
        return SandboxView(sandbox=sandbox, endpoints=endpoints, engine=name.origin)

    def _endpoints(self, name: Name, sandbox: Sandbox) -> Iterator[EndpointView]:
        fd = self._roster.open(name.cookie)
        try:
            with RouteSocket(fd) as route:
                links, addresses = read_links(route), read_addresses(route)
                numbers = {k.link_nsid for k in links if k.link_nsid is not None}
                home = self._roster.home
                to_host = number_namespaces(route, [(home.cookie, home.paths[0])], numbers)
        finally:
            os.close(fd)
        for link in links:
            own = [a for a in addresses if a.ifindex == link.ifindex and a.scope == "global"]
            is_cable = link.kind == "veth"
            if link.is_loopback or not (own or is_cable):
                continue
            host_end = None
            if is_cable and link.peer is not None and link.link_nsid in to_host:
                host_end = self._links.get(int(link.peer))
            yield self._endpoint(name, sandbox, link, own, host_end)

    def _endpoint(
        self,
        name: Name,
        sandbox: Sandbox,
        link: Link,
        own: Sequence[Address],
        host_end: Link | None,
    ) -> EndpointView:
        master = host_end.master if host_end is not None else None
        bridge = self._links[int(master)].ifname if master is not None else Ifname("")
        interfaces = [a.interface for a in own]
        ipv4 = next((a for a in interfaces if isinstance(a, IPv4Interface)), None)
        ipv6 = next((a for a in interfaces if isinstance(a, IPv6Interface)), None)
        endpoint = Endpoint(
            id=EndpointId(""),
            network=NetworkId(""),
            sandbox=sandbox.id,
            ifname=link.ifname,
            host_end=host_end.ifname if host_end is not None else Ifname(""),
            mac=link.mac or Mac(""),
            host_mac=(host_end.mac if host_end is not None else None) or Mac(""),
            ipv4=ipv4,
            ipv6=ipv6,
            more=tuple(a for a in interfaces if a not in (ipv4, ipv6)),
            ports=tuple(_ports(self._published.get(name.name, ()), own)),
        )
        network = self._networks.get(bridge, bridge) or link.kind
        return EndpointView(endpoint=endpoint, network=network, bridge=bridge)


def _ports(published: Iterable[Published], own: Sequence[Address]) -> Iterator[PublishedPort]:
    there = {a.interface.ip for a in own}
    for port in published:
        protocol = _PROTOCOLS.get(port.transport)
        if protocol is not None and port.container_address in there:
            yield PublishedPort(
                host_address=port.host_address,
                host_port=port.host_port,
                container_port=port.container_port,
                protocol=protocol,
            )
