"""The layout of the two databases, and how each entity becomes a row.

    <state dir>/networks.db            outlives a reboot; every commit is on the disk (FULL)
      networks     id | name bridge                        each unique               | body
      address_pools  id                                                              | body

    <run dir>/runtime-<boot>-<netns>.db   of one boot and one host namespace; never synced
      sandboxes    id | name                                unique                   | body
      endpoints    id | network sandbox ipv4 ipv6 host_end ifname                    | body
                        unique: (network, ipv4) (network, ipv6) host_end (sandbox, ifname)
      containers   id | name                                unique                   | body
      address_leases  id (pool and address)                                          | body
      settings     key | value          e.g. a sysctl's value before we changed it

`body` is the whole value as JSON; the columns before it repeat what must be unique, so that the
database itself refuses a second holder of an address or a name.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from glassbridge.model.address import IPAddress
from glassbridge.model.container import Container
from glassbridge.model.driven import AddressLease, AddressPool, PoolId
from glassbridge.model.endpoint import Endpoint, Sandbox
from glassbridge.model.network import Network

T = TypeVar("T")

APPLICATION_ID = 0x676C6173
"""`PRAGMA application_id`: tells our files from any other SQLite database ("glas")."""

SCHEMA_VERSION = 1
"""`PRAGMA user_version`."""

STATE_LAYOUT = """
CREATE TABLE IF NOT EXISTS networks (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, bridge TEXT NOT NULL UNIQUE, body TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS address_pools (
  id TEXT PRIMARY KEY, body TEXT NOT NULL
) WITHOUT ROWID, STRICT;
"""

RUN_LAYOUT = """
CREATE TABLE IF NOT EXISTS sandboxes (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS endpoints (
  id TEXT PRIMARY KEY, network TEXT NOT NULL, sandbox TEXT NOT NULL,
  ipv4 TEXT, ipv6 TEXT, host_end TEXT NOT NULL UNIQUE, ifname TEXT NOT NULL, body TEXT NOT NULL,
  UNIQUE (network, ipv4), UNIQUE (network, ipv6), UNIQUE (sandbox, ifname)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS containers (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS address_leases (
  id TEXT PRIMARY KEY, body TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS settings (
  key TEXT PRIMARY KEY, value TEXT NOT NULL
) WITHOUT ROWID, STRICT;
"""


class Table(Generic[T]):
    """One entity: its type, its columns before `body`, and its statements."""

    def __init__(
        self,
        name: str,
        value_type: type[T],
        columns: tuple[str, ...],
        key_values: Callable[[T], tuple[str | None, ...]],
    ) -> None:
        self.name = name
        self.value_type = value_type
        self.key_values = key_values
        columns = (*columns, "body")
        update = ", ".join(f"{c} = excluded.{c}" for c in columns[1:])
        places = ", ".join("?" * len(columns))
        # an upsert on the id alone: INSERT OR REPLACE would silently evict whoever has the address
        self.put = (
            f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({places}) "  # noqa: S608 - constants
            f"ON CONFLICT (id) DO UPDATE SET {update}"
        )
        self.delete = f"DELETE FROM {name} WHERE id = ?"  # noqa: S608 - a constant
        self.list = f"SELECT body FROM {name} ORDER BY id"  # noqa: S608 - a constant


NETWORKS = Table("networks", Network, ("id", "name", "bridge"), lambda n: (n.id, n.name, n.bridge))

SANDBOXES = Table("sandboxes", Sandbox, ("id", "name"), lambda s: (s.id, s.name))

ENDPOINTS = Table(
    "endpoints",
    Endpoint,
    ("id", "network", "sandbox", "ipv4", "ipv6", "host_end", "ifname"),
    lambda e: (
        e.id,
        e.network,
        e.sandbox,
        str(e.ipv4.ip) if e.ipv4 else None,
        str(e.ipv6.ip) if e.ipv6 else None,
        e.host_end,
        e.ifname,
    ),
)

CONTAINERS = Table("containers", Container, ("id", "name"), lambda c: (c.id, c.name))

ADDRESS_POOLS = Table("address_pools", AddressPool, ("id",), lambda p: (p.id,))

ADDRESS_LEASES = Table(
    "address_leases",
    AddressLease,
    ("id",),
    lambda lease: (lease_key(lease.pool, lease.address.ip),),
)


def lease_key(pool: PoolId, address: IPAddress) -> str:
    """The id of a row of address_leases."""
    return f"{pool} {address}"
