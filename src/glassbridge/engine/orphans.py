"""What dockerd ordered, and died before it wrote it down: it never tells of that again.

Docker is not asked: its API would wait for the very call that we are answering. Its file says what
it knows. It writes a network there when the last call for that is answered, and strikes it out
behind the last call for its end; so what is not there, and is older than a creation ever takes, is
nobody's.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from glassbridge.engine.jobs import Submit
from glassbridge.engine.networks import RemoveNetwork
from glassbridge.engine.pooling import ReleasePool, ReturnAddress
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, NotFound
from glassbridge.kernel.engines.docker_records import read_docker_records
from glassbridge.model.address import IPAddress
from glassbridge.model.driven import DockerRecords, Orphan, PoolId
from glassbridge.model.names import SHORT_ID
from glassbridge.model.network import Manager, Network

GRACE = 300.0
"""Seconds; the creation of a network is at most five calls, each tried for 15 s."""


class Orphans:
    """Thread-safe."""

    def __init__(self, state: State, submit: Submit) -> None:
        self._state = state
        self._submit = submit
        # what one has found to be an orphan another must not free when it is somebody's again
        self._lock = threading.Lock()
        self._suspected: dict[tuple[PoolId, IPAddress], float] = {}
        """Since when leases have been found without an endpoint."""

    def find(self) -> tuple[Orphan, ...]:
        """Everything that is held for nobody; nothing where Docker's file cannot be read."""
        with self._lock:
            return self._find()

    def free(self) -> tuple[Orphan, ...]:
        """Give it back, and say what it was."""
        with self._lock:
            return tuple(orphan for orphan in self._find() if self._give_back(orphan))

    def _find(self) -> tuple[Orphan, ...]:
        if not self._has_anything():
            return ()
        records = read_docker_records()
        if records is None:
            return ()
        networks = tuple(self._networks(records))
        pools = tuple(self._pools(records, {o.network for o in networks}))
        return (*networks, *pools, *self._leases(records, {o.pool for o in pools}))

    def _has_anything(self) -> bool:
        return any(self._state.address_pools) or any(map(_is_docker_s, self._state.networks))

    def _networks(self, records: DockerRecords) -> Iterator[Orphan]:
        for network in self._state.networks:
            known = not _is_docker_s(network) or network.id in records.networks
            if not known and _is_old(network.created) and not self._state.members(network.id):
                yield Orphan(network=network.id, what=f"network {network.id[:SHORT_ID]}")

    def _pools(self, records: DockerRecords, orphans: set[str | None]) -> Iterator[Orphan]:
        for pool in self._state.address_pools:
            held = pool.network is not None and pool.network not in orphans
            if not held and pool.id not in records.pools and _is_old(pool.created):
                yield Orphan(pool=pool.id, what=f"subnet {pool.prefix}")

    def _leases(self, records: DockerRecords, orphans: set[str | None]) -> Iterator[Orphan]:
        """A lease is returned after its endpoint is struck out: only the second look counts."""
        now, before = time.monotonic(), self._suspected
        self._suspected = {}
        for pool in self._state.address_pools:
            if pool.network is None or pool.id in orphans or pool.id not in records.pools:
                continue
            members = self._state.members(pool.network)
            known = {a for endpoint in members for a in endpoint.addresses} | {*pool.lasting}
            for address in self._state.address_pools.leases(pool).addresses():
                key = pool.id, address
                if address in known or key in records.leases:
                    continue
                since = self._suspected[key] = before.get(key, now)
                if now - since >= GRACE:
                    yield Orphan(pool=pool.id, address=address, what=f"address {address}")

    def _give_back(self, orphan: Orphan) -> bool:
        if orphan.network is not None:
            with suppress(Conflict, NotFound):  # somebody is on it, or it is gone already
                self._submit(RemoveNetwork(orphan.network)).result()
                return True
            return False
        assert orphan.pool is not None
        if orphan.address is not None:
            self._submit(ReturnAddress(orphan.pool, orphan.address)).result()
            return True
        pool = self._state.address_pools.get(orphan.pool)
        if pool is None or pool.network is not None:
            return False
        self._submit(ReleasePool(pool.id, created=pool.created)).result()
        return True


def _is_docker_s(network: Network) -> bool:
    return network.managed is not None and network.managed.by is Manager.DOCKER


def _is_old(created: float) -> bool:
    return time.time() - created >= GRACE
