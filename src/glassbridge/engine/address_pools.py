"""Docker's remote IPAM: what the front-end calls."""

from contextlib import suppress

from glassbridge.engine.host import Host
from glassbridge.engine.jobs import Submit
from glassbridge.engine.networks import RemoveNetwork
from glassbridge.engine.orphans import Orphans
from glassbridge.engine.pooling import LeaseAddress, ReleasePool, RequestPool, ReturnAddress
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, NotFound, PoolExhausted
from glassbridge.model.address import IPAddress, IPInterface
from glassbridge.model.driven import AddressPool, Orphan, PoolId, PoolWish


class AddressPools:
    """Thread-safe; each call blocks until it is committed."""

    def __init__(self, state: State, submit: Submit, host: Host) -> None:
        self._state = state
        self._submit = submit
        self._host = host
        self._orphans = Orphans(state, submit)

    def pools(self) -> tuple[AddressPool, ...]:
        """Every pool that Docker holds."""
        return tuple(self._state.address_pools)

    def request_pool(self, wish: PoolWish) -> AddressPool:
        """Choose a free subnet, or take the named one; raises Conflict, PoolExhausted.

        What is held for nobody gives way.
        """
        try:
            return self._submit(RequestPool(wish, self._host)).result()
        except (Conflict, PoolExhausted):
            if not self._orphans.free():
                raise
            return self._submit(RequestPool(wish, self._host)).result()

    def release_pool(self, pool: PoolId) -> None:
        """Forget it with all its leases; gone already is success.

        Its network goes with it: Docker gives a pool back only when the network is gone, or when
        it heard of no success as the network was created, and then nothing else tells of it.
        """
        held = self._state.address_pools.get(pool)
        self._submit(ReleasePool(pool)).result()
        if held is not None and held.network is not None:
            with suppress(Conflict, NotFound):  # somebody is on it, or it is gone already
                self._submit(RemoveNetwork(held.network)).result()

    def request_address(self, pool: PoolId, address: IPAddress | None) -> IPInterface:
        """Lease an address, a certain one or the next; what is held for nobody gives way."""
        try:
            return self._submit(LeaseAddress(pool, address)).result()
        except (Conflict, PoolExhausted):
            if not self._orphans.free():
                raise
            return self._submit(LeaseAddress(pool, address)).result()

    def orphans(self) -> tuple[Orphan, ...]:
        """What Docker ordered and does not know."""
        return self._orphans.find()

    def free_orphans(self) -> tuple[Orphan, ...]:
        """Give it back, and say what it was."""
        return self._orphans.free()

    def release_address(self, pool: PoolId, address: IPAddress) -> None:
        """Take it back; gone already is success."""
        self._submit(ReturnAddress(pool, address)).result()
