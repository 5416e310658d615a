"""Screens as people see them: aligned, short, and in words."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.app.cli.bridge_screen import _head, bridge_screen
from glassbridge.app.cli.printing import published
from glassbridge.app.cli.stack_screen import stack_screen
from glassbridge.app.cli.table import sheet, shorten, table
from glassbridge.app.cli.words import counted, duration, size
from glassbridge.engine.stacks import BridgeReport, Cable, StackReport
from glassbridge.model.address import Mac
from glassbridge.model.endpoint import Protocol, PublishedPort
from glassbridge.model.network import Ifname
from glassbridge.model.printed_rules import PrintedRules
from glassbridge.model.tables import (
    Address,
    FdbEntry,
    Ifindex,
    ListeningSocket,
    Neighbour,
    NeighbourState,
    Route,
    RoutingRule,
    SocketProtocol,
)
from glassbridge.model.topology import (
    IFF_LOOPBACK,
    IFF_LOWER_UP,
    IFF_UP,
    Bridge,
    BridgePort,
    Counters,
    Link,
    Netns,
    PortState,
    Stack,
    Switch,
)

LO, ETH0 = Ifindex(1), Ifindex(2)
UP = IFF_UP | IFF_LOWER_UP
PEER = Mac("02:42:ac:11:00:03")
ETH = Link(
    ifindex=ETH0,
    ifname=Ifname("eth0"),
    kind="veth",
    flags=UP,
    mac=Mac("02:42:ac:11:00:02"),
    mtu=1500,
    counters=Counters(rx_packets=309, rx_bytes=18944, tx_packets=292, tx_bytes=8137789),
)
STACK = Stack(
    netns=Netns(cookie=7, inode=4026532301, pids=(8121,)),
    links=(ETH, Link(ifindex=LO, ifname=Ifname("lo"), flags=UP | IFF_LOOPBACK)),
    addresses=(
        Address(ifindex=LO, interface=ip_interface("127.0.0.1/8")),
        Address(ifindex=ETH0, interface=ip_interface("172.17.0.2/16")),
    ),
    routes=(
        Route(destination=ip_network("0.0.0.0/0"), gateway=ip_address("172.17.0.1"), oif=ETH0),
        Route(destination=ip_network("172.17.0.0/16"), oif=ETH0),
    ),
    rules=(
        RoutingRule(family=4, priority=0, table=255),
        RoutingRule(family=4, priority=32766, table=254),
    ),
    neighbours=(
        Neighbour(
            ifindex=ETH0,
            address=ip_address("172.17.0.3"),
            mac=PEER,
            state=NeighbourState.REACHABLE,
            confirmed_seconds=72.4,
            updated_seconds=12.4,
        ),
        Neighbour(
            ifindex=ETH0, address=ip_address("172.17.0.9"), mac=None, state=NeighbourState.FAILED
        ),
    ),
    sockets=tuple(
        ListeningSocket(
            protocol=SocketProtocol.TCP, address=ip_address("0.0.0.0"), port=80, process="nginx",
            inode=inode,
        )
        for inode in (1, 2)
    ),
)  # fmt: skip
REPORT = StackReport(
    name="nginx-1",
    stack=STACK,
    cables=(Cable(ifname="eth0", place="the host", far_end="veth9c02e56", bridge="gb0", port=1),),
    names={PEER: "nginx-2"},
)

STACK_SCREEN = """\
nginx-1   netns 4026532301   pid 8121
  lo       up   127.0.0.1/8   rx 0 (0 B)   tx 0 (0 B)
  eth0     up   172.17.0.2/16   02:42:ac:11:00:02   mtu 1500   rx 309 (18.9 kB)   tx 292 (8.1 MB)
           cable -> veth9c02e56 on the host, port 1 of bridge gb0
  routes   default via 172.17.0.1 dev eth0
           172.17.0.0/16 dev eth0 (direct: neighbours are asked by ARP)
  arp      172.17.0.3 is 02:42:ac:11:00:03 (nginx-2), reachable, 12 s
           172.17.0.9 has not answered (failed)
  listens  tcp 0.0.0.0:80 nginx
  rules    none of its own"""


def test_a_stack_is_one_screen() -> None:
    assert stack_screen(REPORT) == STACK_SCREEN


def test_many_rules_are_counted_unless_asked_for() -> None:
    lines = ("table inet mine {", *(f"\trule {n}" for n in range(50)), "}")
    report = StackReport(
        name="x",
        stack=STACK,
        rulesets=(
            PrintedRules(tool="nft", lines=lines),
            PrintedRules(tool="iptables", lines=(), complaint="it is not installed"),
        ),
    )
    screen = stack_screen(report)
    assert "nft: 52 lines in table inet mine" in screen
    assert "iptables: it is not installed" in screen
    assert "rule 49" not in screen
    assert "rule 49" in stack_screen(report, all_rules=True)


def test_a_cable_that_leads_nowhere_known_says_so() -> None:
    report = StackReport(name="x", stack=STACK, cables=(Cable(ifname="eth0"),))
    assert "cable -> its other end is in a namespace that cannot be found" in stack_screen(report)


def port(number: int, name: str) -> Link:
    return Link(
        ifindex=Ifindex(10 + number),
        ifname=Ifname(name),
        kind="veth",
        flags=UP,
        port=BridgePort(number=number, state=PortState.FORWARDING, isolated=number == 2),
    )


BRIDGE_SCREEN = """\
gb0   172.17.0.1/16   02:42:d8:e4:df:c1   2 of 1023 ports   learning on   stp off
  PORT  HOST END     CONTAINER    STATE                ADDRESSES LEARNED (age)
  1     veth9c02e56  nginx-1      forwarding           02:42:ac:11:00:02 (3 s)
                                                       02:42:ac:11:00:03 nginx-2 (9 s)
  2     vethb4963f3  (not found)  forwarding isolated  -"""


def test_a_bridge_is_a_switch_with_names() -> None:
    gb0 = Link(
        ifindex=Ifindex(3),
        ifname=Ifname("gb0"),
        kind="bridge",
        flags=UP,
        mac=Mac("02:42:d8:e4:df:c1"),
        bridge=Bridge(),
    )
    learned = [
        FdbEntry(mac=PEER, ifindex=Ifindex(11), bridge=gb0.ifindex, updated_seconds=9.9),
        FdbEntry(
            mac=Mac("02:42:ac:11:00:02"),
            ifindex=Ifindex(11),
            bridge=gb0.ifindex,
            updated_seconds=3.0,
        ),
        FdbEntry(
            mac=Mac("aa:00:00:00:00:01"), ifindex=Ifindex(11), bridge=gb0.ifindex, is_local=True
        ),
        FdbEntry(mac=Mac("01:00:5e:00:00:01"), ifindex=Ifindex(11), is_static=True),
    ]
    report = BridgeReport(
        switch=Switch(
            bridge=gb0,
            addresses=(Address(ifindex=gb0.ifindex, interface=ip_interface("172.17.0.1/16")),),
            ports=(port(1, "veth9c02e56"), port(2, "vethb4963f3")),
            fdb=tuple(learned),
        ),
        cables=(
            Cable(ifname="veth9c02e56", place="nginx-1", far_mac="02:42:ac:11:00:02"),
            Cable(ifname="vethb4963f3"),
        ),
        names={PEER: "nginx-2", "02:42:ac:11:00:02": "nginx-1"},
    )
    assert bridge_screen(report) == BRIDGE_SCREEN


CELLS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8))
def test_columns_line_up(rows: list[tuple[str, str, str]]) -> None:
    lines = table(("A", "B", "C"), rows).split("\n")
    widths = [max([1, *(len(row[i]) for row in rows)]) for i in range(3)]
    for line, row in zip(lines[1:], rows, strict=True):
        start = 0
        for width, cell in zip(widths, row, strict=True):
            assert line[start : start + width].rstrip() == cell
            start += width + 2
        assert line == line.rstrip()


def test_a_tall_cell_keeps_its_column() -> None:
    assert table(("A", "B"), [("x", ("1", "2")), ("y", "3")]) == "A  B\nx  1\n   2\ny  3"
    assert sheet([("one", "1"), ("longer", ("2", "3"))]) == "one     1\nlonger  2\n        3"


def test_names_that_would_wrap_are_cut() -> None:
    assert shorten("x" * 40) == "x" * 40
    assert shorten("x" * 41) == "x" * 37 + "..."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (172800, "2 d")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("octets", "words"), [(0, "0 B"), (999, "999 B"), (18944, "18.9 kB"), (8137789, "8.1 MB")]
)
def test_sizes(octets: int, words: str) -> None:
    assert size(octets) == words


def test_counted() -> None:
    assert [counted(n, "port") for n in (0, 1, 2)] == ["0 ports", "1 port", "2 ports"]


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_style_where_it_is_not_wanted(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert table(("A",), []) == "\033[1mA\033[0m"
    monkeypatch.setenv(variable, value)
    assert table(("A",), []) == "A"


def test_the_head_of_a_bridge_fits_the_screen() -> None:
    words = ["10.0.0.1/24", "fd00:1111:2222:3333:4444:5555:6666:1/64", "02:42:00:00:00:01"]
    head = _head("br0", [*words, "2 of 1023 ports", "learning on", "stp off"])
    assert max(map(len, head.splitlines())) <= 100
    assert head.split("   ")[1:4] == words


def published_at(host: str, port: int, inside: int, protocol: str = "tcp") -> PublishedPort:
    return PublishedPort(
        host_address=ip_address(host),
        host_port=port,
        container_port=inside,
        protocol=Protocol(protocol),
    )


def test_published_ports_are_in_order_and_ranges_short() -> None:
    ranged = [published_at(h, p, p) for p in range(9049, 8999, -1) for h in ("0.0.0.0", "::")]
    others = (
        published_at("127.0.0.1", 9050, 9050),
        published_at("0.0.0.0", 9051, 80),
        published_at("0.0.0.0", 53, 53, "udp"),
        published_at("0.0.0.0", 54, 54, "udp"),
    )
    assert published((*others, *ranged)) == (
        "9000-9049->9000-9049",
        "9051->80",
        "127.0.0.1:9050->9050",
        "53-54->53-54/udp",
    )
    assert published(()) == ("-",)
