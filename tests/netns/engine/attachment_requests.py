"""Networks and requests as CNI's front-end makes them, for tests."""

from __future__ import annotations

from typing import Any

from glassbridge.model.attachment import AttachmentKey, AttachmentRequest
from glassbridge.model.network import Ifname, Managed, Manager
from glassbridge.model.requests import NetworkRequest, SubnetWish

PODS = Managed(by=Manager.CNI, key="pods")

OPEN = {
    "com.docker.network.bridge.enable_ip_masquerade": "false",
    "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected",
    "com.docker.network.bridge.gateway_mode_ipv6": "nat-unprotected",
    "glassbridge.source_guard": "off",
    "glassbridge.ingress": "open",
}
"""What CNI networks start from."""


def pods(managed: Managed = PODS, subnet: str = "10.88.0.0/16", **more: Any) -> NetworkRequest:
    """An open network with a gateway on its bridge."""
    options = {**OPEN, **more.pop("options", {})}
    fields = {"subnets": (SubnetWish(subnet=subnet),), **more}
    return NetworkRequest(name=managed.key, managed=managed, options=options, **fields)


def key_of(container: str, ifname: str = "eth0", network: Managed = PODS) -> AttachmentKey:
    return AttachmentKey(network=network, container=container, ifname=Ifname(ifname))


def request(
    container: str, netns: str, ifname: str = "eth0", network: Managed = PODS, **more: Any
) -> AttachmentRequest:
    return AttachmentRequest(key=key_of(container, ifname, network), netns=netns, **more)
