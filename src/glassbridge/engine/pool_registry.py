"""The address pools that Docker holds, and who has which address of them."""

from collections.abc import Iterator

from msgspec.structs import replace

from glassbridge.errors import NotFound
from glassbridge.ipam.pool import Pool
from glassbridge.model.driven import AddressPool, PoolId
from glassbridge.model.network import Manager, Network, Subnet
from glassbridge.model.requests import NetworkRequest

HOLDER = "Docker"
"""Its IPAM protocol does not tell for whom an address is."""


class PoolRegistry:
    """Changed by the writer thread alone; any thread may read."""

    def __init__(self) -> None:
        self._known: dict[PoolId, AddressPool] = {}
        self._leases: dict[PoolId, Pool] = {}

    def __iter__(self) -> Iterator[AddressPool]:
        """Iterate over a copy: another thread may change the registry meanwhile."""
        return iter(tuple(self._known.values()))

    def get(self, pool: PoolId) -> AddressPool | None:
        """The pool of an id."""
        return self._known.get(pool)

    def find(self, pool: PoolId) -> AddressPool:
        """The pool of an id; raises NotFound."""
        found = self._known.get(pool)
        if found is None:
            raise NotFound(
                f"no such address pool: {pool}", hint="remove the network, and create it again"
            )
        return found

    def leases(self, pool: AddressPool) -> Pool:
        """Who has which address of a pool that is known."""
        return self._leases[pool.id]

    def put(self, pool: AddressPool) -> None:
        """Add or replace; the addresses that are held stay so."""
        self._known[pool.id] = pool
        if pool.id not in self._leases:
            self._leases[pool.id] = Pool(Subnet(prefix=pool.prefix, ip_range=pool.ip_range))

    def drop(self, pool: PoolId) -> None:
        """Forget a pool with its leases; gone already is success."""
        self._known.pop(pool, None)
        self._leases.pop(pool, None)

    def in_the_way(self, request: NetworkRequest) -> tuple[AddressPool, ...]:
        """Every pool but those that were requested for this very network."""
        return tuple(p for p in self if not _is_meant(p, request))

    def taken_by(self, network: Network) -> tuple[AddressPool, ...]:
        """The pools that a new network of Docker's takes into use, as they are then."""
        if network.managed is None or network.managed.by is not Manager.DOCKER:
            return ()
        prefixes = {s.prefix for s in network.subnets}
        return tuple(
            replace(p, network=network.id)
            for p in self
            if p.network is None and p.prefix in prefixes
        )

    def freed_by(self, network: Network) -> tuple[AddressPool, ...]:
        """The pools of a network that goes, as they are then."""
        return tuple(replace(p, network=None) for p in self if p.network == network.id)


def _is_meant(pool: AddressPool, request: NetworkRequest) -> bool:
    of_docker = request.managed is not None and request.managed.by is Manager.DOCKER
    named = {wish.subnet for wish in request.subnets}
    return of_docker and pool.network is None and str(pool.prefix) in named
