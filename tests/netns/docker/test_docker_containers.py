"""Containers on networks of ours: addresses, names, several networks, and what inspect shows."""

from __future__ import annotations

import json

import pytest
from tests.netns.docker.driven_host import DrivenHost, either_docker


@either_docker
@pytest.mark.parametrize("ours", [True, False], ids=["our addresses", "Docker's addresses"])
def test_containers_reach_each_other_and_the_outside(docker: DrivenHost, ours: bool) -> None:
    docker.network("n1", ours=ours)
    for name in ("web", "client"):
        docker.run(name, "n1")
    inside = docker.inside("client")
    address = docker.address("web", "n1")
    assert docker.fetches(f"http://{address}/", *inside)
    assert docker.machine.pings("203.0.113.9", *inside, patience=30), "the outside"
    assert docker.machine.pings(address, patience=30), "from the host"
    assert not docker.machine.pings(address, "ip", "netns", "exec", "outside", patience=0.3)


@either_docker
def test_inspect_shows_what_the_kernel_has(docker: DrivenHost) -> None:
    docker.network("n1", "--ipv6", "--subnet", "fd00:1::/64")
    docker.run("web", "n1")
    plugged = docker.plugged("web", "n1")
    shown = json.loads(docker.machine(*docker.inside("web"), "ip", "-j", "address", "show", "eth0"))
    addresses = {
        a["local"]: a["prefixlen"] for a in shown[0]["addr_info"] if a["scope"] == "global"
    }
    assert plugged["MacAddress"] == shown[0]["address"]
    assert addresses == {
        plugged["IPAddress"]: plugged["IPPrefixLen"],
        plugged["GlobalIPv6Address"]: plugged["GlobalIPv6PrefixLen"],
    }
    routes = json.loads(docker.machine(*docker.inside("web"), "ip", "-j", "route"))
    assert [r["gateway"] for r in routes if r["dst"] == "default"] == [plugged["Gateway"]]
    routes6 = json.loads(docker.machine(*docker.inside("web"), "ip", "-6", "-j", "route"))
    assert [r["gateway"] for r in routes6 if r["dst"] == "default"] == [plugged["IPv6Gateway"]]
    assert "web" in [c["Name"] for c in docker.inspect("n1")["Containers"].values()]
    (network,) = docker.plugin()["networks"]
    (member,) = network["endpoints"]
    assert member["endpoints"][0]["endpoint"]["id"] == plugged["EndpointID"]


@either_docker
def test_a_chosen_address_and_mac_are_kept(docker: DrivenHost) -> None:
    docker.network("n1", "--subnet", "10.68.0.0/24")
    mac = "02:42:0a:44:00:99"
    docker.run("web", "n1", "--ip", "10.68.0.99", "--mac-address", mac)
    for _ in range(2):
        plugged = docker.plugged("web", "n1")
        assert (plugged["IPAddress"], plugged["MacAddress"]) == ("10.68.0.99", mac)
        (link,) = json.loads(
            docker.machine(*docker.inside("web"), "ip", "-j", "link", "show", "eth0")
        )
        assert link["address"] == mac
        docker("restart", "-t", "0", "web")
    told = docker.refused(
        "run", "-d", "--name", "twin", "--network", "n1", "--ip", "10.68.0.99", "page", "sleep", "9"
    )
    assert "10.68.0.99" in told
    told = docker.refused(
        "run", "-d", "--name", "far", "--network", "n1", "--ip", "10.99.0.1", "page", "sleep", "9"
    )
    assert "10.99.0.1" in told


@either_docker
def test_names_are_answered_by_docker(docker: DrivenHost) -> None:
    docker.network("n1")
    docker.run("one", "n1", "--network-alias", "pair")
    docker.run("two", "n1", "--network-alias", "pair")
    one, two = (docker.address(name, "n1") for name in ("one", "two"))
    assert docker.looks_up("two", "one") == [two]
    assert docker.looks_up("two.n1", "one") == [two]
    assert docker.looks_up("pair", "one") == sorted([one, two])
    assert docker.looks_up(docker.inspect("two")["Id"][:12], "one") == [two]


@either_docker
def test_a_container_on_several_networks(docker: DrivenHost) -> None:
    for name in ("front", "back"):
        docker.network(name)
    docker.run("app", "front", "-p", "8090:80")
    docker.run("db", "back")
    inside = docker.inside("app")
    assert not docker.machine.pings(docker.address("db", "back"), *inside, patience=0.3)
    docker("network", "connect", "--alias", "store", "back", "app")
    assert docker.machine.pings(docker.address("db", "back"), *inside, patience=30)
    assert docker.looks_up("store", "db") == [docker.address("app", "back")]
    assert docker.fetches("http://203.0.113.1:8090/", "ip", "netns", "exec", "outside")
    # whichever network has the gateway has the ports
    docker("network", "disconnect", "front", "app")
    assert docker.fetches("http://203.0.113.1:8090/", "ip", "netns", "exec", "outside")
    docker("network", "connect", "front", "app")
    docker("network", "disconnect", "back", "app")
    assert docker.fetches("http://203.0.113.1:8090/", "ip", "netns", "exec", "outside")
    assert not docker.machine.pings(docker.address("db", "back"), *inside, patience=0.3)
    links = json.loads(docker.machine(*inside, "ip", "-j", "link"))
    assert len(links) == 2, "lo and one"


@either_docker
def test_beside_a_network_of_docker_s_own(docker: DrivenHost) -> None:
    docker.network("ours")
    docker("network", "create", "theirs")
    docker.run("both", "theirs")
    docker("network", "connect", "ours", "both")
    docker.run("mine", "ours")
    docker.run("yours", "theirs")
    inside = docker.inside("both")
    assert docker.machine.pings(docker.address("mine", "ours"), *inside, patience=30)
    assert docker.machine.pings(docker.address("yours", "theirs"), *inside, patience=30)
    assert not docker.machine.pings(
        docker.address("yours", "theirs"), *docker.inside("mine"), patience=0.3
    )


def test_a_stopped_container_joins_when_it_starts(docker: DrivenHost) -> None:
    for name in ("n1", "n2"):
        docker.network(name, "--subnet", "10.69.1.0/24" if name == "n1" else "10.69.2.0/24")
    docker("create", "--name", "web", "--network", "n1", "page", "sleep", "60")
    docker("network", "connect", "--ip", "10.69.2.50", "n2", "web")
    docker("start", "web")
    assert docker.address("web", "n2") == "10.69.2.50"
    docker("stop", "-t", "0", "web")
    docker("network", "disconnect", "n1", "web")
    docker("start", "web")
    assert list(docker.inspect("web")["NetworkSettings"]["Networks"]) == ["n2"]
    assert docker.address("web", "n2") == "10.69.2.50"


def test_addresses_come_back(docker: DrivenHost) -> None:
    """A /29 has five addresses for containers; over and over again."""
    docker.network("small", "--subnet", "10.70.0.0/29")
    names = [f"c{number}" for number in range(5)]
    for name in names:
        docker.run(name, "small")
    told = docker.refused("run", "--name", "late", "--network", "small", "page", "sleep", "60")
    assert "10.70.0.0/29" in told
    docker.remove("c0", "late")
    docker.run("again", "small")
    assert len({docker.address(n, "small") for n in (*names[1:], "again")}) == 5


def test_many_start_at_once(docker: DrivenHost) -> None:
    docker.network("n1")
    run = "docker run -d --name m$i --network n1 -p 80 page sleep 60"
    script = f"for i in 1 2 3 4 5 6 7 8; do {run} & done; wait"
    docker.machine("sh", "-ec", script)
    addresses = {docker.address(f"m{i}", "n1") for i in range(1, 9)}
    assert len(addresses) == 8


def test_endpoint_sysctls_are_docker_s_to_set(docker: DrivenHost) -> None:
    """dockerd of version 28 sets them itself; an older one hands them to the driver unread."""
    docker.network("n1")
    docker.run("web", "n1")
    docker.network("n2")
    docker("network", "connect", "--driver-opt", "something.new=1", "n2", "web")
    told = docker.refused(
        *("network", "connect", "--driver-opt", "com.docker.network.endpoint.ifname=wan0"),
        *("n2", "web"),
    )
    assert "already exists" in told or "names the interface itself" in told
