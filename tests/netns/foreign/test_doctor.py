"""Doctor on hosts of other engines: silent as they were made, and right when they are broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.netns.foreign.docker_host import DockerHost
from tests.netns.foreign.machine import OUTSIDE, Machine
from tests.netns.foreign.podman_host import PodmanHost

NO_WAY_BACK = (
    "ip -n outside route del 172.16.0.0/12",
    "ip -n outside route add 172.16.0.0/12 via 203.0.113.1",
)
_SHADOW = "type nat hook prerouting priority -150; tcp dport 8080 dnat to 172.17.0.250:80;"
SHADOW = (
    f"nft 'table ip theirs {{ chain pre {{ {_SHADOW} }}; }}'",
    "nft delete table ip theirs",
)
WITH_AN_UPLINK = (f"ip route add default via {OUTSIDE}", "ip route del default")


def doctor(machine: Machine, *words: str) -> Any:
    done = machine.glassbridge("doctor", "--json", *words)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@contextmanager
def changed(machine: Machine, does: str, undoes: str) -> Iterator[None]:
    machine("sh", "-ec", does)
    try:
        yield
    finally:
        machine("sh", "-ec", undoes)


def is_silent(machine: Machine) -> None:
    done = machine.glassbridge("doctor")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def mend(machine: Machine, finding: Any) -> None:
    for command in finding["fix"]:
        machine("sh", "-c", command)


def test_docker_without_a_default_route(docker: DockerHost) -> None:
    is_silent(docker.machine)


def test_docker_with_an_uplink(docker: DockerHost) -> None:
    with changed(docker.machine, *WITH_AN_UPLINK):
        is_silent(docker.machine)
        assert not doctor(docker.machine)["unexamined"]


def test_podman_with_an_uplink(podman: PodmanHost) -> None:
    with changed(podman.machine, *WITH_AN_UPLINK):
        is_silent(podman.machine)


def test_docker_s_rules_are_missing(docker: DockerHost) -> None:
    """As after `iptables -t nat -F`: docker-proxy still serves the published port."""
    machine = docker.machine
    saved = machine("iptables-save", "-t", "nat")
    with changed(machine, *WITH_AN_UPLINK), changed(machine, *NO_WAY_BACK):
        machine("iptables", "-t", "nat", "-F")
        try:
            found = doctor(machine)["findings"]
        finally:
            machine("iptables-restore", text=saved)
        is_silent(machine)
    assert {f["cause"] for f in found} == {"NO_MASQUERADE"}


def test_a_firewall_s_reload_closes_docker_s_networks(docker: DockerHost) -> None:
    machine = docker.machine
    saved = machine("iptables-save", "-t", "filter")
    with changed(machine, *WITH_AN_UPLINK):
        machine("iptables", "-F", "FORWARD")
        try:
            (finding,) = doctor(machine)["findings"]
            assert finding["cause"] == "FIREWALL_POLICY"
            assert any("the outside to port 8080" in path for path in finding["breaks"])
            assert "systemctl restart docker" in finding["fix_note"]
            mend(machine, finding)
            is_silent(machine)
        finally:
            machine("iptables-restore", text=saved)


def test_a_published_port_is_shadowed(docker: DockerHost) -> None:
    machine = docker.machine
    with changed(machine, *WITH_AN_UPLINK), changed(machine, *SHADOW):
        (finding,) = doctor(machine)["findings"]
        assert finding["code"] == "PORT_SHADOWED"
        assert finding["concerns"] == ["web"]
        assert not doctor(machine, "db")["findings"]
        mend(machine, finding)
        is_silent(machine)
