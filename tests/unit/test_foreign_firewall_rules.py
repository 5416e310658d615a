"""Reading what iptables-save says of chains that are not ours."""

import pytest

from glassbridge.model.kernel_names import DEFAULT_BRIDGE, bridge_name
from glassbridge.plan.foreign_firewall import (
    Backend,
    ForeignChain,
    Hook,
    accepts,
    chain_to_open,
    how_to_open,
    knows_us,
    opened_chains,
    parse_save,
    position,
    why_dropping,
    why_native_dropping,
)

IF_ETH0 = {"match": {"left": {"meta": {"key": "iifname"}}, "op": "==", "right": "eth0"}}
LOG, REJECT = {"log": {"prefix": "x"}}, {"reject": {"type": "icmpx"}}


def a_table(*rules: str, policy: str = "ACCEPT") -> str:
    chains = f":FORWARD {policy} [12:3456]\n:DOCKER-USER - [0:0]\n"
    return f"# Generated\n*filter\n{chains}{chr(10).join(rules)}\nCOMMIT\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (a_table(), ""),
        (a_table(policy="DROP"), "policy DROP"),
        (a_table("-A FORWARD -i eth0 -j DROP"), ""),
        (a_table("-A FORWARD -j DROP"), "rule -j DROP"),
        (
            a_table("-A FORWARD -j REJECT --reject-with icmp-host-prohibited"),
            "rule -j REJECT --reject-with icmp-host-prohibited",
        ),
        (a_table("-A FORWARD -j ACCEPT", "-A FORWARD -j DROP", policy="DROP"), ""),
        (a_table("-A FORWARD -j DOCKER-USER", policy="DROP"), "policy DROP"),
    ],
)
def test_whether_a_chain_drops(text: str, reason: str) -> None:
    assert why_dropping(parse_save(text), Hook.FORWARD) == reason


def test_docker_user_is_used_only_where_it_is_reached() -> None:
    assert chain_to_open(parse_save(a_table("-A FORWARD -j DOCKER-USER"))) == "DOCKER-USER"
    assert chain_to_open(parse_save(a_table())) == "FORWARD"
    assert chain_to_open(parse_save(a_table("-A FORWARD -i eth0 -j DOCKER-USER"))) == "FORWARD"


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ((), 1),
        (("-A DOCKER-USER -j RETURN",), 1),
        (("-A DOCKER-USER -s 192.0.2.1/32 -j DROP", "-A DOCKER-USER -j RETURN"), 2),
        (("-A DOCKER-USER -s 192.0.2.1/32 -j DROP", "-A DOCKER-USER -j MINE"), 3),
    ],
)
def test_our_place_is_the_last_that_is_reached(rules: tuple[str, ...], place: int) -> None:
    assert position(parse_save(a_table(*rules)), "DOCKER-USER") == place


def test_our_rules_are_found_again_by_their_comment() -> None:
    rules = [f"-A FORWARD {' '.join(rule)}" for rule in accepts()]
    assert opened_chains(parse_save(a_table(*rules))) == ("FORWARD",)
    quoted = [rule.replace("glassbridge", '"glassbridge"') for rule in rules]
    assert opened_chains(parse_save(a_table(*quoted))) == ("FORWARD",)
    strange = '-A FORWARD -m comment --comment "not glassbridge" -j ACCEPT'
    assert opened_chains(parse_save(a_table(strange))) == ()


@pytest.mark.parametrize(
    ("policy", "rules", "reason"),
    [
        ("accept", [], ""),
        ("drop", [], "policy drop"),
        ("accept", [[IF_ETH0, REJECT]], ""),
        ("accept", [[IF_ETH0, {"accept": None}], [LOG, {"counter": None}, REJECT]], "rule reject"),
        ("accept", [[{"drop": None}]], "rule drop"),
        ("drop", [[{"accept": None}]], ""),
        ("drop", [[IF_ETH0, {"accept": None}]], "policy drop"),
        ("drop", [[{"return": None}]], "policy drop"),
        ("accept", [[{"return": None}], [REJECT]], ""),
        ("accept", [[{"jump": {"target": "zones"}}], [REJECT]], "rule reject"),
    ],
)
def test_whether_a_chain_of_nft_drops(
    policy: str, rules: list[list[dict[str, object]]], reason: str
) -> None:
    assert why_native_dropping(policy, rules) == reason


@pytest.mark.parametrize(
    ("words", "known"),
    [
        ("-j ACCEPT", False),
        ("-i gb0 -j ACCEPT", False),
        ("-i gb0 gb-12345678", True),
        ("-i gb+ -j ACCEPT", True),
        ("iifname gb*", True),
        ("+ *", False),
        ("--src-group 0x6c617373", True),
        ("iifgroup 1818325875", True),
    ],
)
def test_whether_somebody_has_thought_of_us(words: str, known: bool) -> None:
    assert knows_us(words.split(), (DEFAULT_BRIDGE, bridge_name("12345678"))) is known


def test_a_chain_is_opened_in_its_owners_language() -> None:
    firewalld = ForeignChain(Backend.NFT, 4, "inet firewalld", "filter_INPUT", Hook.INPUT, "")
    assert how_to_open(firewalld, (DEFAULT_BRIDGE,)) == (
        "firewall-cmd --zone=trusted --add-interface=gb0"
    )
