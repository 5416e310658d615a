"""Reading what iptables-save says of chains that are not ours."""

import pytest

from glassbridge.plan.foreign_firewall import (
    Hook,
    accepts,
    chain_to_open,
    opened_chains,
    parse_save,
    position,
    why_dropping,
)


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
