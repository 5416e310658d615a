"""Real Podman, with netavark and with CNI: the same truths as for Docker, by other rules."""

from __future__ import annotations

import pytest
from tests.netns.foreign.machine import HOST, OUTSIDE
from tests.netns.foreign.podman_host import CONTAINERS, PodmanHost
from tests.netns.foreign.proof import bridges, mend, places, plugged, traced

SERVED, NOT_SERVED = 80, 81


@pytest.mark.parametrize(
    ("source", "target", "port", "way"),
    [
        ("client", "web", SERVED, ["client", "host", "web"]),
        ("client", OUTSIDE, None, ["client", "host", "outside"]),
        ("outside", HOST, 8080, ["outside", "host", "web"]),
        ("host", HOST, 8080, ["host", "web"]),
        ("host", "127.0.0.1", 8080, ["host", "web"]),
        ("client", HOST, 8080, ["client", "host", "web"]),
    ],
)
def test_what_podman_lets_through_arrives(
    podman: PodmanHost, source: str, target: str, port: int | None, way: list[str]
) -> None:
    report = traced(podman, source, target, port)
    assert report["verdict"] == "DELIVERED", report["cause"]
    assert places(report) == way


@pytest.mark.parametrize(
    ("source", "target", "port", "cause"),
    [
        ("client", "web", NOT_SERVED, "NO_LISTENER"),
        ("alice", "bob", SERVED, "NETWORKS_APART"),
        ("bob", "alice", None, "NETWORKS_APART"),
    ],
)
def test_what_podman_drops_has_its_cause(
    podman: PodmanHost, source: str, target: str, port: int | None, cause: str
) -> None:
    assert traced(podman, source, target, port)["cause"]["code"] == cause


def test_a_container_asks_its_own_published_port(podman: PodmanHost) -> None:
    """CNI's bridge sends a frame back out of its port; netavark's did not before it said so."""
    report = traced(podman, "web", HOST, 8080)
    if report["verdict"] == "DROPPED":
        assert (podman.backend, report["cause"]["code"]) == ("netavark", "HAIRPIN_OFF")
        mend(podman, report)
        report = traced(podman, "web", HOST, 8080)
    assert places(report) == ["web", "host"]
    assert report["verdict"] == "DELIVERED"


def test_networks_are_joined_in_podman_s_words(podman: PodmanHost) -> None:
    fix = mend(podman, traced(podman, "alice", "bob", SERVED))
    assert fix == ["podman network connect moat alice"]
    try:
        assert traced(podman, "alice", "bob", SERVED)["verdict"] == "DELIVERED"
    finally:
        podman.machine("podman", "network", "disconnect", "moat", "alice")


def test_topology_has_podman_s_names(podman: PodmanHost) -> None:
    told = bridges(podman)
    for network in ("podman", "keep", "moat"):
        assert told[podman.bridge(network)][1:] == (network, "Podman")
    found = plugged(podman)
    for name, (network, *_) in CONTAINERS.items():
        owner, address, published = found[name]
        assert (owner, address) == ("Podman", podman.address(name, network))
        assert len(published) == (name == "web")


def test_stack_and_bridge_have_podman_s_names(podman: PodmanHost) -> None:
    bridge = podman.bridge("podman")
    stack = podman.machine.screen("stack", "web")
    assert stack.startswith("web ")
    assert f"bridge {bridge}" in stack
    ports = podman.machine.screen("bridge", bridge).splitlines()
    assert {row[2] for row in map(str.split, ports) if row[0].isdecimal()} == {"web", "client"}


def test_a_stopped_container_is_started_with_podman(podman: PodmanHost) -> None:
    podman.add("brief", "keep")
    podman.machine("podman", "stop", "-t", "0", "brief")
    done = podman.machine.glassbridge("trace", "host", "brief")
    assert done.stderr.splitlines() == [
        "error: brief is not running, so it has no network stack",
        "hint:  start it: podman start brief",
    ]
    podman.machine("podman", "rm", "brief")


def test_ps_and_ports_have_podman_s_containers(podman: PodmanHost) -> None:
    told = {v["sandbox"]["name"]: v for v in podman.machine.look("ps")}
    for name, (network, *_) in CONTAINERS.items():
        (member,) = told[name]["endpoints"]
        assert told[name]["engine"] == "Podman"
        assert told[name]["sandbox"]["id"] == podman.inspect(name)["Id"]
        assert (member["network"], member["bridge"]) == (network, podman.bridge(network))
        assert member["endpoint"]["ipv4"].partition("/")[0] == podman.address(name, network)
    ports = [line.split() for line in podman.machine.screen("ports").splitlines()[1:]]
    assert ["8080/tcp", "0.0.0.0", "web", "Podman", "80"] in ports


def test_what_podman_runs_is_left_to_podman(podman: PodmanHost) -> None:
    done = podman.machine.glassbridge("stop", "web")
    assert done.stderr.splitlines() == [
        "error: web is a container of Podman's: glassbridge stop is for its own",
        "hint:  podman stop web",
    ]
