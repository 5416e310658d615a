"""Each kind of step in one short sentence, the same on every screen."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from msgspec.structs import replace
from tests.unit import walk_story
from tests.unit.walk_story import ADDRESSES, HOST, MACS, ONE, SYN, TWO, place, simple

from glassbridge.app.sentences import rule_name, sentence_of, where_of, with_port
from glassbridge.model.address import Mac
from glassbridge.model.cause import Cause
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.step_details import (
    Detail,
    Entered,
    HookPassed,
    Left,
    NeighbourFound,
    PortEntered,
    Received,
    RouteChosen,
    Sighted,
    SocketFound,
    Switched,
    Translated,
)
from glassbridge.model.tables import Ifindex, ListeningSocket, NeighbourState, Route, SocketProtocol
from glassbridge.model.walk import Drop

DIRECT = Route(destination=ip_network("172.17.0.0/16"), oif=Ifindex(2))
DEFAULT = Route(destination=ip_network("0.0.0.0/0"), gateway=IPv4Address("172.17.0.1"))
RULE = RuleRef(family="inet", table="glassbridge", chain="forward", handle=14)
MOVED = replace(SYN, destination=IPv4Address("192.0.2.2"), destination_port=8080)
LISTENER = ListeningSocket(
    protocol=SocketProtocol.TCP, address=ip_address("0.0.0.0"), port=80, process="nginx"
)
LOCAL = ListeningSocket(
    protocol=SocketProtocol.TCP, address=ip_address("127.0.0.1"), port=80, process="nginx"
)

SENTENCES: list[tuple[Detail, str]] = [
    (
        RouteChosen(route=DIRECT, oifname="eth0"),
        "route 172.17.0.0/16 dev eth0: direct, no gateway",
    ),
    (
        RouteChosen(route=DEFAULT, gateway=DEFAULT.gateway, oifname="eth0"),
        "route default via 172.17.0.1 dev eth0",
    ),
    (RouteChosen(route=None), "no route to 172.17.0.3"),
    (
        RouteChosen(route=replace(DIRECT, type="blackhole")),
        "route blackhole 172.17.0.0/16: thrown away without a word",
    ),
    (
        NeighbourFound(
            address=ADDRESSES[TWO],
            mac=MACS[TWO],
            is_asked=True,
            heard_by=("nginx-2", "host"),
            heard_count=2,
        ),
        "ARP who-has 172.17.0.3, to all: nginx-2, host heard it",
    ),
    (
        NeighbourFound(address=ADDRESSES[TWO], mac=None, is_asked=True, heard_count=2),
        "ARP who-has 172.17.0.3: heard by 2, answered by nobody",
    ),
    (
        NeighbourFound(
            address=ip_address("fd00::3"), mac=MACS[TWO], state=NeighbourState.REACHABLE
        ),
        "ND: fd00::3 is 02:42:ac:11:00:03 (reachable)",
    ),
    (
        PortEntered(bridge="gb0", port=1, learns=MACS[ONE]),
        "learned 02:42:ac:11:00:02; a port has no IP stack",
    ),
    (
        Switched(bridge="gb0", mac=MACS[TWO], to=place(HOST, "vethb4963f3", 12), port=2),
        "FDB 02:42:ac:11:00:03 -> port 2 vethb4963f3",
    ),
    (
        Switched(bridge="gb0", mac=MACS[TWO], flood_count=7),
        "FDB does not know 02:42:ac:11:00:03: flooded to 7 ports",
    ),
    (
        Switched(bridge="gb0", mac=Mac("02:42:d8:e4:df:c1"), is_own=True),
        "02:42:d8:e4:df:c1 is the bridge's own: up into the IP stack",
    ),
    (
        Translated(kind="dnat", before=MOVED, after=SYN),
        "dnat 192.0.2.2:8080 -> 172.17.0.3:80",
    ),
    (
        Translated(
            kind="masquerade", before=SYN, after=replace(SYN, source=IPv4Address("192.0.2.2"))
        ),
        "masqueraded as 192.0.2.2",
    ),
    (Received(address=ADDRESSES[TWO]), "172.17.0.3 is its own address: up to the sockets"),
    (SocketFound(socket=LISTENER), "socket tcp 0.0.0.0:80 (nginx)"),
    (SocketFound(socket=None, is_echo=True), "ICMP echo: the IP stack itself answers"),
    (
        SocketFound(socket=None, others=(LOCAL,)),
        "nothing takes tcp 80 at 172.17.0.3: only at 127.0.0.1:80",
    ),
    (Entered(address=ip_address("198.51.100.7")), "comes in from outside, from 198.51.100.7"),
    (Left(gateway=None), "leaves this host"),
    (Sighted(outgoing=True), "seen going out here, not predicted"),
]


@pytest.mark.parametrize(("detail", "expected"), SENTENCES, ids=lambda v: type(v).__name__)
def test_what_happened_is_told(detail: Detail, expected: str) -> None:
    assert sentence_of(simple(place(HOST), detail)) == expected
    assert len(expected) <= 62


@pytest.mark.parametrize("verdict", ["accept", "drop", "reject", "unknown"])
def test_a_hook_names_the_rule_that_decided(verdict: str) -> None:
    passed = HookPassed(family="ip", hook="forward", verdict=verdict, decided_by=RULE)
    step = simple(place(HOST), passed)
    assert "forward" in where_of(step)
    if verdict != "unknown":
        assert "inet glassbridge forward #14" in sentence_of(step)


def test_a_drop_that_the_step_does_not_explain_says_why() -> None:
    drop = Drop(cause=Cause.HAIRPIN_OFF, sentence="it may not leave where it came in")
    step = simple(place(HOST, "gb0", 10), Switched(bridge="gb0", mac=MACS[TWO]), drop=drop)
    assert sentence_of(step) == "it may not leave where it came in"


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (RULE, "inet glassbridge forward #14"),
        (
            RuleRef(family="ip", table="filter", chain="FORWARD", number=2),
            "ip filter FORWARD rule 2",
        ),
        (
            RuleRef(family="ip", table="filter", chain="FORWARD", is_policy=True),
            "ip filter FORWARD policy",
        ),
    ],
)
def test_a_rule_is_named_as_its_tool_lists_it(rule: RuleRef, name: str) -> None:
    assert rule_name(rule) == name


def test_an_ipv6_address_with_a_port_has_brackets() -> None:
    assert with_port(ip_address("fd00::2"), 80) == "[fd00::2]:80"
    assert with_port(ip_address("fd00::2"), 0) == "fd00::2"


def test_where_it_happened_is_told() -> None:
    places = [where_of(hop.step) for hop in walk_story.delivered().hops[:6]]
    assert places == [
        "nginx-1",
        "nginx-1 eth0",
        "eth0 -> veth9c02e56",
        "gb0 port 1",
        "gb0",
        "vethb4963f3 -> eth0",
    ]
