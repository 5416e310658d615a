"""Jobs about address pools of Docker's networks; no link and no rule hangs on them."""

import time
from ipaddress import ip_interface

from msgspec.structs import replace

from glassbridge.engine.host import Host
from glassbridge.engine.jobs import Job
from glassbridge.engine.pool_registry import HOLDER
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, InvalidRequest
from glassbridge.ipam.address_space import InUse, UserKind
from glassbridge.ipam.subnets import plan_subnets
from glassbridge.kernel.executor import Executor
from glassbridge.model.address import IPAddress, IPInterface
from glassbridge.model.driven import AddressLease, AddressPool, PoolId, PoolWish
from glassbridge.model.network import Manager, Network, NetworkOptions, Subnet
from glassbridge.model.requests import NetworkRequest, SubnetWish
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store


class RequestPool(Job[AddressPool]):
    """Hold a free subnet, or the one that is named."""

    def __init__(self, wish: PoolWish, host: Host) -> None:
        super().__init__()
        self._wish = wish
        self._host = host
        self._pool: AddressPool | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        subnet = _choose(self._wish, self._in_use(state), self._host.global_id)
        within = f"/{subnet.ip_range}" if subnet.ip_range else ""
        self._pool = AddressPool(
            id=PoolId(f"glassbridge/{subnet.prefix}{within}"),
            prefix=subnet.prefix,
            ip_range=subnet.ip_range,
            created=time.time(),
        )
        state.address_pools.put(self._pool)
        return ()

    def _in_use(self, state: State) -> list[InUse]:
        """What a named subnet may meet is left out.

        A link: macvlan's subnet is its parent's. Docker's own network: dockerd releases a pool
        ahead of the network that it was for, and a new one may come in between.
        """
        networks = tuple(state.networks)
        if not _is_named(self._wish):
            return self._host.in_use(networks, adopted=None, pools=state.address_pools)
        others = [n for n in networks if not _is_of_docker(n)]
        found = self._host.in_use(others, adopted=None, pools=state.address_pools)
        return [use for use in found if use.kind is not UserKind.LINK]

    def intend(self, state: State, store: Store) -> None:
        assert self._pool is not None
        store.put_address_pool(self._pool)

    def abandon(self, state: State, store: Store) -> None:
        assert self._pool is not None
        state.address_pools.drop(self._pool.id)

    def result(self, state: State) -> AddressPool:
        assert self._pool is not None
        return self._pool


class ReleasePool(Job[None]):
    """Forget a pool with all its leases; gone already is success."""

    def __init__(self, pool: PoolId, *, created: float | None = None) -> None:
        """Release; `created` is that of the pool which is meant, another has the name by now."""
        super().__init__()
        self._id = pool
        self._created = created

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        return ()

    def settle(self, state: State, store: Store) -> None:
        held = state.address_pools.get(self._id)
        if held is not None and self._created not in (None, held.created):
            return
        store.delete_address_pool(self._id)
        state.address_pools.drop(self._id)

    def result(self, state: State) -> None:
        return


class LeaseAddress(Job[IPInterface]):
    """Lease a certain address of a pool, or the next."""

    def __init__(self, pool: PoolId, address: IPAddress | None) -> None:
        super().__init__()
        self._id = pool
        self._wish = address
        self._lease: AddressLease | None = None
        self._before: AddressPool | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        self._before = pool = state.address_pools.find(self._id)
        leases = state.address_pools.leases(pool)
        address = self._wish
        if address is None:
            address = leases.lease(HOLDER, time.monotonic())
        elif leases.holder_of(address) is not None:
            raise Conflict(
                f"address {address} of pool {pool.prefix} is in use",
                hint="choose another, or omit it to get the next free one",
            )
        else:
            leases.reserve(address, HOLDER)
        self._lease = AddressLease(
            pool=pool.id, address=ip_interface(f"{address}/{pool.prefix.prefixlen}")
        )
        if pool.network is None:
            state.address_pools.put(replace(pool, lasting=(*pool.lasting, address)))
        return ()

    def intend(self, state: State, store: Store) -> None:
        """Write it where it lasts as long as what it is for: a gateway's outlives a reboot."""
        assert self._lease is not None
        assert self._before is not None
        if self._before.network is None:
            store.put_address_pool(state.address_pools.find(self._id))
        else:
            store.put_address_lease(self._lease)

    def abandon(self, state: State, store: Store) -> None:
        assert self._lease is not None
        assert self._before is not None
        if state.address_pools.get(self._id) is not None:
            state.address_pools.leases(self._before).cancel(self._lease.address.ip)
            state.address_pools.put(self._before)

    def result(self, state: State) -> IPInterface:
        assert self._lease is not None
        return self._lease.address


class ReturnAddress(Job[None]):
    """Take an address back; gone already is success."""

    def __init__(self, pool: PoolId, address: IPAddress) -> None:
        super().__init__()
        self._id = pool
        self._address = address

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        return ()

    def settle(self, state: State, store: Store) -> None:
        pool = state.address_pools.get(self._id)
        if pool is None:
            return
        store.delete_address_lease(self._id, self._address)
        if self._address in pool.lasting:
            pool = replace(pool, lasting=tuple(a for a in pool.lasting if a != self._address))
            store.put_address_pool(pool)
            state.address_pools.put(pool)
        state.address_pools.leases(pool).release(self._address, time.monotonic())

    def result(self, state: State) -> None:
        return


def _choose(wish: PoolWish, in_use: list[InUse], global_id: int) -> Subnet:
    """As for a network of ours, whose gateway is left out: Docker asks for that by itself."""
    if wish.ip_range and not wish.prefix:
        raise InvalidRequest(f"ip range {wish.ip_range} without a subnet", hint="add --subnet")
    is_ipv6 = ":" in wish.prefix if wish.prefix else wish.ipv6
    named = SubnetWish(subnet=wish.prefix, ip_range=wish.ip_range)
    request = NetworkRequest(
        name="", subnets=(named,) if wish.prefix else (), ipv4=not is_ipv6, ipv6=is_ipv6
    )
    subnet = next(s for s in plan_subnets(request, NetworkOptions(), in_use, global_id) if s)
    return replace(subnet, gateway=None)


def _is_named(wish: PoolWish) -> bool:
    """Docker's `--subnet 0.0.0.0/24` means any of that length."""
    return bool(wish.prefix) and not wish.prefix.startswith(("0.0.0.0/", "::/"))


def _is_of_docker(network: Network) -> bool:
    return network.managed is not None and network.managed.by is Manager.DOCKER
