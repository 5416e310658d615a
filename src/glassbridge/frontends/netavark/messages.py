"""What Podman and netavark say to a plugin and hear from it (netavark, plugin-API.md, 1.0.0).

Unknown keys are let pass: later versions add some.
"""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from glassbridge.errors import InvalidRequest

API_VERSION = "1.0.0"


class LeaseRange(Struct, frozen=True):
    """Where Podman leases from; either end may be left out."""

    start_ip: str | None = None
    end_ip: str | None = None


class Subnet(Struct, frozen=True):
    """One address family."""

    subnet: str
    gateway: str | None = None
    lease_range: LeaseRange | None = None


class Route(Struct, frozen=True):
    """A route that every container of the network gets."""

    destination: str
    gateway: str | None = None
    metric: int | None = None
    route_type: str | None = None


class Network(Struct, frozen=True):
    """A network as Podman keeps it."""

    name: str
    id: str
    driver: str
    network_interface: str | None = None
    subnets: tuple[Subnet, ...] | None = None
    routes: tuple[Route, ...] | None = None
    ipv6_enabled: bool = False
    internal: bool = False
    dns_enabled: bool = False
    network_dns_servers: tuple[str, ...] | None = None
    ipam_options: dict[str, str] | None = None
    options: dict[str, str] | None = None


class PortMapping(Struct, frozen=True):
    """One or more ports, counting up from both."""

    container_port: int
    host_port: int
    host_ip: str = ""
    protocol: str = ""
    """Of tcp, udp and sctp those that are meant, with commas; empty: tcp."""
    range: int = 1


class PerNetworkOptions(Struct, frozen=True):
    """What one container wants of one network."""

    interface_name: str
    static_ips: tuple[str, ...] | None = None
    static_mac: str | None = None
    aliases: tuple[str, ...] | None = None
    options: dict[str, str] | None = None


class Exec(Struct, frozen=True):
    """The stdin of `setup` and `teardown`."""

    container_id: str
    network: Network
    network_options: PerNetworkOptions
    container_name: str = ""
    port_mappings: tuple[PortMapping, ...] | None = None


class NetAddress(Struct, frozen=True):
    """An address of a container's interface."""

    ipnet: str
    gateway: str | None


class NetInterface(Struct, frozen=True):
    """A container's interface."""

    mac_address: str
    subnets: tuple[NetAddress, ...]


class StatusBlock(Struct, frozen=True):
    """The stdout of `setup`."""

    dns_server_ips: tuple[str, ...]
    dns_search_domains: tuple[str, ...]
    interfaces: dict[str, NetInterface]


class Info(Struct, frozen=True):
    """The stdout of `info`."""

    version: str
    api_version: str


class Failure(Struct, frozen=True):
    """The stdout of whatever failed: Podman takes no other key beside this one."""

    error: str


T = TypeVar("T")


def decode(stdin: bytes, expected: type[T]) -> T:
    """Read what came by stdin; raises InvalidRequest naming the place."""
    try:
        return msgspec.json.decode(stdin, type=expected)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"stdin is not what netavark's plugins are told: {error}") from None


def completed(stdin: bytes, network: Network) -> bytes:
    """The network as it came, with the keys that we know as they are now."""
    given: dict[str, Any] = msgspec.json.decode(stdin)
    known = msgspec.to_builtins(network)
    return msgspec.json.encode(given | {k: v for k, v in known.items() if v is not None})
