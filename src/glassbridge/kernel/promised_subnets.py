"""Subnets of networks that Podman keeps and that stand only while a container is on them."""

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_network

from msgspec import Struct

from glassbridge.ipam.address_space import InUse, UserKind
from glassbridge.kernel.engines.files import Reader

_FOLDER = "/etc/containers/networks"


class _Subnet(Struct):
    subnet: str


class _Network(Struct):
    name: str
    subnets: tuple[_Subnet, ...] | None = None


def promised_subnets(root: str = "") -> Iterator[InUse]:
    """What a new network had better not take; a file that cannot be read is left out."""
    reader = Reader(root)
    for path in reader.entries(_FOLDER):
        found = reader.read(path, _Network) if path.endswith(".json") else None
        if found is None:
            continue
        for subnet in found.subnets or ():
            with suppress(ValueError):
                prefix = ip_network(subnet.subnet)
                yield InUse(prefix=prefix, kind=UserKind.PROMISED, name=found.name)
