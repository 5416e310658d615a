"""Podman 4 by CNI: our plugin instead of bridge, portmap, firewall, tuning and dnsname."""

from __future__ import annotations

import json

import pytest
from tests.netns.cni_clients.hosts import NETWORK, Podman4Host
from tests.netns.foreign.machine import OUTSIDE


@pytest.fixture
def host(podman4: Podman4Host) -> Podman4Host:
    podman4.podman("pod", "rm", "-fa", "-t0")
    podman4.podman("rm", "-fa", "-t0")
    return podman4


def test_published_ports(host: Podman4Host) -> None:
    host.run("web", "-p", "8080:80", "-p", "127.0.0.1:8081:80")
    assert host.serves("http://127.0.0.1:8080/")
    assert host.serves("http://127.0.0.1:8081/")
    outside = ("ip", "netns", "exec", "outside")
    assert host.serves("http://203.0.113.1:8080/", *outside)
    assert not host.machine.fetches("http://203.0.113.1:8081/", *outside, patience=2)
    assert host.machine.look("status")["healthy"]
    host.remove("web")
    assert not host.machine.fetches("http://127.0.0.1:8080/", patience=2)


def test_names(host: Podman4Host) -> None:
    host.run("web")
    host.run("client")
    assert host.address("web") in host.podman("exec", "client", "busybox", "nslookup", "web")
    assert host.machine.pings(OUTSIDE, *host.inside("client"), patience=30)


def test_an_address_and_a_mac_that_were_asked_for(host: Podman4Host) -> None:
    host.run("web", "--ip", "10.92.7.7", "--mac-address", "02:00:00:00:00:77")
    told = json.loads(host.podman("inspect", "web"))[0]["NetworkSettings"]["Networks"][NETWORK]
    assert (told["IPAddress"], told["MacAddress"]) == ("10.92.7.7", "02:00:00:00:00:77")
    assert told["Gateway"] == "10.92.0.1"


def test_containers_that_share_a_network_stack(host: Podman4Host) -> None:
    host.run("base", "-p", "8082:81")
    free = ("--cgroups=disabled", "--ulimit", "host", "--network", "container:base")
    host.podman("run", "-d", *free, "--name", "web", "page", "httpd", "-f", "-p", "81")
    assert host.serves("http://127.0.0.1:8082/")
    host.remove("web")
    host.remove("base")


def test_a_taken_port_is_named(host: Podman4Host) -> None:
    host.machine("ip", "netns", "add", "blue")
    host.machine.screen("attach", "--netns", "/run/netns/blue", "--name", "blue", "-p", "8083:80")
    free = ("--cgroups=disabled", "--ulimit", "host", "--network", NETWORK, "-p", "8083:80")
    done = host.machine.run("podman", "run", "--rm", *free, "page", "true")
    assert done.returncode != 0
    assert "8083" in done.stderr
    host.machine.screen("detach", "blue")
    host.machine("ip", "netns", "del", "blue")
