"""Docker's networks, out of the store that its bridge driver keeps (local-kv.db of libnetwork)."""

import re
from contextlib import suppress
from ipaddress import ip_interface

from msgspec import DecodeError, Struct, field
from msgspec.json import decode

from glassbridge.kernel.engines.files import Reader
from glassbridge.model.address import IPNetwork
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork
from glassbridge.wire.bolt import read_entries

STORE = "network/files/local-kv.db"
_KEY = re.compile(rb"docker/network/v1\.0/(network|bridge)/([0-9a-z]+)/")
COUNT_SIZE = 8
"""Before each value stands how often the store had been written (libkv)."""


class _Network(Struct):
    name: str = ""


class _Bridge(Struct):
    link: str = field(name="BridgeName", default="")
    icc: bool = field(name="EnableICC", default=True)
    internal: bool = field(name="Internal", default=False)
    ipv4: str = field(name="AddressIPv4", default="")
    ipv6: str = field(name="AddressIPv6", default="")


def find_networks(reader: Reader, folder: str) -> tuple[tuple[NamedNetwork, ...], dict[str, str]]:
    """Those with a bridge of Docker's own, and the names of all others by their id.

    Containers on it or not; nothing where the store cannot be read.
    """
    path = f"{folder}/{STORE}"
    data = reader.octets(path)
    if data is None:
        return (), {}
    try:
        names, bridges = _read(data)
    except (ValueError, DecodeError) as error:
        reader.complaints.append(f"{path}: {error}")
        return (), {}
    own = tuple(
        NamedNetwork(
            name=names[number].name,
            origin=Origin.DOCKER,
            bridge=bridge.link,
            internal=bridge.internal,
            icc=bridge.icc,
            subnets=_subnets(bridge),
        )
        for number, bridge in bridges.items()
        if number in names and bridge.link
    )
    return own, {n.decode(): found.name for n, found in names.items() if n not in bridges}


def _read(data: bytes) -> tuple[dict[bytes, _Network], dict[bytes, _Bridge]]:
    """By id; raises ValueError or DecodeError."""
    names: dict[bytes, _Network] = {}
    bridges: dict[bytes, _Bridge] = {}
    for way, value in read_entries(data):
        match = _KEY.fullmatch(way[-1])
        if match is None:
            continue
        if match[1] == b"network":
            names[match[2]] = decode(value[COUNT_SIZE:], type=_Network)
        else:
            bridges[match[2]] = decode(value[COUNT_SIZE:], type=_Bridge)
    return names, bridges


def _subnets(bridge: _Bridge) -> tuple[IPNetwork, ...]:
    found: list[IPNetwork] = []
    for address in (bridge.ipv4, bridge.ipv6):
        with suppress(ValueError):
            found.append(ip_interface(address).network)
    return tuple(found)
