"""Ports of a network in gateway mode routed: none of the host is taken, and none is shown."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

from glassbridge.engine.engine import Engine
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import PortWish
from glassbridge.model.requests import AttachRequest, NetworkRequest, SubnetWish

_MODE = "com.docker.network.bridge.gateway_mode_ipv"
WEB = PortWish(container_port=80, host_ports=(8080, 8080))


def attach(engine: Engine, netns: str, network: str, wish: PortWish) -> list[tuple[str, int]]:
    """Publish a port; where the view says that it is reached."""
    request = AttachRequest(
        name=network, netns=netns, networks=(NetworkWish(network=network),), ports=(wish,)
    )
    return [(str(p.host_address), p.host_port) for p in engine.attach(request).ports]


def test_what_is_routed_is_reached_at_the_container(
    engine: Engine, make_netns: Callable[[str], str]
) -> None:
    subnet = SubnetWish(subnet="10.9.0.0/24")
    for name, routed in (("routed", "46"), ("half", "6"), ("nat", "")):
        engine.create_network(
            NetworkRequest(
                name=name,
                subnets=(subnet,) if name == "routed" else (),
                ipv6=True,
                options={f"{_MODE}{version}": "routed" for version in routed},
            )
        )
    wish = PortWish(container_port=8080)
    own4, own6 = attach(engine, make_netns("routed"), "routed", wish)
    assert own4 == ("10.9.0.2", 8080)
    assert own6[0] != "::"
    assert own6[1] == 8080
    # the same number on the host is free all the same, and of IPv6 even taken by somebody else
    with socket.create_server(("::", 8080), family=socket.AF_INET6):
        host4, own6 = attach(engine, make_netns("half"), "half", WEB)
    assert host4 == ("0.0.0.0", 8080)
    assert ip_address(own6[0]).is_private
    assert own6[1] == 80
    on_six = PortWish(container_port=80, host_address=ip_address("::"), host_ports=(8080, 8080))
    assert attach(engine, make_netns("nat"), "nat", on_six) == [("::", 8080)]
