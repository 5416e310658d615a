"""What dockerd does beside calling us: leases of its own, and the sandbox end moved to and fro."""

from __future__ import annotations

import os
import subprocess
from ipaddress import IPv4Interface, IPv6Interface

from glassbridge.engine.engine import Engine
from glassbridge.model.driven import DrivenEndpoint, Joined
from glassbridge.model.endpoint import Endpoint, EndpointId
from glassbridge.model.network import Managed, Manager, Network
from glassbridge.model.requests import NetworkRequest, SubnetWish

SUBNET, SUBNET6 = "10.90.0.0/16", "fd90::/64"


def endpoint_id(number: int) -> EndpointId:
    return EndpointId(f"{number:064x}")


def managed(number: int = 1) -> Managed:
    return Managed(by=Manager.DOCKER, key=f"{number:064x}"[::-1])


def network_request(
    number: int = 1,
    *subnets: str,
    internal: bool = False,
    options: dict[str, str] | None = None,
) -> NetworkRequest:
    """As dockerd orders it, each subnet with its gateway."""
    wishes = tuple(
        SubnetWish(subnet=s, gateway=s.replace("0.0/16", "0.1").replace("::/64", "::1"))
        for s in (subnets or (SUBNET, SUBNET6))
    )
    return NetworkRequest(
        name=managed(number).key[:12],
        subnets=wishes,
        ipv6=any(":" in s for s in subnets or (SUBNET6,)),
        internal=internal,
        managed=managed(number),
        options=options or {},
    )


def wish(
    number: int, *, network: int = 1, host: int | None = None, mac: str = ""
) -> DrivenEndpoint:
    """Endpoint `number` with address 10.90.x.y and fd90::y."""
    address = number + 1 if host is None else host
    return DrivenEndpoint(
        id=endpoint_id(number),
        network=managed(network),
        ipv4=IPv4Interface(f"10.90.{address // 256}.{address % 256}/16"),
        ipv6=IPv6Interface(f"fd90::{address:x}/64"),
        mac=mac,
    )


def create(engine: Engine) -> Network:
    return engine.driver.create_network(network_request())


def move_in(joined: Joined, endpoint: Endpoint, netns: str, ifname: str = "eth0") -> None:
    """Move the link, and give it its name, addresses and routes."""
    _ip("link", "set", joined.link, "netns", netns)
    _ip("-n", netns, "link", "set", joined.link, "name", ifname)
    for address in endpoint.interfaces:
        _ip("-n", netns, "addr", "add", str(address), "dev", ifname, "nodad")
    _ip("-n", netns, "link", "set", ifname, "up")
    for gateway in joined.gateways:
        _ip("-n", netns, "route", "add", "default", "via", str(gateway))


def move_out(joined: Joined, netns: str, ifname: str = "eth0") -> None:
    """Give the link back under the name that it had."""
    _ip("-n", netns, "link", "set", ifname, "down")
    _ip("-n", netns, "link", "set", ifname, "name", joined.link)
    _ip("-n", netns, "link", "set", joined.link, "netns", str(os.getpid()))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
