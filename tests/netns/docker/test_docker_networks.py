"""`docker network ...` with `-d glassbridge`, by the real docker and dockerd."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.netns.docker.driven_host import DrivenHost, either_docker

OPT = "com.docker.network."


def bridge_of(docker: DrivenHost, network: str) -> Any:
    """The network as glassbridge has it."""
    key = docker.inspect(network)["Id"]
    (found,) = (
        n["network"] for n in docker.plugin()["networks"] if n["network"]["managed"]["key"] == key
    )
    return found


def addresses_of(docker: DrivenHost, link: str) -> list[str]:
    (found,) = json.loads(docker.machine("ip", "-j", "address", "show", "dev", link))
    return [f"{a['local']}/{a['prefixlen']}" for a in found["addr_info"] if a["scope"] == "global"]


def test_docker_finds_us_at_once(docker: DrivenHost) -> None:
    assert docker.enabled.startswith("Docker finds us at /run/docker/plugins/glassbridge.sock")
    told = docker.machine("stat", "-c", "%a %u %F", "/run/docker/plugins/glassbridge.sock")
    assert told == "600 0 socket\n"
    plugin = docker.plugin()["plugin"]
    assert (plugin["enabled"], plugin["serving"]) == (True, True)


@pytest.mark.parametrize("ours", [True, False], ids=["our addresses", "Docker's addresses"])
def test_a_network_comes_and_goes(docker: DrivenHost, ours: bool) -> None:
    docker.network("n1", ours=ours)
    told = docker.inspect("n1")
    assert (told["Driver"], told["Scope"]) == ("glassbridge", "local")
    (pool,) = told["IPAM"]["Config"]
    made = bridge_of(docker, "n1")
    assert made["name"] == "n1"
    assert made["ipv4"]["prefix"] == pool["Subnet"]
    address = pool["Gateway"].partition("/")[0] + "/" + pool["Subnet"].partition("/")[2]
    assert addresses_of(docker, made["bridge"]) == [address]
    assert docker("network", "rm", "n1") == "n1"
    assert docker.plugin()["networks"] == []
    assert docker.machine.run("ip", "link", "show", made["bridge"]).returncode != 0


@either_docker
def test_a_network_with_every_option(docker: DrivenHost) -> None:
    docker.network(
        "full",
        *("--subnet", "10.66.0.0/24", "--ip-range", "10.66.0.128/25", "--gateway", "10.66.0.1"),
        *("--aux-address", "router=10.66.0.129"),
        *("--ipv6", "--subnet", "fd00:66::/64"),
        *("-o", f"{OPT}bridge.name=full0", "-o", f"{OPT}driver.mtu=1400"),
        *("-o", f"{OPT}container_iface_prefix=lan", "-o", f"{OPT}bridge.enable_icc=false"),
        *("-o", "glassbridge.source_guard=strict", "--label", "colour=blue"),
    )
    made = bridge_of(docker, "full")
    assert made["bridge"] == "full0"
    assert made["options"]["mtu"] == 1400
    assert made["options"]["icc"] is False
    assert addresses_of(docker, "full0") == ["10.66.0.1/24", "fd00:66::1/64"]
    docker.run("one", "full")
    docker.run("two", "full", "--ip", "10.66.0.200", "--ip6", "fd00:66::99")
    plugged = docker.plugged("one", "full")
    assert plugged["IPAddress"] == "10.66.0.128"
    assert docker.address("two", "full") == "10.66.0.200"
    (link,) = json.loads(docker.machine(*docker.inside("two"), "ip", "-j", "link", "show", "lan0"))
    assert link["mtu"] == 1400
    assert docker.plugged("two", "full")["GlobalIPv6Address"] == "fd00:66::99"
    docker.run("three", "full")
    assert docker.address("three", "full") == "10.66.0.130", "129 is somebody's router"
    assert not docker.machine.pings("10.66.0.200", *docker.inside("one"), patience=0.3), "icc"
    assert docker.machine.pings("10.66.0.1", *docker.inside("one"), patience=30)
    assert docker.machine.pings("fd00:66::1", *docker.inside("one"), patience=30)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("-o", f"{OPT}driver.mtu=much"), "a number from 68 to 65535 is needed"),
        (("-o", "mtu=1400"), "unknown option mtu"),
        (("--subnet", "127.0.0.0/8"), "127.0.0.0/8 is loopback"),
        (("--subnet", "203.0.113.0/25"), "overlaps"),
        (("-o", f"{OPT}bridge.gateway_mode_ipv4=isolated"), "needs an internal network"),
        (("-o", "parent=eth0"), "macvlan"),
    ],
)
def test_a_network_that_cannot_be(
    docker: DrivenHost, options: tuple[str, ...], complaint: str
) -> None:
    told = docker.refused(
        "network", "create", "-d", "glassbridge", "--ipam-driver", "glassbridge", *options, "bad"
    )
    assert "remote: " in told
    assert complaint in told
    assert len(told.splitlines()) == 1
    assert "bad" not in docker("network", "ls", "--format", "{{.Name}}").split()


def test_what_docker_s_own_addresses_cannot_be(docker: DrivenHost) -> None:
    told = docker.refused("network", "create", "-d", "glassbridge", "--ipam-driver", "null", "bad")
    assert "without addresses" in told
    told = docker.refused(
        *("network", "create", "-d", "glassbridge", "--ipam-driver", "glassbridge"),
        *("--ipam-opt", "colour=blue", "bad"),
    )
    assert "unknown IPAM option colour" in told


def test_names_and_subnets_are_taken_once(docker: DrivenHost) -> None:
    docker.network("n1", "--subnet", "10.67.0.0/24")
    assert "already exists" in docker.refused("network", "create", "-d", "glassbridge", "n1")
    for ipam in ((), ("--ipam-driver", "glassbridge")):
        again = ("network", "create", "-d", "glassbridge", *ipam, "--subnet", "10.67.0.0/16", "n2")
        assert "overlap" in docker.refused(*again).lower()
    docker.network("other")
    prefixes = {bridge_of(docker, name)["ipv4"]["prefix"] for name in ("n1", "other")}
    assert len(prefixes) == 2


def test_our_pools_and_docker_s_stay_apart(docker: DrivenHost) -> None:
    docker.network("a")
    docker.network("b", ours=False)
    docker("network", "create", "c")
    docker.network("d")
    docker.network("e", ours=False)
    networks = json.loads(docker("network", "inspect", *"abcde"))  # a digit may begin an image
    subnets = [n["IPAM"]["Config"][0]["Subnet"] for n in networks]
    assert len(set(subnets)) == 5, subnets


def test_a_network_in_use_stays(docker: DrivenHost) -> None:
    docker.network("n1")
    docker.run("web", "n1")
    assert "active endpoints" in docker.refused("network", "rm", "n1")
    docker.network("n2")
    assert "n2" in docker("network", "prune", "-f").split()
    told = docker.machine.glassbridge("network", "rm", "n1")
    assert told.returncode != 0
    assert "docker network connect, disconnect or rm" in told.stderr
    refused = docker.machine.glassbridge("docker", "disable")
    assert refused.returncode != 0
    assert "Docker has networks here: n1\n" in refused.stderr
    docker.remove("web")
    assert docker("network", "rm", "n1") == "n1"


@either_docker
def test_an_internal_network(docker: DrivenHost) -> None:
    docker.network("safe", "--internal")
    docker.run("vault", "safe")
    docker.run("guard", "safe")
    inside = docker.inside("vault")
    routes = docker.machine(*inside, "ip", "route")
    assert "default" not in routes
    assert "docker_gwbridge" not in docker.machine("ip", "link")
    assert docker.machine.pings(docker.address("guard", "safe"), *inside, patience=30)
    told = docker.machine.run(*inside, "ping", "-c1", "-W1", "203.0.113.9")
    assert "Network is unreachable" in told.stderr
    assert docker.looks_up("guard", "vault") == [docker.address("guard", "safe")]
    assert docker.machine.run(*inside, "ip", "link", "show", "eth1").returncode != 0


@either_docker
@pytest.mark.parametrize("ours", [True, False], ids=["our addresses", "Docker's addresses"])
def test_an_isolated_network_has_no_bridge_address(docker: DrivenHost, ours: bool) -> None:
    docker.network(
        "alone", "--internal", "-o", f"{OPT}bridge.gateway_mode_ipv4=isolated", ours=ours
    )
    assert addresses_of(docker, bridge_of(docker, "alone")["bridge"]) == []
    docker.run("one", "alone")
    docker.run("two", "alone")
    assert docker.machine.pings(docker.address("two", "alone"), *docker.inside("one"), patience=30)
