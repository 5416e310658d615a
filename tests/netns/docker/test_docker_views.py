"""Docker's containers on our networks, on our screens: under the names that `docker ps` has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.netns.docker.driven_host import DrivenHost
from tests.netns.foreign.machine import HOST


@pytest.fixture(scope="module")
def peopled(host: DrivenHost) -> Iterator[DrivenHost]:
    """Four containers, of which nobody changes anything.

    front: web (8080 -> 80), shop    back: db, web, too    Docker's own: plain (9090 -> 80)
    """
    for name in ("front", "back"):
        host.network(name)
    host.run("web", "front", "-p", "8080:80")
    host("network", "connect", "back", "web")
    host.run("shop", "front")
    host.run("db", "back")
    host.run("plain", "bridge", "-p", "9090:80")
    yield host
    host.remove(*host("ps", "-aq").split())
    host("network", "prune", "-f")
    assert host.traces() == host.bare


def told(docker: DrivenHost) -> dict[str, Any]:
    return {v["sandbox"]["name"]: v for v in docker.machine.look("ps")}


def test_ps_has_one_row_for_each_of_docker_s_containers(peopled: DrivenHost) -> None:
    found = told(peopled)
    assert found.keys() == {"web", "shop", "db", "plain"}
    for name, view in found.items():
        known = peopled.inspect(name)
        assert view["engine"] == "Docker"
        assert view["sandbox"]["id"] == known["Id"]
        networks = known["NetworkSettings"]["Networks"]
        assert {
            (e["network"], e["endpoint"]["ipv4"].partition("/")[0], e["endpoint"]["mac"])
            for e in view["endpoints"]
        } == {(n, e["IPAddress"], e["MacAddress"]) for n, e in networks.items()}
    (row,) = (r for r in peopled.machine.screen("ps").splitlines() if r.startswith("web "))
    assert "8080->80" in row
    assert peopled.machine.screen("ps", "-q") == ""


def test_a_container_is_shown_on_docker_s_own_network_and_on_ours(peopled: DrivenHost) -> None:
    before = told(peopled)["plain"]["endpoints"]
    peopled("network", "connect", "front", "plain")
    try:
        plain = told(peopled)["plain"]
        ports = peopled.machine.screen("ports").splitlines()
    finally:
        peopled("network", "disconnect", "front", "plain")
    ours, *theirs = plain["endpoints"]
    assert ours["network"] == "front"
    assert theirs == before
    assert theirs[0]["network"] == "bridge"
    assert ["9090/tcp", "0.0.0.0", "plain", "Docker", "80"] in [row.split() for row in ports]


def test_who_shares_a_container_s_network_is_shown_on_it(peopled: DrivenHost) -> None:
    peopled("run", "-d", "--name", "side", "--network", "container:shop", "page", "sleep", "60")
    try:
        (shared,) = told(peopled)["side"]["endpoints"]
    finally:
        peopled.remove("side")
    assert shared["network"] == "front"


def test_ports_are_shown_with_the_container_s_name(peopled: DrivenHost) -> None:
    rows = [line.split() for line in peopled.machine.screen("ports").splitlines()[1:]]
    assert ["8080/tcp", "0.0.0.0", "web", "Docker", "80"] in rows
    assert ["9090/tcp", "0.0.0.0", "plain", "Docker", "80"] in rows
    assert peopled.machine.screen("port", "web", "80").startswith("0.0.0.0:8080\n")


def test_networks_have_docker_s_names(peopled: DrivenHost) -> None:
    lines = peopled.machine.screen("network", "ls").splitlines()
    rows = {row[0]: row for row in map(str.split, lines)}
    assert rows["NAME"][-1] == "MANAGER"
    assert (rows["front"][-1], rows["bridge"][-1]) == ("docker", "-")
    (front,) = peopled.machine.look("network", "inspect", "front")
    known = peopled.inspect("front")
    assert front["network"]["managed"] == {"by": "docker", "key": known["Id"]}
    assert {m["sandbox"]["name"] for m in front["endpoints"]} == {"web", "shop"}
    # by a part of Docker's id, as screens showed it before
    (same,) = peopled.machine.look("network", "inspect", known["Id"][:12])
    assert same == front
    done = peopled.machine.glassbridge("network", "rm", "front")
    assert "belongs to Docker" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--rootfs", "/", "--network", "front", "true"),
        ("run", "-d", "--rootfs", "/", "--network", "front", "true"),
        ("attach", "--netns", "/run/netns/outside", "--network", "front"),
    ],
)
def test_nobody_joins_docker_s_network_but_by_docker(
    peopled: DrivenHost, command: tuple[str, ...]
) -> None:
    done = peopled.machine.glassbridge(*command)
    assert done.returncode != 0
    told = done.stderr.splitlines()
    assert told[0] == "error: network front belongs to Docker"
    assert told[1].startswith("hint:  use docker network connect")


def test_containers_are_called_so_on_bridges_and_in_stacks(peopled: DrivenHost) -> None:
    (front,) = peopled.machine.look("network", "inspect", "front")
    bridge = front["network"]["bridge"]
    (report,) = peopled.machine.look("bridge", bridge)
    assert {c["place"] for c in report["cables"]} == {"web", "shop"}
    stack = peopled.machine.screen("stack", "web")
    assert stack.startswith("web ")
    assert f"bridge {bridge}" in stack
    shown = peopled.machine.screen("topology").splitlines()
    (line,) = (k for k in shown if "network front" in k)
    assert "(Docker)" in line
    assert sum(" web " in k for k in shown) >= 1
    assert not any("docker-" in k or "not read" in k for k in shown)
    (web,) = peopled.machine.look("inspect", "web")
    assert web["sandbox"]["id"] == peopled.inspect("web")["Id"]


@pytest.mark.parametrize(
    ("source", "target", "verdict", "way"),
    [
        ("shop", "web:80", "DELIVERED", ["shop", "host", "web"]),
        ("web", "db:80", "DELIVERED", ["web", "host", "db"]),
        ("host", f"{HOST}:8080", "DELIVERED", ["host", "web"]),
        ("outside", f"{HOST}:8080", "DELIVERED", ["outside", "host", "web"]),
        ("shop", "db:80", "DROPPED", ["shop", "host"]),
    ],
)
def test_a_trace_names_them(
    peopled: DrivenHost, source: str, target: str, verdict: str, way: list[str]
) -> None:
    report = peopled.machine.trace(source, target)
    told = f"{report['title']}: {report['verdict']} {report['cause']} {report['why_unknown']}"
    assert report["agree"] is True, told
    assert report["verdict"] == verdict, told
    assert list(dict.fromkeys(h["netns"]["name"] for h in report["hops"])) == way
    if verdict == "DROPPED":
        assert report["cause"]["code"] == "NETWORKS_APART"
        assert report["cause"]["fix"] == ["docker network connect back shop"]


def test_what_we_did_not_attach_is_not_ours_to_detach(peopled: DrivenHost) -> None:
    done = peopled.machine.glassbridge("detach", "web")
    assert "hint:  docker network disconnect NETWORK web" in done.stderr.splitlines()


@pytest.mark.parametrize("verb", ["stop", "rm", "exec"])
def test_what_is_docker_s_to_do_is_left_to_docker(peopled: DrivenHost, verb: str) -> None:
    done = peopled.machine.glassbridge(verb, "web", *(("true",) if verb == "exec" else ()))
    assert f"hint:  docker {verb} web" in done.stderr.splitlines()
    assert peopled.inspect("web")["State"]["Running"]


def test_doctor_is_content(peopled: DrivenHost) -> None:
    done = peopled.machine.glassbridge("doctor", "--json")
    assert json.loads(done.stdout)["findings"] == [], done.stdout
