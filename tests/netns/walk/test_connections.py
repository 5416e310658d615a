"""Tracked connections as values, against `conntrack -L`."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest
from tests.netns.walk.witness_stage import A, C, Stage

from glassbridge.engine.survey import Survey
from glassbridge.kernel.connections import FlowTarget, connections_to, read_connections
from glassbridge.kernel.netns import inside, open_netns
from glassbridge.model.packet import Question, Transport
from glassbridge.model.snapshot import Connection, Snapshot

MakeNetns = Callable[[str], str]


@pytest.fixture
def stage(make_netns: MakeNetns) -> Iterator[Stage]:
    built = Stage(make_netns)
    yield built
    built.close()


TRACKING = """
table ip nat {
    chain prerouting {
        type nat hook prerouting priority -100
        tcp dport 8080 dnat to 10.78.0.2:80
    }
    chain postrouting {
        type nat hook postrouting priority 100
        oifname "br1" masquerade
    }
}
table inet filter {
    chain forward {
        type filter hook forward priority 0
        ct state new accept
    }
}
"""


def conntrack_lists() -> set[tuple[str, ...]]:
    """Of every line: protocol, and the two directions as conntrack(8) prints them."""
    found = set()
    for family in ("ipv4", "ipv6"):
        command = ["conntrack", "-L", "-f", family]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for line in told.splitlines():
            words = [w for w in line.split() if w.startswith(("src=", "dst=", "sport=", "dport="))]
            found.add((line.split()[0], *(w.partition("=")[2] for w in words)))
    return found


def as_listed(connection: Connection) -> tuple[str, ...]:
    return (
        str(connection.transport),
        str(connection.source),
        str(connection.destination),
        str(connection.source_port),
        str(connection.destination_port),
        str(connection.reply_source),
        str(connection.reply_destination),
        str(connection.reply_source_port),
        str(connection.reply_destination_port),
    )


@pytest.fixture
def connected(stage: Stage) -> Iterator[Stage]:
    subprocess.run(["nft", "-f", "-"], input=TRACKING, text=True, check=True)
    with inside(stage.fds["c"]):
        server = socket.create_server(("0.0.0.0", 80))
    with inside(stage.fds["a"]):
        client = socket.socket()
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("10.77.0.1", 8080))
    datagram.sendto(b"x", (C, 5353))
    ping = ["ip", "netns", "exec", "a", "ping", "-c1", "-W1", C]
    subprocess.run(ping, check=True, capture_output=True)
    with server, client, datagram:
        yield stage


def test_connections_are_as_conntrack_lists_them(connected: Stage) -> None:
    found = read_connections(connected.fds["host"], at_most=100)
    assert found.left_out == 0
    listed = conntrack_lists()
    assert {as_listed(c) for c in found.listed if c.transport is not Transport.ICMP} == {
        k for k in listed if k[0] in {"tcp", "udp"}
    }
    (icmp,) = (c for c in found.listed if c.transport is Transport.ICMP)
    assert (str(icmp.source), str(icmp.destination)) == (A, C)
    assert icmp.source_port
    assert icmp.is_replied
    (tcp,) = (c for c in found.listed if c.transport is Transport.TCP)
    assert tcp.reply_source == IPv4Address(C)
    assert tcp.reply_destination == IPv4Address("10.78.0.1"), "masqueraded"
    assert tcp.is_assured
    assert tcp.seconds_left


def test_only_a_few_connections(connected: Stage) -> None:
    every = len(read_connections(connected.fds["host"], at_most=100).listed)
    assert every > 2
    found = read_connections(connected.fds["host"], at_most=1)
    assert (len(found.listed), found.left_out) == (1, every - 1)


@pytest.mark.parametrize(
    ("transport", "address", "port", "count"),
    [
        (Transport.TCP, "10.77.0.1", 8080, 1),
        (Transport.TCP, "10.77.0.1", 0, 1),
        (Transport.TCP, "10.77.0.1", 8081, 0),
        (Transport.UDP, "10.77.0.1", 8080, 0),
        (Transport.UDP, C, 5353, 1),
        (Transport.ICMP, C, 0, 1),
        (Transport.TCP, "fd77::1", 8080, 0),
    ],
)
def test_the_connections_of_one_flow(
    connected: Stage, transport: Transport, address: str, port: int, count: int
) -> None:
    target = FlowTarget(transport=transport, address=ip_address(address), port=port)
    found = connections_to(connected.fds["host"], target)
    assert len(found) == count
    assert all(c.destination == target.address for c in found)


def test_a_trace_reads_its_own_connections_and_a_snapshot_all(connected: Stage) -> None:
    survey = Survey()
    survey.read([survey.home])
    assert _tracked(survey) == ()
    survey.focus(
        Question(
            source=None,
            transport=Transport.TCP,
            destination=ip_address("10.77.0.1"),
            destination_port=8080,
        )
    )
    assert [c.transport for c in _tracked(survey)] == [Transport.TCP]
    whole = Survey()
    whole.read_all()
    assert len(_tracked(whole)) == 3


def _tracked(survey: Survey) -> tuple[Connection, ...]:
    snapshot: Snapshot = survey.snapshot
    return snapshot.namespaces[survey.home].connections


def test_a_namespace_that_tracks_nothing_does_not_begin_to(stage: Stage) -> None:
    fd = open_netns("/run/netns/a")
    try:
        assert read_connections(fd, at_most=10).listed == ()
        with inside(stage.fds["b"]):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sender:
            sender.sendto(b"x", (A, 9))
        with inside(fd):
            count = Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text()
        assert int(count) == 0
    finally:
        os.close(fd)
