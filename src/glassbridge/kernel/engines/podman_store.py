"""What Podman keeps of its containers' networks: in bbolt up to version 4, in SQLite from 5 on."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from ipaddress import ip_address, ip_interface
from os.path import exists
from urllib.parse import quote

from msgspec import DecodeError, Struct, field
from msgspec.json import decode

from glassbridge.kernel.engines.files import Reader
from glassbridge.model.address import IPAddress
from glassbridge.model.found import FoundContainer
from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Published
from glassbridge.wire.bolt import read_entries

_BBOLT, _SQLITE = "libpod/bolt_state.db", "db.sql"
_QUERY = "SELECT c.ID, c.JSON, s.JSON FROM ContainerConfig c JOIN ContainerState s ON c.ID = s.ID"
_PATIENCE = 0.2
"""Seconds; podman holds its lock for a moment only."""
_CONTAINERS = b"ctr"
_ANY = "0.0.0.0"  # noqa: S104 - what an empty host_ip means


class _Mapping(Struct):
    host_address: str = field(name="host_ip", default="")
    host_port: int = 0
    container_port: int = 0
    count: int = field(name="range", default=1)
    protocol: str = "tcp"


class _Subnet(Struct):
    address: str = field(name="ipnet", default="")


class _Interface(Struct):
    subnets: tuple[_Subnet, ...] | None = None


class _Network(Struct):
    interfaces: dict[str, _Interface] | None = None


class Kept(Struct):
    """Of one container; config and state are two documents that share no key which is read."""

    mappings: tuple[_Mapping, ...] | None = field(name="newPortMappings", default=None)
    networks: dict[str, _Network] | None = field(name="networkStatus", default=None)

    def addresses(self) -> Iterator[IPAddress]:
        """On all of its networks."""
        for network in (self.networks or {}).values():
            for interface in (network.interfaces or {}).values():
                for subnet in interface.subnets or ():
                    with suppress(ValueError):
                        yield ip_interface(subnet.address).ip

    def published(self, name: str) -> Iterator[Published]:
        """Host ports that lead to it."""
        own = {a.version: a for a in reversed([*self.addresses()])}
        for mapping in self.mappings or ():
            for protocol in mapping.protocol.split(","):
                for n in range(mapping.count):
                    with suppress(ValueError, KeyError):
                        host = ip_address(mapping.host_address or _ANY)
                        yield Published(
                            host_address=host,
                            host_port=mapping.host_port + n,
                            transport=Transport(protocol),
                            container_address=own[host.version],
                            container_port=mapping.container_port + n,
                            origin=Origin.PODMAN,
                            name=name,
                        )


def completed(found: FoundContainer, kept: Kept) -> FoundContainer:
    """A container with its addresses and ports."""
    return FoundContainer(
        name=found.name,
        origin=found.origin,
        id=found.id,
        pid=found.pid,
        addresses=tuple(kept.addresses()),
        published=tuple(kept.published(found.name)),
    )


def read_store(reader: Reader, storage: str) -> dict[str, Kept]:
    """By container id; nothing where there is no store, or it cannot be read, which is told."""
    try:
        documents = dict(_from_sqlite(reader, storage) or _from_bbolt(reader, storage))
        return {number: _decode(*both) for number, both in documents.items()}
    except (sqlite3.Error, ValueError, DecodeError) as error:
        reader.complaints.append(f"Podman's store in {storage}: {error}")
        return {}


def _decode(config: bytes, state: bytes) -> Kept:
    mappings = decode(config or b"{}", type=Kept).mappings
    return Kept(mappings, decode(state or b"{}", type=Kept).networks)


def _from_sqlite(reader: Reader, storage: str) -> dict[str, tuple[bytes, bytes]]:
    path = reader.at(f"{storage}/{_SQLITE}")
    if not exists(path):  # noqa: PTH110 - text
        return {}
    place = f"file:{quote(path)}?mode=ro"
    with closing(sqlite3.connect(place, uri=True, timeout=_PATIENCE)) as store:
        rows = store.execute(_QUERY).fetchall()
    return {str(number): (_octets(config), _octets(state)) for number, config, state in rows}


def _octets(value: str | bytes) -> bytes:
    """Podman writes its documents as blobs, whatever the column's type."""
    return value.encode() if isinstance(value, str) else value


def _from_bbolt(reader: Reader, storage: str) -> dict[str, tuple[bytes, bytes]]:
    data = reader.octets(f"{storage}/{_BBOLT}")
    found: defaultdict[str, dict[bytes, bytes]] = defaultdict(dict)
    for way, value in read_entries(data) if data else ():
        match way:
            case (bucket, number, key) if bucket == _CONTAINERS:
                found[number.decode(errors="replace")][key] = value
            case _:
                pass
    return {n: (kept.get(b"config", b""), kept.get(b"state", b"")) for n, kept in found.items()}
