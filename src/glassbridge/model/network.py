"""A network: one bridge, its subnets, and Docker's options for it."""

from collections.abc import Collection
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_interface
from typing import NewType

from msgspec import Struct, field

from glassbridge.model.address import IPAddress, IPInterface, IPNetwork, Mac

NetworkId = NewType("NetworkId", str)
"""64 lower-case hex digits, as Docker's."""

Ifname = NewType("Ifname", str)
"""At most 15 bytes (IFNAMSIZ - 1)."""


ANY_IPV4 = IPv4Address("0.0.0.0")  # noqa: S104 - Docker's default host binding


class GatewayMode(StrEnum):
    """Docker's gateway modes: who may reach a container's own address from outside the bridge."""

    NAT = "nat"
    NAT_UNPROTECTED = "nat-unprotected"
    ROUTED = "routed"
    ISOLATED = "isolated"


class SourceGuard(StrEnum):
    """Which source addresses a container may use.

    owner: any but another endpoint's or the gateway's; strict: its own only; off: any.
    """

    OWNER = "owner"
    STRICT = "strict"
    OFF = "off"


class Ingress(StrEnum):
    """Who may reach a container's own address, in the words of CNI's firewall plugin.

    open: other bridges' containers, too; same-bridge: those of its network, whatever was routed.
    """

    OPEN = "open"
    SAME_BRIDGE = "same-bridge"


class Manager(StrEnum):
    """An engine whose network it is: members come and go by its orders alone."""

    DOCKER = "docker"
    CNI = "cni"
    NETAVARK = "netavark"


class Managed(Struct, frozen=True, kw_only=True):
    """A network's name with the engine that manages it."""

    by: Manager
    key: str
    """Docker's network id, the name in CNI's configuration, netavark's network id."""

    def __str__(self) -> str:
        return f"{self.by}:{self.key}"


class AddressRange(Struct, frozen=True, kw_only=True):
    """From a first to a last address, both in it."""

    first: IPAddress
    last: IPAddress


class Subnet(Struct, frozen=True, kw_only=True):
    """One subnet of a network, which has one of each family, or several at CNI's order."""

    prefix: IPNetwork
    gateway: IPAddress | None = None
    """The bridge's own address; None in isolated mode or with inhibit_ipv4."""
    ip_range: IPNetwork | None = None
    ranges: tuple[AddressRange, ...] = ()
    """Where addresses are leased from, in this order; empty: `pool`."""
    on_bridge: bool = True
    """False: the gateway is another host's, and the bridge has no address here."""
    reserved: dict[str, IPAddress] = {}
    """Docker's auxiliary addresses: never leased."""
    range_set: int = 0
    """Of the subnets of one family that have the same number, one gives each member an address."""

    @property
    def pool(self) -> IPNetwork:
        """Where addresses are leased from when no address was asked for."""
        return self.ip_range or self.prefix


class NetworkOptions(Struct, frozen=True, kw_only=True):
    """What Docker's `-o` keys say, parsed; model.options has the keys."""

    icc: bool = True
    masquerade: bool = True
    host_binding: IPv4Address = field(default_factory=lambda: ANY_IPV4)
    gateway_mode4: GatewayMode = GatewayMode.NAT
    gateway_mode6: GatewayMode = GatewayMode.NAT
    inhibit_ipv4: bool = False
    trusted_interfaces: tuple[Ifname, ...] = ()
    host_ipv4: IPv4Address | None = None
    """SNAT to this address instead of masquerading."""
    host_ipv6: IPv6Address | None = None
    mtu: int = 1500
    ifname_prefix: str = "eth"
    source_guard: SourceGuard = SourceGuard.OWNER
    ingress: Ingress = Ingress.SAME_BRIDGE
    promiscuous: bool = False
    """The host gets every frame that passes the bridge."""


class Network(Struct, frozen=True, kw_only=True):
    """One network as it should be."""

    id: NetworkId
    name: str
    bridge: Ifname
    bridge_mac: Mac
    adopted: bool = False
    """The bridge existed before us: we use it, and never create or delete it."""
    ipv4: Subnet | None = None
    ipv6: Subnet | None = None
    more: tuple[Subnet, ...] = ()
    """Subnets beyond one of each family, as CNI's range sets may name."""
    internal: bool = False
    options: NetworkOptions = field(default_factory=NetworkOptions)
    labels: dict[str, str] = {}
    managed: Managed | None = None
    names_port: int = 0
    """Where port 53 of its gateway leads, for its members; 0: nobody answers."""
    created: float = 0.0
    """Seconds since the epoch."""

    @property
    def subnets(self) -> tuple[Subnet, ...]:
        """The subnets present: IPv4, IPv6, then whatever else it has."""
        return (*(s for s in (self.ipv4, self.ipv6) if s is not None), *self.more)

    @property
    def gateway_interfaces(self) -> tuple[IPInterface, ...]:
        """The bridge's own addresses with their prefix, IPv4 first."""
        return tuple(
            ip_interface(f"{s.gateway}/{s.prefix.prefixlen}")
            for s in self.subnets
            if s.gateway is not None
            and s.on_bridge
            and not (self.options.inhibit_ipv4 and isinstance(s.gateway, IPv4Address))
        )

    @property
    def next_hops(self) -> tuple[IPAddress, ...]:
        """Where containers send what is not theirs.

        Docker's DefaultGateway auxiliary address, else the bridge's own.
        """
        keys = {4: "DefaultGatewayIPv4", 6: "DefaultGatewayIPv6"}
        firsts = (s for s in (self.ipv4, self.ipv6) if s is not None)
        wished = (s.reserved.get(keys[s.prefix.version], s.gateway) for s in firsts)
        return tuple(a for a in wished if a is not None)

    @property
    def name_servers(self) -> tuple[IPAddress, ...]:
        """Where its members ask for names, IPv4 first: dockerd answers on its own networks itself.

        A link-local address would need the asker's link beside it.
        """
        if self.managed is not None and self.managed.by is Manager.DOCKER:
            return ()
        return tuple(a.ip for a in self.gateway_interfaces if not a.ip.is_link_local)

    def near_gateways(self, addresses: Collection[IPInterface]) -> dict[IPAddress, IPAddress]:
        """For each gateway the one of the same range set that an endpoint has at hand."""
        near = {
            (s.prefix.version, s.range_set): s.gateway
            for s in self.subnets
            if s.gateway is not None and any(a.ip in s.prefix for a in addresses)
        }
        sets = ((s.gateway, (s.prefix.version, s.range_set)) for s in self.subnets)
        return {g: near[key] for g, key in sets if g is not None and key in near}

    def gateway_mode(self, address: IPAddress) -> GatewayMode:
        """The mode of the family of an address."""
        is4 = isinstance(address, IPv4Address)
        return self.options.gateway_mode4 if is4 else self.options.gateway_mode6
