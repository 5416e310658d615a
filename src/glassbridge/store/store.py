"""What should be, on disk: networks for good, everything else for this boot.

The run database is named after the boot and the host's network namespace, so that a lease cannot
outlive the kernel objects that it stands for: another boot finds no file, and deletes the old one
unread. It is therefore never synced: `kill -9` loses nothing of it (the kernel has the pages), and
what a power cut may damage is never opened again.

One connection per database behind one lock: the writer thread writes, any thread reads, nobody
sees half a transaction. A transaction takes microseconds, so a reader never waits for long; kernel
work does not belong inside one.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import RLock
from typing import Self

from glassbridge.model.address import IPAddress
from glassbridge.model.container import Container
from glassbridge.model.driven import AddressLease, AddressPool, PoolId
from glassbridge.model.endpoint import Endpoint, EndpointId, Sandbox, SandboxId
from glassbridge.model.network import Network, NetworkId
from glassbridge.store.database import Database, Durability
from glassbridge.store.folder_lock import FolderLock, make_folder
from glassbridge.store.tables import (
    ADDRESS_LEASES,
    ADDRESS_POOLS,
    CONTAINERS,
    ENDPOINTS,
    NETWORKS,
    RUN_LAYOUT,
    SANDBOXES,
    STATE_LAYOUT,
    lease_key,
)


class Store:
    """Both databases, locked against a second daemon as long as it is open."""

    def __init__(self, run_dir: Path, state_dir: Path, boot_id: str, netns_cookie: int) -> None:
        self._lock = RLock()
        self._in_transaction = False
        run_path = run_dir / f"runtime-{boot_id}-{netns_cookie}.db"
        with ExitStack() as opened:
            for folder in sorted({run_dir.absolute(), state_dir.absolute()}):
                make_folder(folder)
                opened.enter_context(FolderLock(folder))
            _delete_other_boots(run_path)
            self._state = Database(
                state_dir / "networks.db", STATE_LAYOUT, Durability.POWER_CUT, self._lock
            )
            opened.callback(self._state.close)
            self._run = Database(run_path, RUN_LAYOUT, Durability.DEATH_OF_THE_PROCESS, self._lock)
            opened.callback(self._run.close)
            self._opened = opened.pop_all()

    @classmethod
    def open(
        cls, run_dir: Path | str, state_dir: Path | str, boot_id: str, netns_cookie: int
    ) -> Self:
        """Open or create both databases.

        Raises Conflict naming the pid of another daemon, PermissionRefused, or Unavailable when a
        database is damaged or of another version.
        """
        return cls(Path(run_dir), Path(state_dir), boot_id, netns_cookie)

    def close(self) -> None:
        """Close both databases, then let the folders go."""
        with self._lock:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Group writes into one commit, or none of them when the block raises.

        An inner transaction joins the outer one. Each database commits for itself, the networks
        first: a death in between leaves a new network without its endpoints, never the reverse.
        """
        with self._lock:
            if self._in_transaction:
                yield
                return
            self._in_transaction = True
            try:
                with self._run.transaction(), self._state.transaction():
                    yield
            finally:
                self._in_transaction = False

    def put_network(self, network: Network) -> None:
        """Insert or replace; raises Conflict when another one has the name or the bridge."""
        self._state.put(NETWORKS, network)

    def delete_network(self, network: NetworkId) -> None:
        """Delete; already gone is success."""
        self._state.delete(NETWORKS, network)

    def list_networks(self) -> tuple[Network, ...]:
        """Every network, by id."""
        return self._state.list(NETWORKS)

    def put_sandbox(self, sandbox: Sandbox) -> None:
        """Insert or replace; raises Conflict when another one has the name."""
        self._run.put(SANDBOXES, sandbox)

    def delete_sandbox(self, sandbox: SandboxId) -> None:
        """Delete; already gone is success."""
        self._run.delete(SANDBOXES, sandbox)

    def list_sandboxes(self) -> tuple[Sandbox, ...]:
        """Every sandbox, by id."""
        return self._run.list(SANDBOXES)

    def put_endpoint(self, endpoint: Endpoint) -> None:
        """Insert or replace; raises Conflict when another one has an address or a link name."""
        self._run.put(ENDPOINTS, endpoint)

    def delete_endpoint(self, endpoint: EndpointId) -> None:
        """Delete; already gone is success."""
        self._run.delete(ENDPOINTS, endpoint)

    def list_endpoints(self) -> tuple[Endpoint, ...]:
        """Every endpoint, by id."""
        return self._run.list(ENDPOINTS)

    def put_container(self, container: Container) -> None:
        """Insert or replace; raises Conflict when another one has the name."""
        self._run.put(CONTAINERS, container)

    def delete_container(self, container: SandboxId) -> None:
        """Delete; already gone is success."""
        self._run.delete(CONTAINERS, container)

    def list_containers(self) -> tuple[Container, ...]:
        """Every container, by id."""
        return self._run.list(CONTAINERS)

    def put_address_pool(self, pool: AddressPool) -> None:
        """Insert or replace."""
        self._state.put(ADDRESS_POOLS, pool)

    def delete_address_pool(self, pool: PoolId) -> None:
        """Delete, with the leases of this boot; already gone is success."""
        self._state.delete(ADDRESS_POOLS, pool)
        for lease in self.list_address_leases():
            if lease.pool == pool:
                self.delete_address_lease(pool, lease.address.ip)

    def list_address_pools(self) -> tuple[AddressPool, ...]:
        """Every address pool, by id."""
        return self._state.list(ADDRESS_POOLS)

    def put_address_lease(self, lease: AddressLease) -> None:
        """Insert or replace."""
        self._run.put(ADDRESS_LEASES, lease)

    def delete_address_lease(self, pool: PoolId, address: IPAddress) -> None:
        """Delete; already gone is success."""
        self._run.delete(ADDRESS_LEASES, lease_key(pool, address))

    def list_address_leases(self) -> tuple[AddressLease, ...]:
        """Every lease of an address pool, by pool."""
        return self._run.list(ADDRESS_LEASES)

    def setting(self, key: str) -> str | None:
        """The value of a setting of this boot, e.g. what a sysctl was before we changed it."""
        rows = self._run.execute("SELECT value FROM settings WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def set_setting(self, key: str, value: str | None) -> None:
        """Set a setting, or forget it with None."""
        if value is None:
            self._run.write("DELETE FROM settings WHERE key = ?", (key,))
        else:
            self._run.write("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))

    def list_settings(self) -> dict[str, str]:
        """Every setting, by key."""
        rows = self._run.execute("SELECT key, value FROM settings ORDER BY key")
        return {key: value for key, value in rows}  # noqa: C416 - dict() cannot tell pairs


def _delete_other_boots(current: Path) -> None:
    for file in current.parent.glob("runtime-*.db*"):
        if not file.name.startswith(current.name):
            file.unlink(missing_ok=True)
