"""walk.firewall.filtering against the kernel: real packets through real rules, there and back."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EINVAL, EOPNOTSUPP
from itertools import count

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from tests.netns.walk.firewalled_host import (
    HOST_LEFT,
    HOST_RIGHT,
    PORTS,
    RIGHT,
    FirewalledHost,
    Prediction,
    predict,
    predict_answer,
    udp,
)

from glassbridge.errors import KernelRefused
from glassbridge.model.packet import Packet
from glassbridge.walk.firewall.hooks import HookVerdict

_NUMBERS = count(20000)
"""Source ports: each packet is the first of its connection."""


@pytest.fixture(scope="module")
def host() -> Iterator[FirewalledHost]:
    made = FirewalledHost("filtering")
    try:
        yield made
    finally:
        made.close()


def check(host: FirewalledHost, packet: Packet) -> Prediction:
    """Prediction and kernel agree on what becomes of a packet, and of the answer to it."""
    known = host.namespace()
    assert not known.ruleset.complaints
    predicted = predict(known, packet)
    assert predicted.verdict is not HookVerdict.UNKNOWN, predicted.results[-1].assumptions
    passes = predicted.verdict is HookVerdict.ACCEPT
    arrived = host.send(packet, expect=passes)
    said = None if arrived is None else (arrived.where, arrived.source, arrived.port)
    last = predicted.packet
    foretold = (predicted.where, str(last.source), last.destination_port) if passes else None
    assert said == foretold, predicted.results[-1].decided_by
    if arrived is not None and arrived.where == "right":
        answer = predict_answer(known, predicted)
        assert answer.verdict is not HookVerdict.UNKNOWN, answer.results[-1].assumptions
        comes = answer.verdict is HookVerdict.ACCEPT
        expected = (str(answer.packet.source), answer.packet.source_port) if comes else None
        assert arrived.answer == expected, answer.results[-1].decided_by
    return predicted


DESTINATIONS = {v: (HOST_LEFT[v], HOST_RIGHT[v], RIGHT[v]) for v in (4, 6)}
packets = st.builds(
    lambda version, where, port: udp(version, DESTINATIONS[version][where], port, next(_NUMBERS)),
    st.sampled_from((4, 6)),
    st.integers(0, 2),
    st.sampled_from(PORTS),
)

_MATCHES = (
    "",
    'iifname "in0"',
    'iifname != "in*"',
    'oifname "out0"',
    'oifname != "out0"',
    'oifname { "lo", "o*" }',
    'iif "lo"',
    'meta iifkind "veth"',
    "meta oifgroup 0",
    "meta iifgroup != 0",
    "meta mark 7",
    "meta mark & 0x3 == 0x1",
    "meta l4proto udp",
    "meta l4proto != { tcp, icmp }",
    "meta nfproto ipv4",
    "meta nfproto != ipv4",
    "meta protocol ip6",
    "ip saddr 192.0.2.0/24",
    "ip saddr != 192.0.2.9",
    "ip daddr { 198.51.100.9, 192.0.2.0/25 }",
    "ip daddr 198.51.100.1-198.51.100.8",
    "ip6 daddr 2001:db8:b::/64",
    "ip6 saddr != 2001:db8:a::9",
    "ip protocol udp",
    "ip ttl > 63",
    "ip ttl < 64",
    "ip length > 30",
    "meta length > 50",
    "ip6 hoplimit 64",
    "ip frag-off & 0x1fff == 0",
    "udp dport 80",
    "udp dport != { 53, 80 }",
    "udp sport >= 1024",
    "th dport 53-80",
    "tcp dport 80",
    "icmp type echo-request",
    "ct state new",
    "ct state established,related",
    "ct state != new",
    "ct state { invalid, untracked }",
    "ct status dnat",
    "ct status & (snat|dnat) == 0",
    "ct mark 0",
    "ct direction reply",
    "ct original ip daddr 198.51.100.1",
    "fib daddr type local",
    "fib daddr type != { local, broadcast }",
    "fib saddr type unicast",
    "fib daddr . iif type local",
    "fib saddr . iif oif exists",
    "fib saddr . iif oif missing",
    "meta pkttype unicast",
    "ip saddr . udp dport { 192.0.2.9 . 80, 192.0.2.9 . 53 }",
    "ip daddr @sixes",
    "meta l4proto . th dport @services",
    "ip saddr . meta iifname @behind",
    "limit rate 1000000/second",
    "ether type ip6",
)
_ENDS = (
    "accept",
    "drop",
    "return",
    "continue",
    "meta mark set 5",
    "meta mark set meta mark or 0x7",
    "counter",
)
_JUMPS_DEEPER = (
    "jump third",
    "goto third",
    "udp dport vmap { 53 : accept, 80 : jump third, 8080 : drop }",
    "iifname vmap @verdicts",
    "ct state vmap { new : jump third, established : accept }",
)
_JUMPS = ("jump other", "goto other", "udp dport vmap { 53 : jump other, 80 : goto third }")
_TABLE = """
table inet any {{
  set sixes {{ type ipv4_addr; flags interval; elements = {{ 198.51.100.0/29, 192.0.2.1 }} }}
  set services {{ type inet_proto . inet_service; elements = {{ tcp . 80, udp . 8080 }} }}
  set behind {{ type ipv4_addr . ifname; flags interval; elements = {{ 192.0.2.0/24 . "in0" }} }}
  map verdicts {{ type ifname : verdict; elements = {{ "in0" : jump third, "lo" : drop }} }}
  map ports {{ type inet_proto . inet_service : ipv4_addr . inet_service
    elements = {{ udp . 8080 : 198.51.100.9 . 80 }} }}
  chain third {{
{third}
  }}
  chain other {{
{other}
  }}
{chains}
}}
"""
_HOOKS = ("prerouting", "input", "forward", "postrouting")
_NAT = {
    "prerouting": (
        "ip daddr 198.51.100.1 udp dport 8080 dnat ip to 198.51.100.9:80",
        "fib daddr type local dnat ip to meta l4proto . th dport map @ports",
        "udp dport 53 redirect to :80",
        "meta nfproto ipv6 udp dport 8080 dnat ip6 to [2001:db8:b::9]:53",
        "dnat ip to udp dport map { 53 : 198.51.100.9, 80 : 198.51.100.1 }",
    ),
    "postrouting": (
        'oifname "out0" masquerade',
        "ip saddr 192.0.2.0/24 snat ip to 198.51.100.1",
        "udp dport 80 masquerade",
    ),
    "input": ("ip saddr 192.0.2.9 snat ip to 192.0.2.77",),
}


def bodies(*ends: str) -> st.SearchStrategy[list[str]]:
    rules = st.builds("{} {}".format, st.sampled_from(_MATCHES), st.sampled_from(ends))
    return st.lists(rules, max_size=3)


# a chain that could lead back to itself would be refused
BASE = bodies(*_ENDS, *_JUMPS_DEEPER, *_JUMPS)
OTHER = bodies(*_ENDS, *_JUMPS_DEEPER)
THIRD = bodies(*_ENDS)


@st.composite
def base_chains(draw: st.DrawFn) -> str:
    hook = draw(st.sampled_from(_HOOKS))
    is_nat = hook in _NAT and draw(st.booleans())
    kind = "nat" if is_nat else "filter"
    priority = draw(st.integers(-150, 150)) if is_nat else draw(st.integers(-350, 350))
    policy = draw(st.sampled_from(("accept", "accept", "drop")))
    body = draw(BASE)
    if is_nat:
        body += draw(st.lists(st.sampled_from(_NAT[hook]), min_size=1, max_size=2))
    lines = [f"type {kind} hook {hook} priority {priority}; policy {policy};", *body]
    return "\n".join(lines)


def written(chains: list[str], other: list[str], third: list[str]) -> str:
    based = (f"  chain base{number} {{\n{body}\n  }}" for number, body in enumerate(chains))
    return _TABLE.format(chains="\n".join(based), other="\n".join(other), third="\n".join(third))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(base_chains(), min_size=1, max_size=5), OTHER, THIRD, packets)
def test_random_rules(
    host: FirewalledHost, chains: list[str], other: list[str], third: list[str], packet: Packet
) -> None:
    try:
        host.load(written(chains, other, third))
    except KernelRefused as refused:
        # some fields are not for every hook, some matches contradict each other
        assert refused.errno in (EOPNOTSUPP, EINVAL)  # noqa: PT017 - which rules it refuses
        reject()
    check(host, packet)
