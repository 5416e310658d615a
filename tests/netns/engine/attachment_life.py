"""The life of attachments: all that may be ordered, on a cable of ours and on one of others."""

from __future__ import annotations

import subprocess
from ipaddress import ip_address, ip_interface, ip_network

from tests.netns.engine.attachment_requests import PODS, key_of, pods, request

from glassbridge.engine.engine import Engine
from glassbridge.model.attachment import ForeignCable
from glassbridge.model.endpoint import LinkSettings, PortWish, RouteKind, Shaping, StaticRoute
from glassbridge.model.network import Ifname, Managed, Manager
from glassbridge.model.options import BRIDGE_NAME
from glassbridge.model.requests import SubnetWish

CHAINED = Managed(by=Manager.CNI, key="chained")
BANDWIDTH = Shaping(
    ingress_rate=8_000_000, ingress_burst=80_000, egress_rate=8_000_000, egress_burst=80_000
)


def make_foreign_cable() -> None:
    """Between cni0 and the namespace `two`, as an earlier plugin leaves it."""
    for command in (
        "link add cni0 type bridge",
        "addr add 10.99.0.1/16 dev cni0",
        "link set cni0 up",
        "link add theirs type veth peer name eth0 netns two",
        "link set theirs master cni0 up",
        "-n two addr add 10.99.0.9/16 dev eth0",
        "-n two link set eth0 up",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    # as that plugin does; `down` leaves it on where bridges of others may need it
    subprocess.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"], check=True)


def live(engine: Engine) -> None:
    """Two interfaces come, one of them on a foreign cable, a network changes, and both go."""
    attachments = engine.attachments
    attachments.define(pods())
    attachments.add(
        request(
            "c1",
            "/run/netns/one",
            default_routes=(ip_address("10.88.0.1"),),
            routes=(StaticRoute(destination=ip_network("10.7.0.0/16"), kind=RouteKind.BLACKHOLE),),
            settings=LinkSettings(queue_length=77, sysctls={"net.core.somaxconn": "511"}),
            shaping=BANDWIDTH,
            ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
        )
    )
    masqueraded = {"com.docker.network.bridge.enable_ip_masquerade": "true"}
    attachments.define(pods(options=masqueraded, more=(SubnetWish(subnet="10.89.0.0/24"),)))
    promiscuous = {BRIDGE_NAME: "cni0", "glassbridge.promiscuous": "true"}
    attachments.define(pods(CHAINED, "10.99.0.0/16", options=promiscuous))
    cable = ForeignCable(
        host_end=Ifname("theirs"),
        bridge=Ifname("cni0"),
        addresses=(ip_interface("10.99.0.9/16"),),
    )
    attachments.add(
        request(
            "c2",
            "/run/netns/two",
            network=CHAINED,
            cable=cable,
            shaping=BANDWIDTH,
            settings=LinkSettings(mtu=1400),
        )
    )
    attachments.delete(key_of("c1"))
    attachments.delete(key_of("c2", network=CHAINED))
    attachments.remove(PODS)
    attachments.remove(CHAINED)
