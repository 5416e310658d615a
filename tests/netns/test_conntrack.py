"""kernel.conntrack against conntrack(8), with flows that were really made."""

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from glassbridge.errors import KernelRefused
from glassbridge.kernel import conntrack as module
from glassbridge.kernel.conntrack import Conntrack
from glassbridge.kernel.netns import inside, open_netns
from glassbridge.model.endpoint import Protocol, PublishedPort
from glassbridge.wire.netlink import Refusal

MakeNetns = Callable[[str], str]

RULES = """
table inet t {
  chain pre {
    type nat hook prerouting priority dstnat;
    meta nfproto ipv4 udp dport 5353 dnat ip to 10.0.1.2:53
    meta nfproto ipv6 udp dport 5353 dnat ip6 to [fd00:1::2]:53
  }
  chain post {
    type nat hook postrouting priority srcnat;
    ip saddr 10.0.1.3 masquerade
  }
}
"""

PARTS = """
link add out0 type veth peer name eth0 netns out
link add in0 type veth peer name eth0 netns in
link set out0 up
link set in0 up
addr add 10.0.0.1/24 dev out0
addr add 10.0.1.1/24 dev in0
addr add fd00::1/64 dev out0 nodad
addr add fd00:1::1/64 dev in0 nodad
"""


def configure(netns: str, *, batch: str, options: tuple[str, ...] = ()) -> None:
    command = ["ip", *(["-n", netns] if netns else []), *options, "-batch", "-"]
    subprocess.run(command, input=batch, check=True, text=True)


class Flows:
    """Datagrams from one namespace to another through a router that tracks them."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.netns = {n: open_netns(f"/run/netns/{n}") for n in ("out", "in")}

    def send(self, netns: str, source: str, destination: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in destination else socket.AF_INET
        with inside(self.netns[netns]):
            one = socket.socket(family, socket.SOCK_DGRAM)
        one.bind((source, 0))
        one.sendto(b"x", (destination, port))
        self.sockets.append(one)

    def close(self) -> None:
        for one in self.sockets:
            one.close()
        for fd in self.netns.values():
            os.close(fd)


@pytest.fixture
def flows(make_netns: MakeNetns) -> Iterator[Flows]:
    make_netns("out")
    make_netns("in")
    configure("", batch=PARTS)
    configure("out", batch="link set eth0 up\naddr add 10.0.0.2/24 dev eth0\n")
    configure("out", batch="addr add 10.0.0.3/24 dev eth0\nroute add default via 10.0.0.1\n")
    configure("out", batch="addr add fd00::2/64 dev eth0 nodad\n")
    configure("out", batch="route add default via fd00::1\n", options=("-6",))
    configure("in", batch="link set eth0 up\naddr add 10.0.1.2/24 dev eth0\n")
    configure("in", batch="addr add 10.0.1.3/24 dev eth0\nroute add default via 10.0.1.1\n")
    configure("in", batch="addr add fd00:1::2/64 dev eth0 nodad\n")
    configure("in", batch="route add default via fd00:1::1\n", options=("-6",))
    for key in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
        subprocess.run(["sysctl", "-qw", key], check=True)
    subprocess.run(["nft", "-f", "-"], input=RULES, check=True, text=True)
    made = Flows()
    made.send("out", "10.0.0.2", "10.0.1.2", 7)
    made.send("out", "10.0.0.3", "10.0.0.1", 5353)  # to 10.0.1.2 port 53
    made.send("out", "10.0.0.3", "10.0.1.3", 5353)  # likewise, by another address
    made.send("in", "10.0.1.3", "10.0.0.2", 9)  # masqueraded
    made.send("in", "10.0.1.2", "10.0.0.3", 11)
    made.send("out", "10.0.0.3", "10.0.1.3", 13)
    made.send("out", "fd00::2", "fd00::1", 5353)  # to fd00:1::2 port 53
    made.send("in", "fd00:1::2", "fd00::2", 15)
    yield made
    made.close()


@pytest.fixture(params=["in the kernel", "one by one"])
def conntrack(request: pytest.FixtureRequest, flows: Flows) -> Iterator[Conntrack]:
    opened = Conntrack()
    opened._kernel_filters = request.param == "in the kernel"  # noqa: SLF001 - an older kernel
    yield opened
    assert opened._kernel_filters == (request.param == "in the kernel")  # noqa: SLF001 - same
    opened.close()


def tracked() -> set[tuple[str, str, int]]:
    """Original source, destination and port of every UDP connection, as conntrack(8) tells."""
    found = set()
    for family in ("ipv4", "ipv6"):
        told = subprocess.run(
            ["conntrack", "-L", "-f", family, "-p", "udp"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for line in told.splitlines():
            match = re.search(r"src=(\S+) dst=(\S+) sport=\d+ dport=(\d+)", line)
            assert match is not None
            found.add((match[1], match[2], int(match[3])))
    return found


def udp(address: str, port: int) -> PublishedPort:
    return PublishedPort(
        host_address=ip_address(address),
        host_port=port,
        container_port=53,
        protocol=Protocol.UDP,
    )


EVERY = {
    ("10.0.0.2", "10.0.1.2", 7),
    ("10.0.0.3", "10.0.0.1", 5353),
    ("10.0.0.3", "10.0.1.3", 5353),
    ("10.0.1.3", "10.0.0.2", 9),
    ("10.0.1.2", "10.0.0.3", 11),
    ("10.0.0.3", "10.0.1.3", 13),
    ("fd00::2", "fd00::1", 5353),
    ("fd00:1::2", "fd00::2", 15),
}


def test_an_address_is_forgotten_in_every_role(conntrack: Conntrack) -> None:
    assert tracked() == EVERY
    conntrack.forget([ip_address("10.0.1.2")])
    assert tracked() == {
        ("10.0.1.3", "10.0.0.2", 9),
        ("10.0.0.3", "10.0.1.3", 13),
        ("fd00::2", "fd00::1", 5353),
        ("fd00:1::2", "fd00::2", 15),
    }


def test_an_ipv6_address_is_forgotten_in_every_role(conntrack: Conntrack) -> None:
    conntrack.forget([ip_address("fd00:1::2")])
    assert tracked() == {k for k in EVERY if "." in k[0]}


def test_a_udp_port_of_any_address(conntrack: Conntrack) -> None:
    conntrack.forget([], [udp("0.0.0.0", 5353)])
    assert tracked() == {k for k in EVERY if k[2] != 5353 or ":" in k[0]}
    conntrack.forget([], [udp("::", 5353)])
    assert tracked() == {k for k in EVERY if k[2] != 5353}


def test_a_udp_port_of_one_address(conntrack: Conntrack) -> None:
    conntrack.forget([], [udp("10.0.0.1", 5353)])
    assert tracked() == EVERY - {("10.0.0.3", "10.0.0.1", 5353)}


def test_addresses_and_ports_together(conntrack: Conntrack) -> None:
    conntrack.forget(
        [ip_address("10.0.0.2"), ip_address("fd00::2")],
        [udp("10.0.1.3", 13), udp("198.51.100.1", 5353)],
    )
    assert tracked() == {
        ("10.0.0.3", "10.0.0.1", 5353),
        ("10.0.0.3", "10.0.1.3", 5353),
        ("10.0.1.2", "10.0.0.3", 11),
    }


def test_a_tcp_port_is_no_reason_to_forget(conntrack: Conntrack) -> None:
    port = PublishedPort(
        host_address=ip_address("0.0.0.0"),
        host_port=5353,
        container_port=53,
        protocol=Protocol.TCP,
    )
    conntrack.forget([], [port])
    assert tracked() == EVERY


def test_nothing_is_tracked(fresh_host: None) -> None:
    opened = Conntrack()
    opened.forget([ip_address("10.0.0.1")], [udp("0.0.0.0", 53)])
    opened.close()


def test_a_kernel_without_conntrack(fresh_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PRESENT", "/proc/sys/net/netfilter/absent")
    opened = Conntrack()
    opened.close()
    opened.forget([ip_address("10.0.0.1")])  # would fail, were anything sent


def test_a_kernel_that_cannot_filter_is_asked_once(
    flows: Flows, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Conntrack()
    monkeypatch.setattr(opened._socket, "send_batch", lambda _: [Refusal(22, "")])  # noqa: SLF001
    with pytest.raises(KernelRefused, match="forget a connection"):
        opened.forget([ip_address("10.0.1.2")])
    monkeypatch.undo()
    opened.forget([ip_address("10.0.1.2")])
    assert not opened._kernel_filters  # noqa: SLF001 - learned from the first answer
    assert len(tracked()) == 4
    opened.close()


def test_another_refusal_is_told(flows: Flows, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Conntrack()
    monkeypatch.setattr(opened._socket, "send_batch", lambda _: [Refusal(1, "")])  # noqa: SLF001
    with pytest.raises(KernelRefused, match="forget connections: Operation not permitted"):
        opened.forget([ip_address("10.0.1.2")])
    opened.close()
