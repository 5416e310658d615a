"""Docker with legacy iptables, as on older hosts: counters are the witness of its rules."""

from __future__ import annotations

import pytest
from tests.netns.foreign.docker_host import DockerHost
from tests.netns.foreign.machine import HOST, OUTSIDE
from tests.netns.foreign.proof import mend, places, traced

SERVED = 80


@pytest.mark.parametrize(
    ("source", "target", "port", "way"),
    [
        ("client", "web", SERVED, ["client", "host", "web"]),
        ("client", OUTSIDE, None, ["client", "host", "outside"]),
        ("outside", HOST, 8080, ["outside", "host", "web"]),
    ],
)
def test_what_docker_lets_through_arrives(
    docker_by_legacy_iptables: DockerHost,
    source: str,
    target: str,
    port: int | None,
    way: list[str],
) -> None:
    report = traced(docker_by_legacy_iptables, source, target, port)
    assert report["verdict"] == "DELIVERED", report["cause"]
    assert places(report) == way


@pytest.mark.parametrize(
    ("source", "target", "cause"),
    [
        ("shop", "db", "NETWORKS_APART"),
        ("hermit", "monk", "ICC_OFF"),
        ("outside", "db", "FIREWALL_POLICY"),
    ],
)
def test_what_docker_drops_has_its_cause(
    docker_by_legacy_iptables: DockerHost, source: str, target: str, cause: str
) -> None:
    told = traced(docker_by_legacy_iptables, source, target, SERVED)["cause"]
    assert told["code"] == cause
    assert told["rule"]["backend"] == "iptables-legacy"


def test_a_port_is_opened_with_the_legacy_tool(docker_by_legacy_iptables: DockerHost) -> None:
    docker = docker_by_legacy_iptables
    fix = mend(docker, traced(docker, "outside", "cart", SERVED))
    assert all(command.startswith("iptables-legacy ") for command in fix)
    assert traced(docker, "outside", "cart", SERVED)["verdict"] == "DELIVERED"
