"""What moby's own tests assert of its bridge driver, and no other file here does.

Numbers are those of docs/decisions/0054-behaviours-of-dockers-bridge.md.
"""

from __future__ import annotations

import sys
from functools import partial

from tests.netns.docker.driven_host import DrivenHost
from tests.netns.foreign.machine import HOST, OUTSIDE, wait_until

NEIGHBOUR = ("ip", "netns", "exec", "outside")
SNAT = "203.0.113.77"
ANSWER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
while True:
    _, peer = s.recvfrom(99)
    s.sendto(f"{sys.argv[1]} saw {peer[0]}".encode(), peer)
"""
ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 4444))
s.settimeout(0.5)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"who?")
print(s.recv(99).decode())
"""


def answers(docker: DrivenHost, name: str, *where: str) -> None:
    """Somebody there says who it is, and who asked."""
    docker.machine.start(*where, sys.executable, "-c", ANSWER, name, log=docker.log(name))


def hears(docker: DrivenHost, where: tuple[str, ...], address: str, port: int, said: str) -> bool:
    """Always asked from the same port: to conntrack it is one flow."""
    asked = docker.machine.run(*where, sys.executable, "-c", ASK, address, str(port))
    return asked.stdout.strip() == said


def test_8_a_trusted_interface(docker: DrivenHost) -> None:
    """From there a published port is reached at the container's own address."""
    trusted = "com.docker.network.bridge.trusted_host_interfaces=uplink"
    docker.network("open", "-o", trusted)
    docker.network("shut")
    docker.run("one", "open", "-p", "8081:80")
    docker.run("two", "shut", "-p", "8082:80")
    assert docker.fetches(f"http://{docker.address('one', 'open')}/", *NEIGHBOUR)
    assert not docker.fetches(f"http://{docker.address('two', 'shut')}/", *NEIGHBOUR, patience=0.3)


def test_30_the_address_that_others_see(docker: DrivenHost) -> None:
    docker.machine("ip", "address", "add", f"{SNAT}/24", "dev", "uplink")
    docker.network("n1", "-o", f"com.docker.network.host_ipv4={SNAT}")
    docker.run("web", "n1")
    answers(docker, "outside", *NEIGHBOUR)
    inside = docker.inside("web")
    wait_until("it is seen", partial(hears, docker, inside, OUTSIDE, 53, f"outside saw {SNAT}"))
    docker.machine("ip", "address", "del", f"{SNAT}/24", "dev", "uplink")


def test_36_an_id_beats_a_name(docker: DrivenHost) -> None:
    """The second is called as the first one's id is."""
    first = docker.network("n1")
    second = docker.network(first)
    docker("network", "rm", first)
    assert [n["network"]["id"] for n in docker.plugin()["networks"]] == [second]


def test_39_a_flow_does_not_outlast_its_container(docker: DrivenHost) -> None:
    """A client that never pauses reaches the next container on the same port."""
    docker.network("n1")
    for name in ("one", "two"):
        docker.run(name, "n1", "-p", "5300:53/udp")
        answers(docker, name, *docker.inside(name))
        told = partial(hears, docker, NEIGHBOUR, HOST, 5300, f"{name} saw {OUTSIDE}")
        wait_until(f"{name} answers", told)
        docker.remove(name)
