"""A sandbox's attachment to a network, and the ports that it publishes."""

from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Address, IPv6Interface
from typing import NewType

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.address import IPAddress, IPInterface, IPNetwork, Mac
from glassbridge.model.network import Ifname, NetworkId

EndpointId = NewType("EndpointId", str)
"""64 lower-case hex digits."""

SandboxId = NewType("SandboxId", str)
"""The container's id where there is one, else 64 hex digits of our own."""


class Protocol(StrEnum):
    """What can be published; the value is the kernel's and Docker's word."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class PortWish(Struct, frozen=True, kw_only=True):
    """One `-p`, one port of it: ranges are taken apart when parsed."""

    container_port: int
    protocol: Protocol = Protocol.TCP
    host_address: IPAddress | None = None
    """None: the network's host binding (0.0.0.0, and :: where the endpoint has IPv6)."""
    host_ports: tuple[int, int] | None = None
    """First and last that will do; None: an ephemeral one of the kernel's range."""


class PublishedPort(Struct, frozen=True, kw_only=True, order=True):
    """A host port that leads to a container port; 0.0.0.0 and :: mean any address."""

    host_address: IPAddress
    host_port: int
    container_port: int
    protocol: Protocol

    def __str__(self) -> str:
        host = self.host_address
        where = (
            ""
            if host.is_unspecified
            else f"[{host}]:"
            if isinstance(host, IPv6Address)
            else f"{host}:"
        )
        suffix = "" if self.protocol is Protocol.TCP else f"/{self.protocol}"
        return f"{where}{self.host_port}->{self.container_port}{suffix}"


class RouteKind(StrEnum):
    """What a route does with a packet (rtnetlink(7), rtm_type)."""

    UNICAST = "unicast"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"


class Hiding(StrEnum):
    """Whose address a container does not see behind its published ports, but the host's instead."""

    NOBODY = "nobody"
    SIBLINGS = "siblings"
    """Those of its own network, whose answer would else be bridged past the translation."""
    EVERYBODY = "everybody"


class StaticRoute(Struct, frozen=True, kw_only=True):
    """A route that a client asked for in the sandbox; None leaves an attribute to the kernel."""

    destination: IPNetwork
    gateway: IPAddress | None = None
    kind: RouteKind = RouteKind.UNICAST
    metric: int | None = None
    table: int | None = None
    scope: int | None = None
    mtu: int | None = None
    advmss: int | None = None


class Shaping(Struct, frozen=True, kw_only=True):
    """Bandwidth as the sandbox sees it, in bits per second and bits; 0: not limited."""

    ingress_rate: int = 0
    ingress_burst: int = 0
    egress_rate: int = 0
    egress_burst: int = 0


class LinkSettings(Struct, frozen=True, kw_only=True):
    """What a client wants of the sandbox end beyond its address; None: as the kernel makes it."""

    mtu: int | None = None
    queue_length: int | None = None
    promiscuous: bool | None = None
    all_multicast: bool | None = None
    is_down: bool = False
    """It is left down."""
    sysctls: dict[str, str] = {}
    """By key, such as net.ipv4.conf.eth0.arp_filter, in the sandbox's namespace."""


class EndpointState(StrEnum):
    """Intent is written before the kernel is touched (attaching, detaching), then settled."""

    RESERVED = "reserved"
    """Docker's CreateEndpoint: its addresses are held, and there is no link yet."""
    ATTACHING = "attaching"
    ATTACHED = "attached"
    DETACHING = "detaching"


class SandboxKind(StrEnum):
    """Who made the network namespace, hence who removes it."""

    CONTAINER = "container"
    FOREIGN = "foreign"
    DOCKER = "docker"
    """One for each of Docker's endpoints: dockerd moves the link there by itself."""


class Sandbox(Struct, frozen=True, kw_only=True):
    """One network stack: a namespace and a name."""

    id: SandboxId
    name: str
    netns: str
    """A path that opens the namespace."""
    netns_cookie: int
    """SO_NETNS_COOKIE: never reused within a boot, unlike the inode."""
    kind: SandboxKind = SandboxKind.FOREIGN
    pid: int | None = None
    """The process that was named with --pid: the path dies with it."""
    created: float = 0.0


class Endpoint(Struct, frozen=True, kw_only=True):
    """One attachment as it should be."""

    id: EndpointId
    network: NetworkId
    sandbox: SandboxId
    ifname: Ifname
    """The sandbox end: eth0, eth1, ..."""
    host_end: Ifname
    """`veth` + 7 hex digits."""
    mac: Mac
    host_mac: Mac
    ipv4: IPv4Interface | None = None
    ipv6: IPv6Interface | None = None
    gateway_priority: int = 0
    is_gateway: bool = False
    """This endpoint carries the sandbox's default route and its published ports."""
    ports: tuple[PublishedPort, ...] = ()
    aliases: tuple[str, ...] = ()
    more: tuple[IPInterface, ...] = ()
    """Addresses beyond one of each family, as a CNI IPAM plugin may give."""
    routes: tuple[StaticRoute, ...] = ()
    """Routes that its client asked for; a default route of the gateway's kind is not among them."""
    settings: LinkSettings | None = None
    shaping: Shaping | None = None
    hairpin: bool = False
    """Its frames may leave by the port that they came from, also where it publishes nothing."""
    hides: Hiding = Hiding.SIBLINGS
    has_foreign_cable: bool = False
    """An earlier plugin of a CNI chain made the veth pair: only firewall and shaping are ours."""
    container: str = ""
    """How CNI or netavark names it again, with its network and ifname; empty: it is neither's."""
    state: EndpointState = EndpointState.ATTACHED
    created: float = 0.0

    @property
    def interfaces(self) -> tuple[IPInterface, ...]:
        """The addresses with their prefix: IPv4, IPv6, then whatever else it has."""
        return (*(a for a in (self.ipv4, self.ipv6) if a is not None), *self.more)

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The bare addresses, IPv4 first."""
        return tuple(a.ip for a in self.interfaces)

    def without_ports(self) -> "Endpoint":
        """The same endpoint once another one carries the sandbox's ports and default route."""
        return replace(self, ports=(), is_gateway=False)

    @property
    def has_shaper(self) -> bool:
        """Whether what it sends passes an ifb device of its own (model.kernel_names)."""
        return self.shaping is not None and self.shaping.egress_rate > 0

    @property
    def alias(self) -> str:
        """What `ip link` shows for the host end: how leftovers are known as ours."""
        return f"glassbridge:{self.id[:12]}"
