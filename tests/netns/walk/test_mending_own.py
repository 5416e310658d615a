"""What glassbridge itself keeps apart: whose intention it is, and the proper way around it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.netns.cables import await_cables
from tests.netns.cli.program import Glassbridge

TIMEOUT = ("--timeout", "0.4")


class Lab:
    """The command and its daemon, namespaces attached by name, and an outside."""

    def __init__(self, folder: Path, make_netns: Callable[[str], str]) -> None:
        self.gb = Glassbridge(folder)
        self._make = make_netns
        shim = folder / "bin" / "glassbridge"
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m glassbridge "$@"\n')
        shim.chmod(0o755)
        self._path = f"{shim.parent}:{self.gb.environment['PATH']}"

    def attach(self, name: str, *options: str) -> None:
        path = self._make(name)
        self.gb("attach", "--netns", path, "--name", name, *options)

    def outside(self) -> None:
        """Somebody at 198.51.100.9, with a way to every address by the host."""
        self._make("out")
        for command in (
            "link add up0 type veth peer name up0 netns out",
            "addr add 198.51.100.1/24 dev up0",
            "link set up0 up",
            "route add default via 198.51.100.9",
            "-n out addr add 198.51.100.9/24 dev up0",
            "-n out link set up0 up",
            "-n out route add default via 198.51.100.1",
        ):
            subprocess.run(["ip", *command.split()], check=True)
        await_cables()

    def address(self, name: str) -> str:
        shown = self.inside(name, "ip -j -4 addr show dev eth0")
        return str(json.loads(shown)[0]["addr_info"][0]["local"])

    def inside(self, name: str, command: str) -> str:
        words = ["ip", "netns", "exec", name, *shlex.split(command)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def pings(self, name: str, address: str) -> bool:
        # a neighbour that was asked for in vain is asked for again after a second
        patience = ("-c", "5", "-i", "0.5", "-W", "1")
        words = ["ip", "netns", "exec", name, "ping", "-n", *patience, address]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def trace(self, *words: str) -> dict[str, Any]:
        done = self.gb.run("trace", *words, *TIMEOUT, "--json")
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def mend(self, report: dict[str, Any]) -> None:
        """Run the fix as it is printed."""
        for command in report["cause"]["fix"]:
            done = subprocess.run(
                ["sh", "-c", command],
                env={**self.gb.environment, "PATH": self._path},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}: {done.stderr}"


@pytest.fixture
def lab(tmp_path: Path, make_netns: Callable[[str], str]) -> Iterator[Lab]:
    made = Lab(tmp_path, make_netns)
    try:
        yield made
    finally:
        if made.gb.daemon is not None:
            made.gb.run("down", "--force")


def is_dropped(report: dict[str, Any], code: str) -> None:
    cause = report["cause"]
    assert (report["verdict"], cause["code"]) == ("DROPPED", code), report
    assert "differs" not in {h["seen"] for h in report["hops"]}, report
    assert cause["sentence"]
    assert cause["evidence"]
    assert cause["fix_note"]


def test_two_networks_are_joined_by_a_member_of_both(lab: Lab) -> None:
    lab.gb("network", "create", "back")
    lab.attach("one")
    lab.attach("db", "--network", "back")
    assert not lab.pings("one", lab.address("db"))
    report = lab.trace("one", "db")
    is_dropped(report, "NETWORKS_APART")
    assert report["cause"]["fix"] == ["glassbridge network connect back one"]
    lab.mend(report)
    assert lab.pings("one", lab.address("db"))
    assert lab.trace("one", "db")["verdict"] == "DELIVERED"


def test_containers_kept_apart_meet_on_another_network(lab: Lab) -> None:
    lab.gb("network", "create", "quiet", "-o", "com.docker.network.bridge.enable_icc=false")
    lab.attach("one", "--network", "quiet")
    lab.attach("two", "--network", "quiet")
    assert not lab.pings("one", lab.address("two"))
    report = lab.trace("one", "two")
    is_dropped(report, "ICC_OFF")
    assert "enable_icc=false" in report["cause"]["fix_note"]
    lab.mend(report)
    there = json.loads(lab.inside("two", "ip -j -4 addr show dev eth1"))
    new = there[0]["addr_info"][0]["local"]
    assert lab.pings("one", new)
    assert lab.trace("one", new)["verdict"] == "DELIVERED"


def test_out_of_an_internal_network_by_a_second_one(lab: Lab) -> None:
    lab.outside()
    lab.gb("network", "create", "closed", "--internal")
    lab.attach("other")  # whose network has the host forward at all
    lab.attach("one", "--network", "closed")
    lab.inside("one", f"ip route add default via {gateway_of(lab, 'one')}")
    assert not lab.pings("one", "198.51.100.9")
    report = lab.trace("one", "198.51.100.9")
    is_dropped(report, "INTERNAL_NETWORK")
    assert report["cause"]["fix"] == ["glassbridge network connect bridge one"]
    assert "--internal" in report["cause"]["fix_note"]


def gateway_of(lab: Lab, name: str) -> str:
    return lab.address(name).rpartition(".")[0] + ".1"


def test_into_an_internal_network_by_becoming_a_member(lab: Lab) -> None:
    lab.gb("network", "create", "closed", "--internal")
    lab.attach("one")
    lab.attach("vault", "--network", "closed")
    report = lab.trace("one", "vault")
    assert report["cause"]["code"] in {"INTERNAL_NETWORK", "NETWORKS_APART"}, report
    lab.mend(report)
    assert lab.pings("one", lab.address("vault"))
    assert lab.trace("one", "vault")["verdict"] == "DELIVERED"


def test_a_stolen_address_is_given_back(lab: Lab) -> None:
    lab.attach("one")
    lab.attach("two")
    lab.attach("three")
    stolen = lab.address("three")
    lab.inside("one", f"ip addr add {stolen}/16 dev eth0")
    report = lab.trace("one", "two", "-I", stolen)
    assert report["cause"]["code"] == "SOURCE_GUARD", report
    lab.mend(report)
    assert lab.pings("one", lab.address("two"))
    assert lab.trace("one", "two")["verdict"] == "DELIVERED"


def test_a_stolen_mac_is_given_back(lab: Lab) -> None:
    lab.attach("one")
    lab.attach("two")
    lab.attach("three")
    mac = json.loads(lab.inside("three", "ip -j link show dev eth0"))[0]["address"]
    lab.inside("one", f"ip link set dev eth0 address {mac}")
    assert not lab.pings("one", lab.address("two"))
    report = lab.trace("one", "two")
    assert report["cause"]["code"] == "SOURCE_GUARD", report
    lab.mend(report)
    assert lab.pings("one", lab.address("two"))
    assert lab.trace("one", "two")["verdict"] == "DELIVERED"


def test_a_container_s_own_address_is_not_for_the_outside(lab: Lab) -> None:
    lab.outside()
    lab.attach("one")
    address = lab.address("one")
    assert not lab.pings("out", address)
    report = lab.trace("netns:/run/netns/out", address)
    is_dropped(report, "DIRECT_ROUTING")
    assert report["cause"]["fix"] == []
    assert "-p" in report["cause"]["fix_note"]


def test_a_port_of_a_routed_network_must_be_published(lab: Lab) -> None:
    lab.outside()
    mode = "com.docker.network.bridge.gateway_mode_ipv4=routed"
    lab.gb("network", "create", "open", "-o", mode)
    lab.attach("one", "--network", "open")
    report = lab.trace("netns:/run/netns/out", f"{lab.address('one')}:80")
    is_dropped(report, "PORT_NOT_PUBLISHED")
    assert "-p 80:80" in report["cause"]["fix_note"]
