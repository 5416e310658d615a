"""Both halves of an engine that dockerd drives, without a kernel: values in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from ipaddress import ip_address, ip_interface, ip_network

from msgspec.structs import replace

from glassbridge.errors import NotFound
from glassbridge.model.address import IPAddress, IPInterface, Mac
from glassbridge.model.driven import AddressPool, DrivenEndpoint, Joined, PoolId, PoolWish
from glassbridge.model.endpoint import (
    Endpoint,
    EndpointId,
    EndpointState,
    PortWish,
    SandboxId,
)
from glassbridge.model.network import Ifname, Managed, Network, NetworkId
from glassbridge.model.requests import NetworkRequest

GATEWAYS = (ip_address("172.24.0.1"), ip_address("fd00::1"))
MAC = Mac("02:42:ac:18:00:02")


class DockerEngineStandIn:
    """Is driver and ipam at once; `fault` makes every call fail with it."""

    def __init__(self) -> None:
        self.slow = threading.Event()
        self.forget_everything()

    def forget_everything(self) -> None:
        self.fault: Exception | None = None
        self.slow.set()
        self.asked: list[object] = []
        self.gateways: tuple[IPAddress, ...] = GATEWAYS
        self.networks: dict[Managed, NetworkRequest] = {}
        self.endpoints: dict[EndpointId, Endpoint] = {}
        self.joined: dict[EndpointId, str] = {}
        self.ports: dict[EndpointId, tuple[PortWish, ...]] = {}
        self.pools: dict[PoolId, set[IPAddress]] = {}

    def _check(self, *asked: object) -> None:
        self.asked.append(asked)
        assert self.slow.wait(30)
        if self.fault is not None:
            raise self.fault

    # -- the driver

    def create_network(self, request: NetworkRequest) -> Network:
        self._check("create_network", request)
        assert request.managed is not None
        self.networks[request.managed] = request
        return Network(
            id=NetworkId("d" * 64),
            name=request.name,
            bridge=Ifname("gb-dddddddd"),
            bridge_mac=Mac("02:42:00:00:00:02"),
        )

    def remove_network(self, network: Managed) -> None:
        self._check("remove_network", network)
        self.networks.pop(network, None)

    def reserve(self, wish: DrivenEndpoint) -> Endpoint:
        self._check("reserve", wish)
        made = Endpoint(
            id=wish.id,
            network=NetworkId("d" * 64),
            sandbox=SandboxId(wish.id),
            ifname=Ifname("eth0"),
            host_end=Ifname(f"veth{wish.id[:7]}"),
            mac=Mac(wish.mac or MAC),
            host_mac=MAC,
            ipv4=wish.ipv4,
            ipv6=wish.ipv6,
            state=EndpointState.RESERVED,
        )
        self.endpoints[wish.id] = made
        return made

    def join(self, endpoint: EndpointId, netns: str) -> Joined:
        self._check("join", endpoint, netns)
        if endpoint not in self.endpoints:
            raise NotFound(f"no such endpoint: {endpoint}")
        self.joined[endpoint] = netns
        return Joined(link=Ifname(f"gb{endpoint[:7]}"), ifname_prefix="eth", gateways=self.gateways)

    def publish(self, endpoint: EndpointId, ports: Sequence[PortWish]) -> Endpoint:
        self._check("publish", endpoint, ports)
        self.ports[endpoint] = tuple(ports)
        return replace(self.endpoints[endpoint], is_gateway=True)

    def unpublish(self, endpoint: EndpointId) -> None:
        self._check("unpublish", endpoint)
        self.ports.pop(endpoint, None)

    def leave(self, endpoint: EndpointId) -> None:
        self._check("leave", endpoint)
        self.joined.pop(endpoint, None)

    def forget(self, endpoint: EndpointId) -> None:
        self._check("forget", endpoint)
        self.endpoints.pop(endpoint, None)

    # -- the address manager

    def request_pool(self, wish: PoolWish) -> AddressPool:
        self._check("request_pool", wish)
        prefix = ip_network(wish.prefix or ("fd00::/64" if wish.ipv6 else "172.24.0.0/16"))
        pool = AddressPool(id=PoolId(f"glassbridge/{prefix}"), prefix=prefix)
        self.pools[pool.id] = set()
        return pool

    def release_pool(self, pool: PoolId) -> None:
        self._check("release_pool", pool)
        self.pools.pop(pool, None)

    def request_address(self, pool: PoolId, address: IPAddress | None) -> IPInterface:
        self._check("request_address", pool, address)
        prefix = ip_network(pool.partition("/")[2])
        taken = self.pools.setdefault(pool, set())
        leased = address or next(a for a in prefix.hosts() if a not in taken)
        taken.add(leased)
        return ip_interface(f"{leased}/{prefix.prefixlen}")

    def release_address(self, pool: PoolId, address: IPAddress) -> None:
        self._check("release_address", pool, address)
        self.pools.get(pool, set()).discard(address)
