"""What the engine knows: loaded from the store at start, changed by the writer thread alone.

Values are frozen and dictionaries are replaced entry by entry, so any thread may read.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from glassbridge.engine.pool_registry import PoolRegistry
from glassbridge.engine.registry import Registry
from glassbridge.errors import Conflict, Hint, NotFound, Remedy
from glassbridge.ipam.pool import Pool
from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.container import Container
from glassbridge.model.endpoint import (
    Endpoint,
    EndpointId,
    Protocol,
    PublishedPort,
    Sandbox,
    SandboxId,
)
from glassbridge.model.names import Identified, resolve
from glassbridge.model.network import Ifname, Managed, Network, NetworkId, Subnet


class State:
    """Networks, sandboxes, endpoints, containers, and the pools that their addresses come from."""

    def __init__(self) -> None:
        self.networks = Registry[Network]("network")
        self.realised: set[NetworkId] = set()
        self.sandboxes = Registry[Sandbox]("container")
        self.endpoints: dict[EndpointId, Endpoint] = {}
        self.containers = Registry[Container]("container")
        self.address_pools = PoolRegistry()
        self.names_port = 0
        """Where new networks are to be asked for names; 0: nobody would answer."""
        self.changes = 0
        """Grows with every change of networks, endpoints and sandboxes, once it is to be seen."""
        self.network_changes = 0
        """Those of networks alone, without their members."""
        self._changes: dict[NetworkId, int] = {}
        self._by_network: dict[NetworkId, dict[EndpointId, Endpoint]] = {}
        self._pools: dict[NetworkId, tuple[Pool, ...]] = {}
        self._by_sandbox: dict[SandboxId, tuple[EndpointId, ...]] = {}
        self._by_host_end: dict[Ifname, EndpointId] = {}
        self._publishers: dict[tuple[int, Protocol], set[EndpointId]] = {}
        self._by_cookie: dict[int, SandboxId] = {}
        self._by_key: dict[tuple[NetworkId, str, Ifname], EndpointId] = {}
        self._managed: dict[Managed, NetworkId] = {}
        self._by_address: dict[IPAddress, EndpointId] = {}
        self._last_mac: dict[tuple[NetworkId, IPAddress], Mac] = {}

    def add_network(self, network: Network) -> None:
        """Make a network known, and its pools with it."""
        self.networks.put(network)
        self._pools[network.id] = tuple(map(Pool, network.subnets))
        if network.managed is not None:
            self._managed[network.managed] = network.id
        self.network_changes += 1
        self._changed(network.id)

    def change_network(self, network: Network) -> None:
        """Replace a network's definition under its members; raises where an address cannot stay.

        Leases stay; what rests in a pool that changes may be leased at once.
        """
        self._pools[network.id] = tuple(self._renewed_pool(network, s) for s in network.subnets)
        self.networks.put(network)
        self.network_changes += 1
        self._changed(network.id)

    def drop_network(self, network: Network) -> None:
        """Forget a network and its pools."""
        self.networks.drop(network.id)
        self.network_changes += 1
        self.realised.discard(network.id)
        if network.managed is not None:
            self._managed.pop(network.managed, None)
        self._pools.pop(network.id, None)
        self._last_mac = {k: mac for k, mac in self._last_mac.items() if k[0] != network.id}
        self._by_network.pop(network.id, None)
        self._changes.pop(network.id, None)
        self.changes += 1

    def changes_of(self, network: NetworkId) -> int:
        """What `changes` was when something of this network changed last."""
        return self._changes.get(network, 0)

    def managed(self, managed: Managed) -> Network | None:
        """The network that an engine knows under this key."""
        found = self._managed.get(managed)
        return None if found is None else self.networks.get(found)

    def pools(self, network: Network) -> tuple[Pool, ...]:
        """The pools of a network, one for each of its subnets, in their order."""
        return self._pools.get(network.id, ())

    def pool(self, network: Network, version: int) -> Pool | None:
        """The first pool of a family, None where the network lacks the family."""
        return next((p for p in self.pools(network) if p.subnet.prefix.version == version), None)

    def pool_of(self, network: Network, address: IPAddress) -> Pool | None:
        """The pool that an address is of."""
        return next((p for p in self.pools(network) if address in p.subnet.prefix), None)

    def put_endpoint(self, endpoint: Endpoint) -> None:
        """Add or replace an endpoint."""
        if endpoint.id not in self.endpoints:
            held = self._by_sandbox.get(endpoint.sandbox, ())
            self._by_sandbox[endpoint.sandbox] = (*held, endpoint.id)
            self._by_host_end[endpoint.host_end] = endpoint.id
            if endpoint.container:
                self._by_key[_key_of(endpoint)] = endpoint.id
            for address in endpoint.addresses:
                self._by_address[address] = endpoint.id
        else:
            self._unpublish(self.endpoints[endpoint.id])
        for port in endpoint.ports:
            self._publishers.setdefault((port.host_port, port.protocol), set()).add(endpoint.id)
        self.endpoints[endpoint.id] = endpoint
        self._by_network.setdefault(endpoint.network, {})[endpoint.id] = endpoint
        self._changed(endpoint.network)

    def drop_endpoint(self, endpoint: Endpoint, now: float) -> None:
        """Forget an endpoint; its addresses rest from now on. Already gone is success.

        Then its addresses may be another's by now, and are left alone.
        """
        known = self.endpoints.pop(endpoint.id, None)
        if known is None:
            return
        self._by_network.get(known.network, {}).pop(known.id, None)
        self._changed(known.network)
        self._unpublish(known)
        self._by_host_end.pop(endpoint.host_end, None)
        self._by_key.pop(_key_of(endpoint), None)
        for address in endpoint.addresses:
            if self._by_address.get(address) == endpoint.id:
                del self._by_address[address]
        held = tuple(e for e in self._by_sandbox.get(endpoint.sandbox, ()) if e != endpoint.id)
        if held:
            self._by_sandbox[endpoint.sandbox] = held
        else:
            self._by_sandbox.pop(endpoint.sandbox, None)
        for address in endpoint.addresses:
            self._last_mac[endpoint.network, address] = endpoint.mac
        network = self.networks.get(endpoint.network)
        if network is not None:
            self.release(network, endpoint.addresses, now)

    def release(self, network: Network, addresses: Iterable[IPAddress], now: float) -> None:
        """Give leases back to their pools."""
        for address in addresses:
            pool = self.pool_of(network, address)
            if pool is not None:
                pool.release(address, now)

    def mac_may_have_changed(self, endpoint: Endpoint) -> bool:
        """Whether neighbours may still know one of its addresses under another MAC."""
        known = (self._last_mac.get((endpoint.network, a)) for a in endpoint.addresses)
        return any(mac not in (None, endpoint.mac) for mac in known)

    def endpoints_of(self, sandbox: SandboxId) -> tuple[Endpoint, ...]:
        """The endpoints of a sandbox in the order of joining."""
        found = (self.endpoints.get(i) for i in self._by_sandbox.get(sandbox, ()))
        return tuple(e for e in found if e is not None)

    def endpoint_at(self, host_end: Ifname) -> Endpoint | None:
        """The endpoint whose host end has this name."""
        found = self._by_host_end.get(host_end)
        return None if found is None else self.endpoints.get(found)

    def keyed(self, network: NetworkId, container: str, ifname: Ifname) -> Endpoint | None:
        """The endpoint that CNI or netavark names so."""
        found = self._by_key.get((network, container, ifname))
        return None if found is None else self.endpoints.get(found)

    def holder(self, address: IPAddress) -> Endpoint | None:
        """An endpoint that has this address, on whatever network."""
        found = self._by_address.get(address)
        return None if found is None else self.endpoints.get(found)

    def members(self, network: NetworkId) -> tuple[Endpoint, ...]:
        """The endpoints of a network."""
        return tuple(self._by_network.get(network, {}).values())

    def put_sandbox(self, sandbox: Sandbox) -> None:
        """Add a sandbox."""
        self.sandboxes.put(sandbox)
        self._by_cookie[sandbox.netns_cookie] = sandbox.id
        for endpoint in self.endpoints_of(sandbox.id):
            self._changed(endpoint.network)

    def drop_sandbox(self, sandbox_id: SandboxId) -> None:
        """Forget a sandbox; already gone is success."""
        sandbox = self.sandboxes.get(sandbox_id)
        if sandbox is not None:
            self._by_cookie.pop(sandbox.netns_cookie, None)
            self.sandboxes.drop(sandbox_id)

    def sandbox_in(self, netns_cookie: int) -> Sandbox | None:
        """The sandbox that a namespace is."""
        found = self._by_cookie.get(netns_cookie)
        return None if found is None else self.sandboxes.get(found)

    def publishers(self, port: PublishedPort) -> tuple[Endpoint, ...]:
        """The endpoints that publish this port number, on whatever address."""
        found = self._publishers.get((port.host_port, port.protocol), ())
        return tuple(self.endpoints[i] for i in tuple(found) if i in self.endpoints)

    def network(self, ref: str) -> Network:
        """Find a network by name, id or unique prefix; raises NotFound or Conflict."""
        return self.networks.find(ref)

    def sandbox(self, ref: str) -> Sandbox:
        """Find a sandbox by name, id or unique prefix; raises NotFound or Conflict."""
        return self.sandboxes.find(ref)

    def container(self, ref: str) -> Container:
        """Find a container of our runtime; raises NotFound or Conflict."""
        attached = self.sandboxes.get(ref) or self.sandboxes.named(ref)
        if attached is not None and attached.id not in self.containers:
            raise NotFound(
                f"{attached.name} is an attached namespace, not a container",
                hint=f"take its network away: glassbridge detach {attached.name}",
            )
        return self.containers.find(ref)

    def find(self, ref: str) -> SandboxId:
        """Find a sandbox or a stopped container; raises NotFound or Conflict."""
        known: Sandbox | Container | None
        for registry in (self.sandboxes, self.containers):
            known = registry.get(ref) or registry.named(ref)
            if known is not None:
                return known.id
        items: list[Identified] = list(self.sandboxes)
        items += [c for c in self.containers if c.id not in self.sandboxes]
        return SandboxId(resolve(ref, items, otherwise=Hint(Remedy.LIST_CONTAINERS)).id)

    def check_name_is_free(self, name: str) -> None:
        """Names are shared by containers and attached namespaces; raises Conflict."""
        taken = self.sandboxes.named(name) or self.containers.named(name)
        if taken is not None:
            networks = (self.networks.get(e.network) for e in self.endpoints_of(taken.id))
            is_anothers = any(n is not None and n.managed is not None for n in networks)
            command = "rm" if taken.id in self.containers else "detach"
            remove = "" if is_anothers else f", or remove that one: glassbridge {command} {name}"
            raise Conflict(
                f"the name {name} is taken by {taken.id[:12]}", hint=f"choose another{remove}"
            )

    def mark(self, endpoint: Endpoint, **changes: object) -> Endpoint:
        """Replace an endpoint by one with other field values."""
        changed = replace(endpoint, **changes)
        self.put_endpoint(changed)
        return changed

    def _changed(self, network: NetworkId) -> None:
        self.changes += 1
        self._changes[network] = self.changes

    def _renewed_pool(self, network: Network, subnet: Subnet) -> Pool:
        for known in self.pools(network):
            if known.subnet == subnet:
                return known
        pool = Pool(subnet)
        for endpoint in self.members(network.id):
            for address in endpoint.addresses:
                if address in subnet.prefix:
                    pool.reserve(address, self.sandboxes[endpoint.sandbox].name)
        return pool

    def _unpublish(self, endpoint: Endpoint) -> None:
        for port in endpoint.ports:
            found = self._publishers.get((port.host_port, port.protocol))
            if found is not None:
                found.discard(endpoint.id)


def _key_of(endpoint: Endpoint) -> tuple[NetworkId, str, Ifname]:
    return endpoint.network, endpoint.container, endpoint.ifname
