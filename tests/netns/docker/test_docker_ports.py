"""Published ports of Docker's containers: reached from everywhere, and listed by us."""

from __future__ import annotations

import re
import sys
from functools import partial

import pytest
from tests.netns.docker.driven_host import DrivenHost, either_docker
from tests.netns.foreign.machine import HOST, wait_until

OUTSIDE = ("ip", "netns", "exec", "outside")
ECHO = """
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 53))
while True:
    data, peer = s.recvfrom(99)
    s.sendto(data.upper(), peer)
"""
ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"hello")
print(s.recv(99).decode())
"""


def echoes(docker: DrivenHost, where: tuple[str, ...]) -> bool:
    asked = docker.machine.run(*where, sys.executable, "-c", ASK, HOST, "5300")
    return asked.stdout == "HELLO\n"


@pytest.mark.parametrize("ours", [True, False], ids=["our addresses", "Docker's addresses"])
def test_a_port_is_reached_from_everywhere(docker: DrivenHost, ours: bool) -> None:
    docker.network("n1", ours=ours)
    docker.network("n2", ours=ours)
    docker.run("web", "n1", "-p", "8080:80")
    docker.run("sibling", "n1")
    docker.run("stranger", "n2")
    url = f"http://{HOST}:8080/"
    for who, where in (
        ("outside", OUTSIDE),
        ("host", ()),
        ("sibling", docker.inside("sibling")),
        ("itself", docker.inside("web")),
        ("another network", docker.inside("stranger")),
    ):
        assert docker.fetches(url, *where), who
    assert docker.fetches("http://127.0.0.1:8080/")
    docker("stop", "-t", "0", "web")
    assert not docker.fetches(url, patience=0.5)
    docker("start", "web")
    assert docker.fetches(url, *OUTSIDE)


@either_docker
def test_ports_of_every_kind(docker: DrivenHost) -> None:
    docker.network("n1", "--ipv6", "--subnet", "fd00:2::/64")
    docker.run(
        "web",
        "n1",
        *("-p", "8080:80", "-p", "127.0.0.1:8081:80", "-p", f"{HOST}:8082:80"),
        *("-p", "9000-9004:80", "-p", "7000-7001:7000-7001", "-p", "80", "-p", "5300:53/udp"),
    )
    assert docker.fetches("http://[2001:db8:113::1]:8080/", *OUTSIDE)
    assert docker.fetches("http://127.0.0.1:8081/")
    assert not docker.fetches(f"http://{HOST}:8081/", *OUTSIDE, patience=0.5)
    assert docker.fetches(f"http://{HOST}:8082/", *OUTSIDE)
    told = docker.machine.screen("ports")
    (ranged,) = set(re.findall(r"\b(900[0-4])\b", told))
    assert docker.fetches(f"http://{HOST}:{ranged}/", *OUTSIDE)
    assert "7001" in told
    docker.machine.start(*docker.inside("web"), sys.executable, "-c", ECHO, log=docker.log("echo"))
    for where in (OUTSIDE, (), docker.inside("web")):
        wait_until("udp answers", partial(echoes, docker, where))
    assert docker("port", "web") == "", "Docker cannot list them"


def test_ports_are_listed_by_us(docker: DrivenHost) -> None:
    docker.network("n1")
    docker.run("web", "n1", "-p", "8080:80")
    assert "8080" not in docker("ps", "--format", "{{.Ports}}")
    assert "8080" in docker.machine.screen("ports")
    shown = docker.machine.screen("ps")
    assert "web" in shown
    assert "8080->80" in shown


@either_docker
def test_a_port_that_is_taken(docker: DrivenHost) -> None:
    docker.network("n1")
    docker.run("web", "n1", "-p", "8080:80")
    told = docker.refused(
        "run", "-d", "--name", "late", "--network", "n1", "-p", "8080:80", "page", "sleep", "60"
    )
    assert "remote: host port 8080/tcp is taken by web of Docker (published " in told
    assert "choose another, e.g. -p 8081:80, or see: glassbridge ports" in told
    assert docker.inspect("late")["State"]["Status"] == "created"
    docker.remove("web")
    docker("start", "late")
    docker.remove("late")
    # and one that Docker's own network holds
    docker("run", "-d", "--name", "theirs", "-p", "8080:80", "page", "sleep", "60")
    told = docker.refused(
        "run", "-d", "--name", "late", "--network", "n1", "-p", "8080:80", "page", "sleep", "60"
    )
    assert "8080" in told
    docker.remove("theirs")
    docker("start", "late")


def test_a_random_port_is_a_free_one(docker: DrivenHost) -> None:
    docker.network("n1")
    for name in ("one", "two"):
        docker.run(name, "n1", "-p", "80")
    ports = set(re.findall(r"^(\d+)/tcp", docker.machine.screen("ports"), re.MULTILINE))
    assert len(ports) == 2
    for port in ports:
        assert docker.fetches(f"http://{HOST}:{port}/", *OUTSIDE)


def test_a_routed_network(docker: DrivenHost) -> None:
    docker.network("flat", "-o", "com.docker.network.bridge.gateway_mode_ipv4=routed")
    docker.run("web", "flat", "-p", "8080:80")
    address = docker.address("web", "flat")
    assert docker.fetches(f"http://{address}/", *OUTSIDE)
    assert not docker.fetches(f"http://{address}:81/", *OUTSIDE, patience=0.5)
    assert docker.machine.pings(address, *OUTSIDE, patience=30)
