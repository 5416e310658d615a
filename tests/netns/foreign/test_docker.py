"""Real Docker: what is traced arrives or is lost as curl and ping say; names are those of ps."""

from __future__ import annotations

import pytest
from tests.netns.foreign.docker_host import CONTAINERS, NETWORKS, DockerHost
from tests.netns.foreign.machine import HOST, OUTSIDE, wait_until
from tests.netns.foreign.proof import bridges, mend, places, plugged, run_all, traced

SERVED, NOT_SERVED = 80, 81


@pytest.mark.parametrize(
    ("source", "target", "port", "way"),
    [
        ("client", "web", None, ["client", "host", "web"]),
        ("client", "web", SERVED, ["client", "host", "web"]),
        ("shop", "cart", SERVED, ["shop", "host", "cart"]),
        ("host", "web", SERVED, ["host", "web"]),
        ("client", "host", None, ["client", "host"]),
        ("client", OUTSIDE, None, ["client", "host", "outside"]),
        ("outside", HOST, 8080, ["outside", "host", "web"]),
        ("host", HOST, 8080, ["host", "web"]),
        ("client", HOST, 8080, ["client", "host"]),  # docker-proxy, too: hairpin
        ("shop", HOST, 8080, ["shop", "host"]),
        ("outside", "web", SERVED, ["outside", "host", "web"]),  # published: Docker lets it in
    ],
)
def test_what_docker_lets_through_arrives(
    docker: DockerHost, source: str, target: str, port: int | None, way: list[str]
) -> None:
    report = traced(docker, source, target, port)
    assert report["verdict"] == "DELIVERED", report["cause"]
    assert places(report) == way


@pytest.mark.parametrize(
    ("source", "target", "port", "cause", "chain"),
    [
        ("client", "web", NOT_SERVED, "NO_LISTENER", ""),
        ("shop", "db", SERVED, "NETWORKS_APART", "DOCKER-ISOLATION-STAGE-2"),
        ("db", "shop", None, "NETWORKS_APART", "DOCKER-ISOLATION-STAGE-2"),
        ("hermit", "monk", SERVED, "ICC_OFF", "FORWARD"),
        ("client", "safe", SERVED, "INTERNAL_NETWORK", "DOCKER-ISOLATION-STAGE-1"),
        ("safe", OUTSIDE, None, "INTERNAL_NETWORK", "DOCKER-ISOLATION-STAGE-1"),
        ("outside", HOST, NOT_SERVED, "NO_LISTENER", ""),
        ("outside", "web", NOT_SERVED, "FIREWALL_POLICY", "FORWARD"),
        ("outside", "db", SERVED, "FIREWALL_POLICY", "FORWARD"),
    ],
)
def test_what_docker_drops_has_its_cause(
    docker: DockerHost, source: str, target: str, port: int | None, cause: str, chain: str
) -> None:
    told = traced(docker, source, target, port)["cause"]
    assert told["code"] == cause
    assert (told["rule"] or {}).get("chain", "") == chain
    if chain and cause != "FIREWALL_POLICY":
        assert told["rule"]["owner"] == "Docker"


def test_a_published_port_on_localhost_is_docker_proxy_s(docker: DockerHost) -> None:
    report = traced(docker, "host", "127.0.0.1", 8080)
    (taken,) = (hop for hop in report["hops"] if hop["kind"] == "socket")
    assert taken["predicted"]["by"]["socket"]["process"] == "docker-proxy"


def test_docker_s_networks_have_ipv6(docker: DockerHost) -> None:
    inside, cart = docker.inside("shop"), docker.inspect("cart")["NetworkSettings"]
    address = cart["Networks"]["front"]["GlobalIPv6Address"]
    wait_until("addresses are good", lambda: docker.machine.pings(address, *inside, patience=1))
    assert traced(docker, "shop", "cart", SERVED, "-6")["verdict"] == "DELIVERED"
    told = traced(docker, "shop", "db", SERVED, "-6")["cause"]
    assert (told["code"], told["rule"]["family"]) == ("NETWORKS_APART", "ip6")


def test_networks_are_joined_in_docker_s_words(docker: DockerHost) -> None:
    fix = mend(docker, traced(docker, "cart", "db", SERVED))
    assert fix == ["docker network connect back cart"]
    try:
        assert traced(docker, "cart", "db", SERVED)["verdict"] == "DELIVERED"
    finally:
        docker.machine("docker", "network", "disconnect", "back", "cart")


def test_a_network_without_icc_is_left_for_another(docker: DockerHost) -> None:
    fix = mend(docker, traced(docker, "monk", "hermit", SERVED))
    assert fix[0] == "docker network create monk-hermit"
    try:
        there = docker.address("hermit", "monk-hermit")
        assert traced(docker, "monk", there, SERVED)["verdict"] == "DELIVERED"
    finally:
        for name in ("monk", "hermit"):
            docker.machine("docker", "network", "disconnect", "monk-hermit", name)
        docker.machine("docker", "network", "rm", "monk-hermit")


def test_an_internal_network_gets_a_way_out_by_another(docker: DockerHost) -> None:
    assert mend(docker, traced(docker, "safe", OUTSIDE)) == ["docker network connect bridge safe"]
    try:
        assert traced(docker, "safe", OUTSIDE)["verdict"] == "DELIVERED"
    finally:
        docker.machine("docker", "network", "disconnect", "bridge", "safe")


def test_a_port_is_opened_in_the_chain_for_administrators(docker: DockerHost) -> None:
    fix = mend(docker, traced(docker, "outside", "db", SERVED))
    assert all("-I DOCKER-USER" in command for command in fix)
    try:
        assert traced(docker, "outside", "db", SERVED)["verdict"] == "DELIVERED"
    finally:
        run_all(docker, [command.replace("-I", "-D", 1) for command in fix])


def test_docker_s_policy_hits_a_bridge_of_ip_netns(docker: DockerHost) -> None:
    machine = docker.machine
    machine("ip", "-batch", "-", text="link add br9 type bridge\nlink set br9 up\n")
    for name, address in (("red", "10.9.0.2/24"), ("blue", "10.9.0.3/24")):
        machine("ip", "netns", "add", name)
        port = f"link add p-{name} type veth peer name eth0 netns {name}\n"
        machine("ip", "-batch", "-", text=f"{port}link set p-{name} master br9 up\n")
        inner = f"addr add {address} dev eth0\nlink set eth0 up\n"
        machine("ip", "-n", name, "-batch", "-", text=inner)
    report = traced(docker, "red", "blue")
    assert report["cause"]["code"] == "BRIDGE_NETFILTER"
    fix = mend(docker, report)
    assert [f.split(maxsplit=3)[3] for f in fix] == ["-I DOCKER-USER -i br9 -o br9 -j ACCEPT"]
    assert traced(docker, "red", "blue")["verdict"] == "DELIVERED"
    run_all(docker, [fix[0].replace("-I", "-D", 1), "ip link del br9"])
    for name in ("red", "blue"):
        machine("ip", "netns", "del", name)


def test_topology_has_docker_s_names(docker: DockerHost) -> None:
    told = bridges(docker)
    assert told["docker0"][1:] == ("bridge", "Docker")
    assert {told[docker.bridge(n)][1:] for n in NETWORKS} == {(n, "Docker") for n in NETWORKS}
    found = plugged(docker)
    for name, (network, *_) in CONTAINERS.items():
        owner, address, published = found[name]
        assert (owner, address) == ("Docker", docker.address(name, network))
        assert len(published) == (name == "web")
    shown = docker.machine.screen("topology").splitlines()
    (line,) = (k for k in shown if "  web " in k)
    assert line.endswith("8080->80")


def test_stack_and_bridge_have_docker_s_names(docker: DockerHost) -> None:
    stack = docker.machine.screen("stack", "web")
    assert stack.startswith("web ")
    assert f"{docker.address('web', 'bridge')}/16" in stack
    assert "bridge docker0" in stack
    assert "httpd" in stack
    ports = docker.machine.screen("bridge", "docker0").splitlines()
    assert {row[2] for row in map(str.split, ports) if row[0].isdecimal()} == {"web", "client"}


def test_ps_and_ports_have_docker_s_containers(docker: DockerHost) -> None:
    rows = {row[0]: row for row in map(str.split, docker.machine.screen("ps").splitlines())}
    assert rows["NAME"][1] == "ENGINE"
    ends = docker.machine.look("bridge", "docker0")[0]["cables"]
    (host_end,) = (c["ifname"] for c in ends if c["place"] == "web")
    address = docker.address("web", "bridge")
    assert rows["web"][1:4] == ["Docker", "bridge", address]
    assert rows["web"][5:8] == [host_end, "8080->80", "up"]
    told = {v["sandbox"]["name"]: v for v in docker.machine.look("ps")}
    assert {n for n in CONTAINERS if told[n]["engine"] == "Docker"} == CONTAINERS.keys()
    for name, (network, *_) in CONTAINERS.items():
        (member,) = told[name]["endpoints"]
        assert (member["network"], member["bridge"]) == (network, _bridge(docker, network))
        assert member["endpoint"]["ipv4"].partition("/")[0] == docker.address(name, network)
        known = docker.inspect(name)
        assert told[name]["sandbox"]["id"] == known["Id"]
        assert (
            member["endpoint"]["mac"] == known["NetworkSettings"]["Networks"][network]["MacAddress"]
        )
    assert docker.machine.screen("ps", "-q") == ""
    ports = [line.split() for line in docker.machine.screen("ports").splitlines()[1:]]
    assert ports[0] == ["8080/tcp", "0.0.0.0", "web", "Docker", "80"]
    assert docker.machine.screen("port", "web", "80").splitlines()[0] == "0.0.0.0:8080"
    (shown,) = docker.machine.look("inspect", "web")
    assert shown == told["web"] | {"sandbox": shown["sandbox"]}


@pytest.mark.parametrize("verb", ["stop", "start", "rm", "logs", "exec"])
def test_what_docker_runs_is_left_to_docker(docker: DockerHost, verb: str) -> None:
    words = ("exec", "db", "true") if verb == "exec" else (verb, "db")
    done = docker.machine.glassbridge(*words)
    assert done.stderr.splitlines() == [
        f"error: db is a container of Docker's: glassbridge {verb} is for its own",
        f"hint:  docker {verb} db",
    ]
    assert done.returncode in {4, 125}
    assert docker.inspect("db")["State"]["Running"]


def _bridge(docker: DockerHost, network: str) -> str:
    return "docker0" if network == "bridge" else docker.bridge(network)


def test_a_container_is_found_by_its_id(docker: DockerHost) -> None:
    known = docker.inspect("db")["Id"]
    report = docker.machine.trace("host", known[:12], "--no-probe")
    assert report["destination"]["container"] == {"name": "db"}


def test_a_stopped_container_is_started_with_docker(docker: DockerHost) -> None:
    docker.add("brief", "front")
    docker.machine("docker", "stop", "-t", "0", "brief")
    done = docker.machine.glassbridge("trace", "host", "brief")
    assert done.stderr.splitlines() == [
        "error: brief is not running, so it has no network stack",
        "hint:  start it: docker start brief",
    ]
    docker.machine("docker", "rm", "brief")
    assert "no such container" in docker.machine.glassbridge("trace", "host", "brief").stderr


def test_a_snapshot_of_docker_s_host_predicts_the_same(docker: DockerHost) -> None:
    machine, file = docker.machine, "/run/docker-host.snapshot"
    machine.screen("snapshot", "-o", file)
    for target, verdict in (("db:80", "DROPPED"), ("cart:80", "DELIVERED")):
        report = machine.trace("shop", target, "--state", file)
        assert report["verdict"] == verdict
        assert file in report["recorded"]
    assert "network front (Docker)" in machine.screen("topology", "--state", file)
