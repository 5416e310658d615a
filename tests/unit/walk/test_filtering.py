"""One hook at a time: order of chains, three values, connections and their translation."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_interface, ip_network
from typing import Any

import pytest

from glassbridge.model.network import Ifname
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.ruleset import Ruleset
from glassbridge.model.snapshot import Connection, Namespace
from glassbridge.model.tables import TABLE_LOCAL, Address, Ifindex, Route
from glassbridge.model.topology import IFF_LOOPBACK, Link, Netns, Stack
from glassbridge.walk.firewall.filtering import pass_hook
from glassbridge.walk.firewall.hooks import HookCall, HookResult, HookVerdict, Tracking
from glassbridge.walk.firewall.listing.nft_json import parse_ruleset

ACCEPT, DROP, REJECT, UNKNOWN = HookVerdict

LO = Link(ifindex=Ifindex(1), ifname=Ifname("lo"), flags=IFF_LOOPBACK)
IN = Link(ifindex=Ifindex(2), ifname=Ifname("in0"), kind="veth")
OUT = Link(ifindex=Ifindex(3), ifname=Ifname("out0"))
CLIENT, HOST, SERVER = map(IPv4Address, ("192.0.2.9", "198.51.100.1", "10.0.0.2"))

STACK = Stack(
    netns=Netns(cookie=1, inode=1),
    links=(LO, IN, OUT),
    addresses=(
        Address(ifindex=IN.ifindex, interface=ip_interface("192.0.2.1/24")),
        Address(ifindex=OUT.ifindex, interface=ip_interface("198.51.100.1/24")),
    ),
    local_routes=(
        Route(
            destination=ip_network("198.51.100.1/32"),
            table=TABLE_LOCAL,
            type="local",
            oif=OUT.ifindex,
        ),
    ),
)


def meta(key: str, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"meta": {"key": key}}, "right": right}}


def payload(protocol: str, field: str, right: Any, op: str = "==") -> dict[str, Any]:
    left = {"payload": {"protocol": protocol, "field": field}}
    return {"match": {"op": op, "left": left, "right": right}}


def state(*words: str) -> dict[str, Any]:
    right = list(words) if len(words) > 1 else words[0]
    return {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": right}}


UNKNOWABLE = {"match": {"op": "==", "left": {"socket": {"key": "mark"}}, "right": 1}}
ACCEPTS, DROPS = {"accept": None}, {"drop": None}


class Rules:
    """A table under construction, as nft lists one."""

    def __init__(self, name: str = "t", family: str = "ip") -> None:
        self._place = {"family": family, "table": name}
        self.objects: list[dict[str, Any]] = [{"table": {"family": family, "name": name}}]
        self._handle = 0

    def base(
        self, name: str, hook: str, priority: int = 0, policy: str = "accept", type_: str = "filter"
    ) -> Rules:
        at = {"type": type_, "hook": hook, "prio": priority, "policy": policy}
        self.objects.append({"chain": {**self._place, "name": name, **at}})
        return self

    def chain(self, name: str) -> Rules:
        self.objects.append({"chain": {**self._place, "name": name}})
        return self

    def rule(self, chain: str, *expressions: dict[str, Any]) -> Rules:
        self._handle += 1
        rule = {**self._place, "chain": chain, "handle": self._handle, "expr": list(expressions)}
        self.objects.append({"rule": rule})
        return self


def namespace(*rules: Rules, connections: tuple[Connection, ...] = ()) -> Namespace:
    tables = tuple(t for r in rules for t in parse_ruleset(r.objects))
    return Namespace(stack=STACK, ruleset=Ruleset(tables=tables), connections=connections)


def packet(**changes: Any) -> Packet:
    given = {
        "transport": Transport.TCP,
        "source": CLIENT,
        "destination": HOST,
        "source_port": 40000,
        "destination_port": 8080,
        "tcp_flags": "S",
    }
    return Packet(**{**given, **changes})


def ask(
    where: Namespace, hook: str, tracking: Tracking | None = None, **changes: Any
) -> HookResult:
    is_reply = changes.pop("is_reply", False)
    links = {"iif": None if hook in ("output", "postrouting") else IN}
    links["oif"] = None if hook in ("prerouting", "input") else OUT
    asked = changes.pop("links", links)
    call = HookCall(family="ip", hook=hook, packet=packet(**changes), is_reply=is_reply, **asked)
    return pass_hook(where, call, tracking)


def test_no_rules_let_everything_pass_untracked() -> None:
    answer = ask(namespace(), "forward")
    assert (answer.verdict, answer.connection, answer.tracking) == (ACCEPT, "", None)


def test_a_drop_in_any_table_ends_the_packet() -> None:
    open_ = Rules("open").base("f", "forward", -10).rule("f", ACCEPTS)
    closed = Rules("closed").base("f", "forward", 0).rule("f", meta("iifname", "in0"), DROPS)
    answer = ask(namespace(open_, closed), "forward")
    assert answer.verdict is DROP
    assert answer.decided_by is not None
    assert (answer.decided_by.table, answer.decided_by.text) == ("closed", 'iifname "in0" drop')


def test_the_policy_decides_where_no_rule_does() -> None:
    rules = Rules().base("f", "forward", policy="drop").rule("f", meta("iifname", "x"), ACCEPTS)
    answer = ask(namespace(rules), "forward")
    assert answer.verdict is DROP
    assert answer.decided_by is not None
    assert answer.decided_by.is_policy


def test_unknown_is_told_and_the_rule_named() -> None:
    rules = Rules().base("f", "forward").rule("f", UNKNOWABLE, DROPS)
    answer = ask(namespace(rules), "forward")
    assert answer.verdict is UNKNOWN
    assert "socket" in answer.assumptions[0]


def test_unknown_does_not_matter_where_both_ways_end_alike() -> None:
    rules = Rules().base("f", "forward").rule("f", UNKNOWABLE, DROPS).rule("f", DROPS)
    assert ask(namespace(rules), "forward").verdict is DROP


def test_a_later_drop_makes_the_unknown_certain() -> None:
    unsure = Rules("unsure").base("f", "forward", -10).rule("f", UNKNOWABLE, DROPS)
    closed = Rules("closed").base("f", "forward", 0, "drop")
    assert ask(namespace(unsure, closed), "forward").verdict is DROP


def test_many_unknown_matches_do_not_take_for_ever() -> None:
    rules = Rules().base("f", "forward").chain("c")
    for _ in range(60):
        rules.rule("f", UNKNOWABLE, {"jump": {"target": "c"}})
    rules.rule(
        "c", meta("iifname", "in0"), {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}
    )
    assert ask(namespace(rules), "forward").verdict is ACCEPT


def test_chains_that_jump_in_a_circle_end() -> None:
    rules = Rules().base("f", "forward").chain("c").rule("f", {"jump": {"target": "c"}})
    rules.rule("c", {"jump": {"target": "c"}})
    assert ask(namespace(rules), "forward").verdict is UNKNOWN


def test_goto_does_not_come_back() -> None:
    rules = Rules().base("f", "forward", policy="drop").chain("c")
    rules.rule("f", {"goto": {"target": "c"}}).rule("f", ACCEPTS).rule("c", {"return": None})
    assert ask(namespace(rules), "forward").verdict is DROP


def test_return_comes_back() -> None:
    rules = Rules().base("f", "forward", policy="drop").chain("c")
    rules.rule("f", {"jump": {"target": "c"}}).rule("f", ACCEPTS).rule("c", {"return": None})
    assert ask(namespace(rules), "forward").verdict is ACCEPT


@pytest.mark.parametrize(("priority", "expected"), [(-300, ACCEPT), (-150, DROP)])
def test_before_conntrack_no_packet_is_new(priority: int, expected: HookVerdict) -> None:
    rules = Rules().base("p", "prerouting", priority).rule("p", state("new"), DROPS)
    assert ask(namespace(rules), "prerouting").verdict is expected


def test_notrack_leaves_the_packet_without_connection() -> None:
    rules = Rules().base("raw", "prerouting", -300).rule("raw", {"notrack": None})
    rules.base("p", "prerouting", -150).rule("p", state("untracked"), DROPS)
    answer = ask(namespace(rules), "prerouting")
    assert (answer.verdict, answer.tracking) == (DROP, None)


def nat() -> Rules:
    rules = Rules("nat").base("pre", "prerouting", -100, type_="nat")
    rules.base("post", "postrouting", 100, type_="nat")
    rules.rule("pre", payload("tcp", "dport", 8080), {"dnat": {"addr": str(SERVER), "port": 80}})
    return rules.rule("post", meta("oifname", "out0"), {"masquerade": None})


def test_a_walk_there_and_back_through_nat() -> None:
    where = namespace(nat())
    came = ask(where, "prerouting")
    assert (came.packet.destination, came.packet.destination_port) == (SERVER, 80)
    assert came.translated is not None
    assert came.translated.kind == "dnat"
    assert came.connection == "new"

    on_way = {"destination": SERVER, "destination_port": 80}
    left = ask(where, "postrouting", came.tracking, **on_way)
    assert left.packet.source == HOST
    assert left.tracking is not None
    assert left.tracking.status == {"snat", "dnat"}
    assert left.tracking.is_confirmed

    reply = {
        "source": SERVER,
        "source_port": 80,
        "destination": HOST,
        "destination_port": 40000,
        "is_reply": True,
        "tcp_flags": "S.",
    }
    back = ask(where, "prerouting", left.tracking, **reply)
    assert (back.packet.destination, back.connection) == (CLIENT, "established")
    out = ask(where, "postrouting", back.tracking, **{**reply, "destination": CLIENT})
    assert (out.packet.source, out.packet.source_port) == (HOST, 8080)
    assert out.translated is not None
    assert out.translated.kind == "connection"


def test_a_recorded_connection_keeps_its_own_translation() -> None:
    old = IPv4Address("10.0.0.77")
    stale = Connection(
        transport=Transport.TCP,
        source=CLIENT,
        destination=HOST,
        source_port=40000,
        destination_port=8080,
        reply_source=old,
        reply_destination=CLIENT,
        reply_source_port=80,
        reply_destination_port=40000,
        is_replied=True,
    )
    answer = ask(namespace(nat(), connections=(stale,)), "prerouting")
    assert answer.packet.destination == old
    assert answer.tracking is not None
    assert (answer.tracking.is_recorded, answer.connection) == (True, "established")
    assert answer.translated is not None
    assert answer.translated.rule is None


def test_an_answer_to_nothing_is_invalid() -> None:
    rules = Rules().base("f", "prerouting").rule("f", state("invalid"), DROPS)
    assert ask(namespace(rules), "prerouting", tcp_flags="S.").verdict is DROP


def test_reject_says_what_the_sender_hears() -> None:
    rules = (
        Rules()
        .base("f", "input")
        .rule("f", {"reject": {"type": "icmp", "expr": "host-unreachable"}})
    )
    answer = ask(namespace(rules), "input")
    assert (answer.verdict, answer.answer) == (REJECT, "icmp host-unreachable")


def test_a_field_that_a_packet_lacks_matches_nothing() -> None:
    rules = Rules().base("f", "forward").rule("f", payload("udp", "dport", 53, "!="), DROPS)
    rules.rule("f", payload("ip6", "saddr", "fd00::1", "!="), DROPS)
    assert ask(namespace(rules), "forward").verdict is ACCEPT
