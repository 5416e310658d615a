"""Hosts put together by hand: bridges, containers, links of other kinds, labs within containers."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network

from msgspec.structs import replace

from glassbridge.model.address import Mac
from glassbridge.model.network import Ifname
from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Name, NamedNetwork, Namespace, Published, Snapshot
from glassbridge.model.tables import Address, Ifindex, Route
from glassbridge.model.topology import Bridge, BridgePort, Link, Netns, PortState, Stack

HOME = 1
UP = 0x1 | 0x10000


class Builder:
    """A host that grows; `snapshot` is what it is."""

    def __init__(self) -> None:
        self.snapshot = Snapshot(home=HOME, namespaces={}, kernel="6.18.44")
        self.namespace(HOME)
        lo = Link(ifindex=Ifindex(1), ifname=Ifname("lo"), flags=UP | 0x8)
        self.link(HOME, lo)

    def namespace(self, cookie: int, name: str = "", origin: Origin = Origin.GLASSBRIDGE) -> int:
        netns = Netns(cookie=cookie, inode=4026530000 + cookie)
        known = {**self.snapshot.namespaces, cookie: Namespace(stack=Stack(netns=netns))}
        self.snapshot = replace(self.snapshot, namespaces=known)
        if name:
            named = Name(name=name, origin=origin, cookie=cookie)
            self.snapshot = replace(self.snapshot, names=(*self.snapshot.names, named))
        return cookie

    def link(self, cookie: int, link: Link, *addresses: str) -> Link:
        namespace = self.snapshot.namespaces[cookie]
        stack = namespace.stack
        given = (Address(ifindex=link.ifindex, interface=ip_interface(a)) for a in addresses)
        stack = replace(stack, links=(*stack.links, link), addresses=(*stack.addresses, *given))
        self.snapshot.namespaces[cookie] = replace(namespace, stack=stack)
        return link

    def index(self, cookie: int) -> Ifindex:
        """The next that is free."""
        links = self.snapshot.namespaces[cookie].stack.links
        return Ifindex(1 + max((int(link.ifindex) for link in links), default=1))

    def simple(
        self, cookie: int, name: str, *addresses: str, kind: str = "", **more: object
    ) -> Link:
        link = Link(
            ifindex=self.index(cookie), ifname=Ifname(name), kind=kind, flags=UP,
            mac=Mac("02:00:00:00:00:01"), mtu=1500,
        )  # fmt: skip
        return self.link(cookie, replace(link, **more), *addresses)

    def bridge(
        self, name: str, *addresses: str, network: str = "", owner: Origin = Origin.GLASSBRIDGE,
        cookie: int = HOME,
    ) -> Link:  # fmt: skip
        if network:
            named = NamedNetwork(name=network, origin=owner, bridge=name)
            self.snapshot = replace(self.snapshot, networks=(*self.snapshot.networks, named))
        return self.simple(cookie, name, *addresses, kind="bridge", bridge=Bridge())

    def plug(
        self, bridge: Link | None, cookie: int, name: str, *addresses: str, into: int = HOME,
        inner: str = "eth0",
    ) -> None:  # fmt: skip
        """A veth pair from a namespace into a bridge, or into a namespace itself."""
        outer_index, inner_index = self.index(into), self.index(cookie)
        port = None
        if bridge is not None:
            ports = self.snapshot.namespaces[into].stack.ports(bridge.ifindex)
            port = BridgePort(number=len(ports) + 1, state=PortState.FORWARDING)
        self.simple(
            into, name, kind="veth", peer=inner_index, link_nsid=cookie, port=port,
            master=bridge.ifindex if bridge else None, ifindex=outer_index,
        )  # fmt: skip
        self.simple(
            cookie, inner, *addresses, kind="veth", peer=outer_index, link_nsid=into,
            ifindex=inner_index,
        )  # fmt: skip
        for one, other in ((into, cookie), (cookie, into)):
            namespace = self.snapshot.namespaces[one]
            peers = {**namespace.peers, other: other}
            self.snapshot.namespaces[one] = replace(namespace, peers=peers)

    def uplink(self, name: str, address: str) -> None:
        link = self.simple(HOME, name, address)
        namespace = self.snapshot.namespaces[HOME]
        way = Route(destination=ip_network("0.0.0.0/0"), oif=link.ifindex)
        stack = replace(namespace.stack, routes=(*namespace.stack.routes, way))
        self.snapshot.namespaces[HOME] = replace(namespace, stack=stack)

    def publish(self, host_port: int, address: str, port: int) -> None:
        published = Published(
            host_address=ip_address("0.0.0.0"), host_port=host_port, transport=Transport.TCP,
            container_address=ip_address(address), container_port=port,
            origin=Origin.GLASSBRIDGE,
        )  # fmt: skip
        self.snapshot = replace(self.snapshot, published=(*self.snapshot.published, published))


def three_containers() -> Snapshot:
    """Two of ours on one bridge, one of Docker's on its own."""
    host = Builder()
    host.uplink("eth0", "192.0.2.2/24")
    gb0 = host.bridge("gb0", "172.17.0.1/16", network="bridge")
    docker0 = host.bridge("docker0", "172.18.0.1/16", network="bridge", owner=Origin.DOCKER)
    host.plug(gb0, host.namespace(11, "nginx-1"), "veth9c02e56", "172.17.0.2/16")
    host.plug(gb0, host.namespace(12, "nginx-2"), "vethb4963f3", "172.17.0.3/16")
    host.plug(docker0, host.namespace(13, "db", Origin.DOCKER), "veth11aa22b", "172.18.0.5/16")
    host.publish(8080, "172.17.0.2", 80)
    return host.snapshot


def motley() -> Snapshot:
    """Of every kind one, and a lab inside a container."""
    host = Builder()
    host.uplink("enp3s0", "192.0.2.2/24")
    host.simple(HOME, "wg0", "10.9.0.1/24", kind="wireguard")
    gb0 = host.bridge("gb0", "172.17.0.1/16", "fd00::1/64", network="bridge")
    closed = host.bridge("gb-4f1c09a2", "10.4.0.1/24", network="backend")
    web = host.namespace(11, "web")
    host.plug(gb0, web, "veth9c02e56", "172.17.0.2/16", "fd00::2/64")
    host.plug(closed, web, "veth0b0b0b0", "10.4.0.2/24", inner="eth1")
    host.plug(closed, host.namespace(12, "db"), "vethd0d0d0d", "10.4.0.3/24")
    host.simple(HOME, "vnet3", kind="tun", master=gb0.ifindex)
    lab = host.namespace(13, "lab")
    host.plug(gb0, lab, "vethlab0001", "172.17.0.9/16")
    br0 = host.bridge("br0", "10.0.0.1/24", cookie=lab)
    for n in (1, 2):
        inside = host.namespace(20 + n, f"lab-box-{n}", Origin.NETNS)
        host.plug(br0, inside, f"port{n}", f"10.0.0.{n + 1}/24", into=lab)
    host.plug(None, host.namespace(14, "point", Origin.NETNS), "veth-p2p", "10.7.0.2/30")
    trunk = host.simple(HOME, "bond0", "198.51.100.7/24", kind="bond")
    host.simple(HOME, "bond0.10", "10.10.0.1/24", kind="vlan", parent=trunk.ifindex)
    iot = host.namespace(15, "iot", Origin.PODMAN)
    host.simple(iot, "eth0", "198.51.100.8/24", kind="macvlan", parent=trunk.ifindex, link_nsid=1)
    namespace = host.snapshot.namespaces[iot]
    host.snapshot.namespaces[iot] = replace(namespace, peers={1: HOME})
    host.namespace(16, "sandbox", Origin.NETNS)
    return host.snapshot


def many(count: int, bridges: int = 1) -> Snapshot:
    """So many containers, spread over bridges."""
    host = Builder()
    host.uplink("eth0", "192.0.2.2/24")
    made = [
        host.bridge(f"gb-{b:08x}", f"10.{b}.0.1/16", network=f"net-{b}") for b in range(bridges)
    ]
    for n in range(count):
        box = host.namespace(100 + n, f"worker-{n + 1}")
        b = n % bridges
        address = ip_network(f"10.{b}.0.0/16")[n + 2]
        host.plug(made[b], box, f"veth{n:07x}", f"{address}/16")
    return host.snapshot
