"""What Docker itself knows of the networks that it has elsewhere, out of its local-kv.db."""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_interface

from msgspec import DecodeError, Struct, field
from msgspec.json import decode

from glassbridge.kernel.engines.docker import DAEMON, data_folders
from glassbridge.kernel.engines.docker_networks import COUNT_SIZE, STORE
from glassbridge.kernel.engines.files import Reader
from glassbridge.kernel.engines.processes import engine_processes
from glassbridge.model.address import IPAddress
from glassbridge.model.driven import DockerRecords, PoolId
from glassbridge.model.network import NetworkId
from glassbridge.wire.bolt import read_entries

_KEY = re.compile(rb"docker/network/v1\.0/(network|endpoint)/(?:[0-9a-f]+/)?([0-9a-f]+)/")


class _Pool(Struct):
    id: str = field(name="PoolID", default="")


class _Network(Struct):
    # JSON within JSON
    ipv4: str = field(name="ipamV4Info", default="")
    ipv6: str = field(name="ipamV6Info", default="")


class _Interface(Struct):
    ipv4: str = field(name="addr", default="")
    ipv6: str = field(name="addrv6", default="")
    pool4: str = field(name="v4PoolID", default="")
    pool6: str = field(name="v6PoolID", default="")


class _Endpoint(Struct):
    interface: _Interface = field(name="ep_iface", default_factory=_Interface)


def read_docker_records() -> DockerRecords | None:
    """What all daemons of our host have written down together.

    None where that cannot be said for sure: one's file is absent, or not to be read.
    """
    running = tuple(process for _, process in engine_processes({DAEMON}))
    networks: set[NetworkId] = set()
    pools: set[PoolId] = set()
    leases: set[tuple[PoolId, IPAddress]] = set()
    for root, folder in dict.fromkeys(data_folders(running)):
        reader = Reader(root)
        data = reader.octets(f"{folder}/{STORE}")
        if data is None:
            return None
        try:
            for kind, name, value in _entries(data):
                if kind == b"network":
                    networks.add(NetworkId(name.decode()))
                    pools |= _pools(decode(value, type=_Network))
                else:
                    leases |= _leases(decode(value, type=_Endpoint).interface)
        except (ValueError, DecodeError):
            return None
    return DockerRecords(
        networks=frozenset(networks), pools=frozenset(pools), leases=frozenset(leases)
    )


def _entries(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    for way, value in read_entries(data):
        match = _KEY.fullmatch(way[-1])
        if match is not None:
            yield match[1], match[2], value[COUNT_SIZE:]


def _pools(network: _Network) -> set[PoolId]:
    texts = (t for t in (network.ipv4, network.ipv6) if t)
    return {PoolId(pool.id) for t in texts for pool in decode(t, type=list[_Pool] | None) or ()}


def _leases(interface: _Interface) -> set[tuple[PoolId, IPAddress]]:
    found: set[tuple[PoolId, IPAddress]] = set()
    for pool, text in ((interface.pool4, interface.ipv4), (interface.pool6, interface.ipv6)):
        with suppress(ValueError):
            found.add((PoolId(pool), ip_interface(text).ip))
    return found
