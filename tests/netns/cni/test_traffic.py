"""What guards, masquerade and limits do to real packets, not what they look like."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.netns.cni.pods import Pods
from tests.netns.cni.test_interfaces import link, mesh
from tests.netns.engine.conftest import Outside
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import ask, eventually, listening, open_socket, run

from glassbridge.engine.engine import Engine

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
_PATIENCE = 30.0
"""The first answer of a new pod came after a second once in a while."""
FORGED = "02:00:00:00:00:66"
AMOUNT = 1 << 20
RATE, BURST = 16_000_000, 800_000
"""Bits per second, and bits: half a second for AMOUNT, 0.4 at the least."""


@contextmanager
def calling_on(client: socket.socket) -> Iterator[None]:
    """Send some hundred datagrams a second, answered or not, until the end."""
    stopped = threading.Event()

    def call() -> None:
        while not stopped.wait(0.005):
            try:
                client.send(b"who")
            except OSError:  # the ICMP error of one before
                continue

    thread = threading.Thread(target=call, name="calling on")
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def hears(client: socket.socket) -> bool:
    try:
        return bool(client.recv(200))
    except OSError:
        return False


def hears_nothing_more(client: socket.socket) -> bool:
    """Read what is under way, and then nothing for longer than any two calls are apart."""
    return not any(hears(client) for _ in range(3))


def test_udp_goes_on_to_the_next_pod_on_a_port(
    pods: Pods, outside: Outside, engine: Engine
) -> None:
    """Each datagram keeps the kernel's flow alive, to a pod that is gone or to the host itself."""
    mapping = {"hostPort": 5353, "containerPort": 53, "protocol": "udp"}
    said = mesh(runtimeConfig={"portMappings": [mapping]})
    pods.make("two")
    with open_socket(outside.netns, UDP) as client:
        client.settimeout(0.2)
        client.connect(("198.51.100.1", 5353))
        with calling_on(client):
            pods.add("one", said)
            with listening("/run/netns/one", 53, UDP):
                eventually(lambda: hears(client))
                assert pods.call("ADD", "two", said).code == 100
                assert hears(client)
                assert pods.call("DEL", "one", said).status == 0
                eventually(lambda: hears_nothing_more(client))
            pods.add("two", said)
            with listening("/run/netns/two", 53, UDP):
                eventually(lambda: hears(client))
    check_consistency(engine)


@pytest.mark.parametrize("macspoofchk", [False, True])
def test_another_mac(pods: Pods, engine: Engine, macspoofchk: bool) -> None:
    said = mesh(macspoofchk=macspoofchk)
    pods.add("one", said)
    pods.add("two", said)
    own = link("eth0", "-n", "one")["address"]
    assert pods.reaches("one", "10.7.0.3")
    run("ip", "-n", "one", "link", "set", "eth0", "address", FORGED)
    if macspoofchk:
        assert pods.misses("one", "10.7.0.3")
        assert FORGED not in run("bridge", "fdb", "show", "br", "cni7"), "nor was it learnt"
    else:
        assert pods.reaches("one", "10.7.0.3")
    run("ip", "-n", "one", "link", "set", "eth0", "address", own)
    assert pods.reaches("one", "10.7.0.3")
    assert own in run("nft", "list", "set", "bridge", "glassbridge", "own_mac")
    pods.call("DEL", "one", said)
    assert own not in run("nft", "list", "set", "bridge", "glassbridge", "own_mac")
    check_consistency(engine)


def test_who_is_seen_outside(pods: Pods, engine: Engine, outside: Outside) -> None:
    """With ipMasq the host, without it the pod; a changed configuration counts at once."""
    with listening(outside.netns, 80, TCP):
        pods.add("one", mesh(ipMasq=True))
        assert ask("/run/netns/one", outside.address, 80) == "198.51.100.1"
        pods.call("DEL", "one", mesh(ipMasq=True))
        address = pods.add("two", mesh())["ips"][0]["address"].partition("/")[0]
        assert ask("/run/netns/two", outside.address, 80) == address
    assert "10.7.0" not in run("nft", "list", "set", "inet", "glassbridge", "masqueraded4")
    check_consistency(engine)


def seconds_to_carry(sender: str, receiver: str, address: str, port: int) -> float:
    """How long AMOUNT octets take from the first that is sent to the last that is read."""
    began = time.monotonic()
    with open_socket(receiver, TCP) as server, open_socket(sender, TCP) as client:
        for end in (server, client):
            end.settimeout(20)
        server.bind((address, port))
        server.listen()
        sending = threading.Thread(target=send_all, args=(client, address, port), name="sending")
        sending.start()
        try:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(20)
                left = AMOUNT
                while left:
                    left -= len(connection.recv(left)) or left
        finally:
            sending.join()
    return time.monotonic() - began


def send_all(client: socket.socket, address: str, port: int) -> None:
    client.connect((address, port))
    client.sendall(bytes(AMOUNT))


@pytest.mark.parametrize("way", ["ingress", "egress"])
def test_a_limit_slows_one_way_of_one_pod(pods: Pods, engine: Engine, way: str) -> None:
    limit = {f"{way}Rate": RATE, f"{way}Burst": BURST}
    limited: dict[str, Any] = mesh(runtimeConfig={"bandwidth": limit})
    pods.add("box", limited)
    pods.add("other", mesh())
    took = {
        ("ingress", "box"): seconds_to_carry("", "/run/netns/box", "10.7.0.2", 81),
        ("egress", "box"): seconds_to_carry("/run/netns/box", "", "10.7.0.1", 82),
        ("ingress", "other"): seconds_to_carry("", "/run/netns/other", "10.7.0.3", 83),
        ("egress", "other"): seconds_to_carry("/run/netns/other", "", "10.7.0.1", 84),
    }
    slow = took.pop((way, "box"))
    assert slow > (AMOUNT * 8 - BURST) / RATE * 0.8
    assert all(quick < slow / 2 for quick in took.values()), took
    pods.call("DEL", "box", limited)
    assert "tbf" not in run("tc", "qdisc", "show")
    check_consistency(engine)
