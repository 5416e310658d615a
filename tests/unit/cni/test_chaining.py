"""Behind another plugin: its result passes through, its cable gets what we are asked for."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from tests.unit.cni.calling import NETNS, POOL, VERSIONS, StandInRuntime, configuration
from tests.unit.cni.test_commands import BOX, MESH

from glassbridge.model.attachment import ForeignCable
from glassbridge.model.endpoint import LinkSettings, PortWish, Shaping
from glassbridge.model.network import Ifname
from glassbridge.model.options import BRIDGE_NAME

BRIDGE = {"name": "cni0", "mac": "0a:00:00:00:00:01"}
HOST_END = {"name": "veth1234", "mac": "0a:00:00:00:00:02"}
INSIDE = {"name": "eth0", "mac": "0a:00:00:00:00:03", "sandbox": NETNS}
MAPPING = {"portMappings": [{"hostPort": 8080, "containerPort": 80, "hostIP": "192.0.2.1"}]}


def previous(version: str, *links: dict[str, str]) -> dict[str, Any]:
    ip: dict[str, Any] = {"address": "10.9.0.7/24", "gateway": "10.9.0.1"}
    ip["interface"] = len(links) - 1
    if version < "1.0.0":
        ip["version"] = "4"
    return {
        "cniVersion": version,
        "interfaces": list(links),
        "ips": [ip],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.9.0.1"}],
        "dns": {"nameservers": ["10.9.0.1"]},
    }


@pytest.fixture
def runtime() -> StandInRuntime:
    return StandInRuntime()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_result_passes_through(runtime: StandInRuntime, version: str) -> None:
    said = configuration(
        version,
        runtimeConfig=MAPPING,
        mtu=1300,
        egressRate=1000,
        egressBurst=2000,
        prevResult=previous(version, BRIDGE, HOST_END, INSIDE),
    )
    assert runtime("ADD", said).result == said["prevResult"]
    request = runtime.engine.asked[BOX]
    assert request.cable == ForeignCable(
        host_end=Ifname("veth1234"),
        bridge=Ifname("cni0"),
        addresses=(ip_interface("10.9.0.7/24"),),
    )
    assert request.ports == (
        PortWish(container_port=80, host_ports=(8080, 8080), host_address=ip_address("192.0.2.1")),
    )
    assert request.shaping == Shaping(egress_rate=1000, egress_burst=2000)
    assert request.settings == LinkSettings(mtu=1300)
    assert (request.default_routes, request.routes) == ((), ())
    network = runtime.engine.defined[MESH]
    assert (network.subnets, network.options[BRIDGE_NAME]) == ((), "cni0")


def test_a_result_of_another_version_is_converted(runtime: StandInRuntime) -> None:
    said = configuration("1.0.0", prevResult=previous("0.4.0", BRIDGE, HOST_END, INSIDE))
    expected = previous("1.0.0", BRIDGE, HOST_END, INSIDE)
    assert runtime("ADD", said).result == expected


def test_check_and_delete_of_a_chain(runtime: StandInRuntime) -> None:
    said = configuration("0.4.0", prevResult=previous("0.4.0", BRIDGE, HOST_END, INSIDE))
    runtime("ADD", said)
    assert runtime("CHECK", said).status == 0
    del said["prevResult"]  # as after an ADD that failed in a later plugin
    assert runtime("DEL", said).status == 0
    assert not runtime.engine.there


@pytest.mark.parametrize(
    ("keys", "code", "says"),
    [
        ({"prevResult": previous("1.0.0", BRIDGE, HOST_END)}, 7, "no interface eth0"),
        ({"prevResult": previous("1.0.0", INSIDE)}, 2, "bridge"),
        ({"prevResult": previous("1.0.0", HOST_END, INSIDE)}, 2, "bridge"),
        ({"prevResult": {"ips": [{}]}}, 6, "prevResult"),
        ({"prevResult": "eth0"}, 6, "prevResult"),
        ({"prevResult": {"cniVersion": "7", "ips": []}}, 1, "7"),
        ({"prevResult": previous("1.0.0", BRIDGE, HOST_END, INSIDE), "ipam": POOL}, 7, "ipam"),
    ],
)
def test_a_chain_that_cannot_be(
    runtime: StandInRuntime, keys: dict[str, Any], code: int, says: str
) -> None:
    told = runtime("ADD", configuration("1.0.0", **keys))
    assert told.code == code
    assert says in told.said["msg"]
    assert not runtime.engine.there
