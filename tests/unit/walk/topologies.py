"""Hosts made by hand: small snapshots that read like a drawing of the cables.

    world = World()
    host = world.netns("host")
    host.bridge("gb0", "172.17.0.1/16")
    world.plug(host, "gb0", world.netns("nginx-1"), "172.17.0.2/16", gateway="172.17.0.1")
    snapshot = world.snapshot()

Nothing is known beforehand (no neighbours, no learned MACs) unless `warm()` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from typing import Any

from msgspec.structs import replace

from glassbridge.model.address import IPAddress, Mac, mac_of
from glassbridge.model.network import Ifname
from glassbridge.model.ruleset import Origin, Ruleset
from glassbridge.model.snapshot import Connection, Name, NamedNetwork, Namespace, Snapshot
from glassbridge.model.tables import (
    TABLE_LOCAL,
    TABLE_MAIN,
    Address,
    FdbEntry,
    Ifindex,
    ListeningSocket,
    Neighbour,
    NeighbourState,
    Route,
    RoutingRule,
    SocketProtocol,
)
from glassbridge.model.topology import (
    IFF_LOOPBACK,
    IFF_LOWER_UP,
    IFF_UP,
    Bridge,
    BridgePort,
    Link,
    Netns,
    Operstate,
    PortState,
    Stack,
)

UP = IFF_UP | IFF_LOWER_UP
HOST = "host"
DEFAULT_TABLE = 253


@dataclass
class Box:
    """One namespace under construction."""

    name: str
    cookie: int
    links: list[Link] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    local_routes: list[Route] = field(default_factory=list)
    rules: list[RoutingRule] = field(default_factory=list)
    neighbours: list[Neighbour] = field(default_factory=list)
    fdb: list[FdbEntry] = field(default_factory=list)
    sockets: list[ListeningSocket] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)
    peers: dict[int, int] = field(default_factory=dict)
    ruleset: Ruleset = field(default_factory=Ruleset)

    def link(self, ifname: str, **attributes: Any) -> Link:
        """Add a link, up and with carrier unless told otherwise."""
        index = Ifindex(len(self.links) + 1)
        mac = Mac(f"02:00:00:{self.cookie % 256:02x}:00:{index:02x}")
        given = {"mtu": 1500, "flags": UP, "operstate": Operstate.UP, "mac": mac, **attributes}
        made = Link(ifindex=index, ifname=Ifname(ifname), **given)
        self.links.append(made)
        return made

    def bridge(self, ifname: str, *addresses: str, **attributes: Any) -> Link:
        """Add a bridge with addresses; attributes of Bridge are taken too (stp=True, ...)."""
        of_bridge = {k: attributes.pop(k) for k in Bridge.__struct_fields__ if k in attributes}
        made = self.link(ifname, kind="bridge", bridge=Bridge(**of_bridge), **attributes)
        for address in addresses:
            self.address(ifname, address)
        return made

    def find(self, ifname: str) -> Link:
        """The link of that name."""
        return next(k for k in self.links if k.ifname == ifname)

    def change(self, ifname: str, **attributes: Any) -> Link:
        """Change attributes of a link, or (isolated=True, ...) of the port that it is."""
        link = self.find(ifname)
        of_port = {k: attributes.pop(k) for k in BridgePort.__struct_fields__ if k in attributes}
        of_bridge = {k: attributes.pop(k) for k in Bridge.__struct_fields__ if k in attributes}
        if of_port:
            assert link.port is not None
            attributes["port"] = replace(link.port, **of_port)
        if of_bridge:
            assert link.bridge is not None
            attributes["bridge"] = replace(link.bridge, **of_bridge)
        changed = replace(link, **attributes)
        self.links[self.links.index(link)] = changed
        return changed

    def address(self, ifname: str, interface: str, **attributes: Any) -> None:
        """Add an address with the routes that the kernel makes of it."""
        link, own = self.find(ifname), ip_interface(interface)
        self.addresses.append(Address(ifindex=link.ifindex, interface=own, **attributes))
        v4 = own.version == 4
        local = ip_network(own.network if link.is_loopback and v4 else own.ip)
        self.local_routes.append(
            Route(
                destination=local,
                table=TABLE_LOCAL,
                type="local",
                oif=link.ifindex,
                source=own.ip if v4 else None,
                scope="host" if v4 else "global",
                protocol=2,
            )
        )
        if own.network.prefixlen < own.max_prefixlen and not link.is_loopback:
            self.routes.append(
                Route(
                    destination=own.network,
                    oif=link.ifindex,
                    source=own.ip if v4 else None,
                    metric=0 if v4 else 256,
                    scope="link" if v4 else "global",
                    protocol=2,
                )
            )

    def route(
        self, to: str, *, via: str | None = None, dev: str | None = None, **attributes: Any
    ) -> None:
        """Add a route; `default` takes everything of the gateway's version."""
        gateway = None if via is None else ip_address(via)
        if to == "default":
            to = "::/0" if gateway is not None and gateway.version == 6 else "0.0.0.0/0"
        oif = None if dev is None else self.find(dev).ifindex
        if oif is None and gateway is not None:
            oif = next(r.oif for r in self.routes if gateway in r.destination)
        self.routes.append(
            Route(destination=ip_network(to), gateway=gateway, oif=oif, **attributes)
        )

    def rule(self, family: int, priority: int, **attributes: Any) -> None:
        """Add a routing rule beside the three (in IPv6 two) that always stand."""
        self.rules.append(RoutingRule(family=family, priority=priority, **attributes))

    def listens(
        self, port: int, address: str = "0.0.0.0", protocol: str = "tcp", **attributes: Any
    ) -> None:
        """Add a socket that takes packets."""
        self.sockets.append(
            ListeningSocket(
                protocol=SocketProtocol(protocol),
                address=ip_address(address),
                port=port,
                **attributes,
            )
        )

    def knows(
        self,
        dev: str,
        address: str,
        mac: str | None,
        state: NeighbourState = NeighbourState.REACHABLE,
    ) -> None:
        """Add a neighbour entry."""
        self.neighbours.append(
            Neighbour(
                ifindex=self.find(dev).ifindex,
                address=ip_address(address),
                mac=None if mac is None else Mac(mac),
                state=state,
            )
        )

    def learned(self, port: str, mac: str, **attributes: Any) -> None:
        """Add an FDB entry of the bridge that the port belongs to."""
        link = self.find(port)
        self.fdb.append(
            FdbEntry(mac=Mac(mac), ifindex=link.ifindex, bridge=link.master, **attributes)
        )

    def sysctl(self, key: str, value: int) -> None:
        """Set one, by the key that Stack.sysctls has."""
        self.sysctls[key] = str(value)

    def namespace(self) -> Namespace:
        """What was built, as it would have been read."""
        return Namespace(
            stack=Stack(
                netns=Netns(cookie=self.cookie, inode=4026530000 + self.cookie),
                links=tuple(self.links),
                addresses=tuple(self.addresses),
                routes=tuple(self.routes),
                local_routes=tuple(self.local_routes),
                rules=(*_standing_rules(), *self.rules),
                neighbours=tuple(self.neighbours),
                fdb=(*self._own_macs(), *self.fdb),
                sockets=tuple(self.sockets),
                sysctls=dict(self.sysctls),
            ),
            peers=dict(self.peers),
            ruleset=self.ruleset,
            connections=tuple(self.connections),
        )

    def _own_macs(self) -> list[FdbEntry]:
        """A bridge's own MAC and those of its ports: frames to them go up."""
        return [
            FdbEntry(
                mac=link.mac,
                ifindex=link.ifindex,
                bridge=link.ifindex if link.bridge else link.master,
                is_local=True,
            )
            for link in self.links
            if link.mac is not None and (link.bridge is not None or link.port is not None)
        ]


def _standing_rules() -> tuple[RoutingRule, ...]:
    return (
        RoutingRule(family=4, priority=0, table=TABLE_LOCAL),
        RoutingRule(family=4, priority=32766, table=TABLE_MAIN),
        RoutingRule(family=4, priority=32767, table=DEFAULT_TABLE),
        RoutingRule(family=6, priority=0, table=TABLE_LOCAL),
        RoutingRule(family=6, priority=32766, table=TABLE_MAIN),
    )


@dataclass
class World:
    """One host under construction; the first namespace is the host's."""

    boxes: dict[str, Box] = field(default_factory=dict)
    networks: list[NamedNetwork] = field(default_factory=list)

    def netns(self, name: str) -> Box:
        """Add a namespace with lo up."""
        box = Box(name, cookie=len(self.boxes) + 1)
        box.link("lo", flags=UP | IFF_LOOPBACK, mtu=65536, mac=Mac("00:00:00:00:00:00"))
        box.address("lo", "127.0.0.1/8", scope="host")
        box.address("lo", "::1/128", scope="host")
        self.boxes[name] = box
        return box

    def veth(
        self, a: Box, ifname_a: str, b: Box, ifname_b: str, **attributes: Any
    ) -> tuple[Link, Link]:
        """A cable between two namespaces (or within one)."""
        end_a = a.link(ifname_a, kind="veth", **attributes)
        end_b = b.link(ifname_b, kind="veth", **attributes)
        far = a is not b
        if far:
            a.peers[b.cookie] = b.cookie
            b.peers[a.cookie] = a.cookie
        return (
            a.change(ifname_a, peer=end_b.ifindex, link_nsid=b.cookie if far else None),
            b.change(ifname_b, peer=end_a.ifindex, link_nsid=a.cookie if far else None),
        )

    def enslave(self, box: Box, bridge: str, ifname: str, **port: Any) -> Link:
        """Make a link a port of a bridge."""
        master = box.find(bridge).ifindex
        number = 1 + sum(k.master == master for k in box.links)
        of_port: dict[str, Any] = {"number": number, "state": PortState.FORWARDING, **port}
        return box.change(ifname, master=master, port=BridgePort(**of_port))

    def plug(
        self,
        switch: Box,
        bridge: str,
        box: Box,
        *addresses: str,
        gateway: str | None = None,
        ifname: str = "eth0",
        port: str = "",
    ) -> Link:
        """Connect a namespace to a bridge as an engine does: veth, port, addresses, default route.

        MACs are those that glassbridge gives: 02:42 and the IPv4 address.
        """
        port = port or f"veth-{box.name}"[:15]
        self.veth(switch, port, box, ifname)
        self.enslave(switch, bridge, port)
        for address in addresses:
            own = ip_interface(address)
            if isinstance(own.ip, IPv4Address):
                box.change(ifname, mac=mac_of(own.ip))
            box.address(ifname, address)
        if gateway is not None:
            box.route("default", via=gateway)
        return box.find(ifname)

    def warm(self, bridge: str = "gb0", switch: str = HOST) -> None:
        """Everyone on the bridge has talked to everyone: neighbours and FDB are known."""
        host = self.boxes[switch]
        master = host.find(bridge)
        ends: list[tuple[Box, Link]] = [(host, master)]
        for port in host.links:
            if port.master != master.ifindex or port.link_nsid is None:
                continue
            box = next(b for b in self.boxes.values() if b.cookie == port.link_nsid)
            end = next(k for k in box.links if k.ifindex == port.peer)
            ends.append((box, end))
            assert end.mac is not None
            host.learned(port.ifname, end.mac)
        for box, end in ends:
            for other, its in ends:
                if other is not box:
                    for address in _addresses_of(other, its):
                        box.knows(end.ifname, str(address), its.mac)

    def snapshot(self, *, read: tuple[str, ...] | None = None, **attributes: Any) -> Snapshot:
        """All of it, or of some namespaces only what a live trace has read so far."""
        return Snapshot(
            home=next(iter(self.boxes.values())).cookie,
            namespaces={
                b.cookie: b.namespace()
                for b in self.boxes.values()
                if read is None or b.name in read
            },
            names=tuple(
                Name(
                    name=b.name,
                    origin=Origin.GLASSBRIDGE,
                    cookie=b.cookie,
                    addresses=tuple(
                        a.interface.ip for a in b.addresses if not a.interface.ip.is_loopback
                    ),
                )
                for b in list(self.boxes.values())[1:]
            ),
            networks=tuple(self.networks),
            **{"is_whole": read is None, **attributes},
        )


def _addresses_of(box: Box, link: Link) -> list[IPAddress]:
    return [a.interface.ip for a in box.addresses if a.ifindex == link.ifindex]


def two_containers(*, ipv6: bool = False, listens: int | None = 80) -> World:
    """The seed's story: nginx-1 and nginx-2 on gb0, each with its own stack."""
    world = World()
    host = world.netns(HOST)
    host.bridge("gb0", "172.17.0.1/16", *(("fd00::1/64",) if ipv6 else ()))
    host.change("gb0", mac=Mac("02:42:d8:e4:df:c1"))
    for number in (2, 3):
        box = world.netns(f"nginx-{number - 1}")
        addresses = (f"172.17.0.{number}/16", *((f"fd00::{number}/64",) if ipv6 else ()))
        world.plug(host, "gb0", box, *addresses, gateway="172.17.0.1")
        if ipv6:
            box.route("default", via="fd00::1")
        if listens is not None:
            box.listens(listens)
            box.listens(listens, "::", v6only=True)
    forwarding(host)
    world.networks.append(
        NamedNetwork(
            name="default",
            origin=Origin.GLASSBRIDGE,
            bridge="gb0",
            subnets=(ip_network("172.17.0.0/16"),),
        )
    )
    return world


def two_networks() -> World:
    """As two_containers, and a second bridge gb1 with db on it: 172.18.0.2, port 5432."""
    world = two_containers()
    host = world.boxes[HOST]
    host.bridge("gb1", "172.18.0.1/16")
    db = world.netns("db")
    world.plug(host, "gb1", db, "172.18.0.2/16", gateway="172.18.0.1")
    db.listens(5432)
    world.networks.append(
        NamedNetwork(
            name="back",
            origin=Origin.GLASSBRIDGE,
            bridge="gb1",
            subnets=(ip_network("172.18.0.0/16"),),
        )
    )
    return world


def with_uplink(world: World, gateway: str = "192.0.2.1", own: str = "192.0.2.10/24") -> World:
    """Give the host hardware that leads outside: uplink0, with the default route."""
    host = world.boxes[HOST]
    host.link("uplink0")
    host.address("uplink0", own)
    host.route("default", via=gateway)
    return world


def with_outside(world: World) -> World:
    """Give the host a cable to a namespace `outside` (192.0.2.1), which knows only its own link."""
    host, outside = world.boxes[HOST], world.netns("outside")
    world.veth(host, "uplink0", outside, "eth0")
    host.address("uplink0", "192.0.2.10/24")
    outside.address("eth0", "192.0.2.1/24")
    host.route("default", via="192.0.2.1")
    return world


def forwarding(box: Box, *, on: bool = True) -> None:
    """Let the namespace route for others, both versions."""
    box.sysctl("net.ipv4.ip_forward", int(on))
    box.sysctl("net.ipv6.conf.all.forwarding", int(on))
    for link in ("all", "default", *(k.ifname for k in box.links)):
        box.sysctl(f"net/ipv4/conf/{link}/forwarding", int(on))


def br_netfilter(box: Box, *, on: bool = True) -> None:
    """Have bridged frames pass the IP hooks of the namespace."""
    for key in ("iptables", "ip6tables"):
        box.sysctl(f"net.bridge.bridge-nf-call-{key}", int(on))
