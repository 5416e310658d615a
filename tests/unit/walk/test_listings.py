"""What nft and iptables print, read: against their own words for the same rules."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.model.ruleset import (
    Backend,
    Compare,
    Decide,
    ListedTable,
    NoTrack,
    Origin,
    Plain,
    Prefix,
    Range,
    Refuse,
    SetMark,
    Statement,
    Together,
    Translate,
    Unevaluated,
    Value,
    Verdict,
)
from glassbridge.walk.firewall.elements import find
from glassbridge.walk.firewall.listing.iptables_save import parse_save
from glassbridge.walk.firewall.listing.nft_json import parse_ruleset
from glassbridge.walk.firewall.listing.nft_text import (
    parse_devices,
    parse_texts,
    with_devices,
    with_texts,
)
from glassbridge.walk.firewall.owners import policy_ref, rule_ref
from glassbridge.walk.firewall.rule_text import rule_text
from glassbridge.walk.firewall.sight import Shown, show_number

GOLDEN = Path(__file__).parents[2] / "golden/rulesets"
JSON, TEXT = (GOLDEN / name for name in ("words.json", "words.nft"))
"""One rule of each kind, by nft 1.0.6."""

OTHERWISE = {
    16: "ct status & 0x30 == dnat accept",
    17: "ct mark 5 accept",
    32: "meta mark & 0xff == 4 accept",
    33: "meta mark set meta mark & 0xffffbfff ^ 0x4000",
    34: "meta mark set 0x5",
    35: "meta mark set meta mark & 0xff ^ 0x10",
    36: "tcp flags & 0x12 == syn accept",
    38: "tcp flags & 0x17 == syn accept",
    47: "drop",
    49: "reject with icmpx port-unreachable",
    61: "@nh,64,128 1 accept",
    68: 'mangle key {"ct": {"key": "zone"}} value 1',
    69: "ct mark set meta key mark",
    70: 'mangle key {"meta": {"key": "nftrace"}} value 1',
    62: 'mangle key {"tcp option": {"name": "maxseg", "field": "size"}} '
    'value {"rt": {"key": "mtu"}}',
    74: 'iif . oif "lo" . "lo" accept',
    75: "ip dscp 5 accept",
    76: "ip frag-off & 0x1fff != 0 drop",
    80: "tcp dport 80 dnat",
    87: 'oifname "x" masquerade',
    88: "meta l4proto tcp masquerade",
}
"""Where nft says the same in other words, by handle; these are quoted from its own listing."""


def table() -> ListedTable:
    (only,) = parse_ruleset(json.loads(JSON.read_text())["nftables"])
    return only


def test_rules_read_as_nft_prints_them() -> None:
    texts = parse_texts(TEXT.read_text())
    read = {r.handle: rule_text(r) for c in table().chains for r in c.rules}
    assert read == {h: OTHERWISE.get(h, texts["inet", "t", h]) for h in read}
    assert len(read) > 60


def test_nfts_own_words_are_kept_where_they_are_known() -> None:
    quoted = with_texts(table(), parse_texts(TEXT.read_text()))
    lines = {line.strip() for line in TEXT.read_text().splitlines()}
    for chain in quoted.chains:
        for rule in chain.rules:
            assert f"{rule.text} # handle {rule.handle}" in lines


LINKS = """table netdev n {
\tchain many { # handle 1
\t\ttype filter hook egress devices = { va, vb } priority filter; policy accept;
\t\tdrop # handle 3
\t}
\tchain quoted { # handle 2
\t\ttype filter hook ingress devices = { "va", "v*" } priority filter - 10; policy drop;
\t}
}
table inet q {
\tchain one {
\t\ttype filter hook ingress device "vb" priority filter; policy drop;
\t}
\tchain none {
\t\ttype filter hook input priority filter; policy drop;
\t}
}
"""


def test_the_links_of_a_chain_are_read_as_any_nft_prints_them() -> None:
    devices = parse_devices(LINKS)
    assert devices == {
        ("netdev", "n", "many"): ("va", "vb"),
        ("netdev", "n", "quoted"): ("va", "v*"),
        ("inet", "q", "one"): ("vb",),
    }
    at = {"family": "inet", "table": "q", "type": "filter", "prio": 0}
    chains = [{**at, "name": "one", "hook": "ingress"}, {**at, "name": "none", "hook": "input"}]
    (listed,) = parse_ruleset([{"chain": c} for c in chains])
    bound = with_devices(listed, devices)
    assert [c.hook.devices for c in bound.chains if c.hook] == [("vb",), ()]


def test_sets_and_maps_are_read_whole() -> None:
    found = {s.name: s for s in table().sets}
    assert all(s.is_complete for s in found.values())
    assert Prefix(ip_network("10.0.0.0/8")) in found["s"].values
    assert Together((Plain("tcp"), Plain("80"))) in found["c"].values
    row = found["m"].elements[0]
    assert (row.key, row.address, row.port) == (
        Together((Plain("tcp"), Plain("8080"))),
        IPv4Address("10.0.0.2"),
        80,
    )
    assert found["v"].elements[0].verdict == Decide(Verdict.JUMP, "x")


def test_what_is_not_understood_keeps_its_words() -> None:
    strange = {"match": {"op": "==", "left": {"new thing": {"key": "x"}}, "right": 1}}
    rule = {"family": "ip", "table": "t", "chain": "c", "handle": 1, "expr": [strange]}
    chain = {"family": "ip", "table": "t", "name": "c"}
    (only,) = parse_ruleset([{"chain": chain}, {"rule": rule}])
    (match,) = only.chains[0].rules[0].matches
    assert isinstance(match, Unevaluated)
    assert "new thing" in match.text


def test_a_dormant_table_is_not_called() -> None:
    objects = [{"table": {"family": "ip", "name": "t", "flags": "dormant"}}]
    assert parse_ruleset(objects) == ()


SAVED = """\
# Generated by iptables-save v1.8.9 on Mon Jan  5 10:00:00 2026
*filter
:INPUT ACCEPT [7:420]
:FORWARD DROP [3:180]
:MINE - [0:0]
{rule}
COMMIT
"""


def saved(rule: str, family: str = "ip") -> tuple[tuple[object, ...], tuple[Statement, ...]]:
    (only,) = parse_save(SAVED.format(rule=rule), family, Backend.IPTABLES_LEGACY)
    read = next(r for c in only.chains for r in c.rules)
    return read.matches, read.statements


def test_chains_counters_and_comments() -> None:
    line = '[5:300] -A FORWARD -i br+ -m comment --comment "a \\"b\\" -j DROP" -j MINE'
    (only,) = parse_save(SAVED.format(rule=line), "ip", Backend.IPTABLES_LEGACY)
    forward = next(c for c in only.chains if c.name == "FORWARD")
    assert forward.hook is not None
    assert (forward.hook.policy, forward.hook.priority, forward.packets) == (Verdict.DROP, 0, 3)
    (rule,) = forward.rules
    assert (rule.packets, rule.number, rule.comment) == (5, 1, 'a "b" -j DROP')
    assert rule.text == line.removeprefix("[5:300] ")
    assert rule.statements == (Decide(Verdict.JUMP, "MINE"),)
    assert rule.matches == (Compare(("meta iifname",), (Plain("br*"),)),)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ("-s 10.0.0.0/8", Compare(("ip saddr",), (Prefix(ip_network("10.0.0.0/8")),))),
        ("! -d 10.0.0.2/32", Compare(("ip daddr",), (Plain("10.0.0.2"),), "!=")),
        ("-p udp", Compare(("meta l4proto",), (Plain("udp"),))),
        ("-m tcp --dport 80:90", Compare(("tcp dport",), (Range(80, 90),))),
        ("-m udp ! --sport 53", Compare(("udp sport",), (Plain("53"),), "!=")),
        (
            "-m multiport --dports 80,443:445",
            Compare(("th dport",), (Plain("80"), Range(443, 445))),
        ),
        (
            "-m conntrack --ctstate RELATED,ESTABLISHED",
            Compare(("ct state",), (Plain("related"), Plain("established")), "in"),
        ),
        ("-m conntrack --ctstate DNAT", Compare(("ctstate",), (Plain("dnat"),), "in")),
        (
            "-m tcp --tcp-flags FIN,SYN,RST,ACK SYN",
            Compare(("tcp flags",), (Plain("2"),), "==", 0x17),
        ),
        ("-m mark --mark 0x1/0xff", Compare(("meta mark",), (Plain("1"),), "==", 0xFF)),
        ("-m addrtype --dst-type LOCAL", Compare(("fib daddr type",), (Plain("local"),))),
        (
            "-m addrtype ! --src-type LOCAL --limit-iface-in",
            Compare(("fib saddr . iif type",), (Plain("local"),), "!="),
        ),
        ("-m physdev --physdev-in v1", Compare(("physdev in",), (Plain("v1"),))),
        (
            "-m physdev ! --physdev-is-bridged",
            Compare(("physdev is-bridged",), (Plain("1"),), "!="),
        ),
        ("-m rpfilter --invert", Compare(("fib saddr . iif oif",), (Plain("missing"),))),
        ("-m icmp --icmp-type 8", Compare(("icmp type",), (Plain("8"),))),
        ("-m limit --limit 5/min --limit-burst 3", Unevaluated("limit 5/min 3")),
        (
            "-m set --match-set bad src",
            Unevaluated("-m set --match-set bad src"),
        ),
        ("-m socket", Unevaluated("-m socket")),
        (
            "-m statistic --mode random --probability 0.5",
            Unevaluated("-m statistic --mode random --probability 0.5"),
        ),
    ],
)
def test_matches_of_iptables(words: str, match: object) -> None:
    assert saved(f"-A INPUT {words} -j ACCEPT") == ((match,), (Decide(Verdict.ACCEPT),))


@pytest.mark.parametrize(
    ("words", "family", "statement"),
    [
        ("-j REJECT --reject-with icmp-host-prohibited", "ip", Refuse("icmp host-prohibited")),
        ("-j REJECT --reject-with icmp6-adm-prohibited", "ip6", Refuse("icmpv6 admin-prohibited")),
        ("-j REJECT --reject-with tcp-reset", "ip", Refuse("tcp reset")),
        ("-g MINE", "ip", Decide(Verdict.GOTO, "MINE")),
        ("-j RETURN", "ip", Decide(Verdict.RETURN)),
        (
            "-j DNAT --to-destination 10.0.0.2:80",
            "ip",
            Translate("dnat", IPv4Address("10.0.0.2"), 80),
        ),
        (
            "-j DNAT --to-destination [fd00::2]:80",
            "ip6",
            Translate("dnat", IPv6Address("fd00::2"), 80),
        ),
        ("-j SNAT --to-source fd00::2", "ip6", Translate("snat", IPv6Address("fd00::2"))),
        ("-j DNAT --to-destination :81", "ip", Translate("dnat", None, 81)),
        (
            "-j SNAT --to-source 10.0.0.2-10.0.0.9",
            "ip",
            Translate("snat", is_exact=False),
        ),
        ("-j MASQUERADE --random-fully", "ip", Translate("masquerade")),
        ("-j REDIRECT --to-ports 8080", "ip", Translate("redirect", port=8080)),
        ("-j MARK --set-xmark 0x4000/0x4000", "ip", SetMark(0x4000, 0xFFFFBFFF)),
        ("-j CT --notrack", "ip", NoTrack()),
        ("-j TPROXY --on-port 1", "ip", Unevaluated("-j TPROXY --on-port 1")),
    ],
)
def test_targets_of_iptables(words: str, family: str, statement: object) -> None:
    assert saved(f"-A INPUT {words}", family) == ((), (statement,))


@pytest.mark.parametrize("words", ["-j LOG --log-prefix '-A x'", "-j CHECKSUM --checksum-fill", ""])
def test_what_lets_the_packet_be_says_nothing(words: str) -> None:
    assert saved(f"-A INPUT {words}") == ((), ())


OWNED = [
    ("-A FORWARD -j DOCKER-USER", Origin.DOCKER),
    ("-A FORWARD -o docker0 -j ACCEPT", Origin.DOCKER),
    ("-A FORWARD -o br-0123456789ab -j ACCEPT", Origin.DOCKER),
    ("-A INPUT -j ufw-before-input", Origin.UFW),
    ("-A INPUT -i virbr0 -j ACCEPT", Origin.LIBVIRT),
    ("-A FORWARD -j CNI-FORWARD", Origin.CNI),
    (
        '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
        Origin.KUBERNETES,
    ),
    ("-A FORWARD -m comment --comment glassbridge -j ACCEPT", Origin.GLASSBRIDGE),
    ("-A FORWARD -s 10.0.0.0/8 -j ACCEPT", Origin.UNKNOWN),
    ("-A FORWARD -i docker0 -o docker0 -j DROP", Origin.DOCKER),
    ("-A FORWARD -i docker0 -j DROP", Origin.UNKNOWN),
    ("-A FORWARD -i docker0 -o eth0 -j REJECT", Origin.UNKNOWN),
    ("-A FORWARD -o virbr0 -j REJECT --reject-with icmp-port-unreachable", Origin.LIBVIRT),
    ("-A FORWARD -i virbr0 -o eth0 -j DROP", Origin.UNKNOWN),
    ("-A FORWARD -i gb0 -j DROP", Origin.UNKNOWN),
    ("-A FORWARD -i gb-0123abcd -j ACCEPT", Origin.UNKNOWN),
    ("-A FORWARD -m devgroup --src-group 0x6c617373 -j DROP", Origin.UNKNOWN),
]


@pytest.mark.parametrize(("line", "owner"), OWNED)
def test_owners_of_rules_in_chains_of_everybody(line: str, owner: Origin) -> None:
    names = ("DOCKER-USER", "ufw-before-input", "CNI-FORWARD", "KUBE-FORWARD")
    text = SAVED.format(rule="\n".join([*(f":{name} - [0:0]" for name in names), line]))
    (only,) = parse_save(text, "ip", Backend.IPTABLES_NFT)
    chain = next(c for c in only.chains if c.rules)
    ref = rule_ref(only, chain, chain.rules[0])
    assert (ref.owner, ref.text) == (owner, line)


def test_a_policy_is_called_by_its_chain() -> None:
    (only,) = parse_save(SAVED.format(rule=""), "ip", Backend.IPTABLES_NFT)
    ref = policy_ref(only, next(c for c in only.chains if c.name == "FORWARD"))
    assert (ref.is_policy, ref.chain, ref.text, ref.number) == (True, "FORWARD", "policy drop", 0)


names = st.sampled_from(("eth0", "eth1", "lo", "e*", "*"))
ports = st.one_of(
    st.integers(1, 5).map(lambda n: Plain(str(n))),
    st.tuples(st.integers(1, 5), st.integers(0, 2)).map(lambda r: Range(r[0], r[0] + r[1])),
)


@given(
    st.lists(st.tuples(names.map(Plain), ports).map(Together), max_size=20),
    st.sampled_from(("eth0", "lo", "tun0")),
    st.integers(1, 7),
)
def test_an_index_finds_what_looking_through_finds(
    values: list[Value], link: str, port: int
) -> None:
    fields = ("meta iifname", "tcp dport")
    readings = (Shown((link,)), show_number("tcp dport", port))
    slowly = {place for place, value in enumerate(values) if list(find([value], fields, readings))}
    quickly = {hit.place for hit in find(tuple(values), fields, readings)}
    assert quickly == slowly
