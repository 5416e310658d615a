"""Firewalls that are not ours to open: told by `status`, with a command that does open them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.netns.engine.conftest import Outside
from tests.netns.engine.seeing import pings, run

from glassbridge.engine.engine import Engine
from glassbridge.model.requests import AttachRequest

BOX = "/run/netns/box"
INPUT = "type filter hook input priority 0; policy drop;"
FORWARD = "type filter hook forward priority 0; policy"


@pytest.mark.parametrize(
    ("close", "what", "guards_host"),
    [
        (["iptables-nft -P INPUT DROP"], "iptables (nf_tables)", True),
        (["iptables-legacy -A INPUT -j DROP"], "iptables (legacy)", True),
        (
            ["nft add table inet mine", f"nft add chain inet mine in '{{ {INPUT} }}'"],
            "nft, table inet mine, chain in: policy drop",
            True,
        ),
        (
            ["nft add table ip mine", f"nft add chain ip mine onward '{{ {FORWARD} drop; }}'"],
            "nft, table ip mine, chain onward: policy drop",
            False,
        ),
        (
            [
                "nft add table inet mine",
                f"nft add chain inet mine onward '{{ {FORWARD} accept; }}'",
                "nft add rule inet mine onward ct state established accept",
                "nft add rule inet mine onward counter reject",
            ],
            "nft, table inet mine, chain onward: rule reject",
            False,
        ),
    ],
)
def test_a_closed_chain_is_told_and_its_remedy_opens_it(
    engine: Engine,
    make_netns: Callable[[str], str],
    outside: Outside,
    close: list[str],
    what: str,
    guards_host: bool,
) -> None:
    engine.attach(AttachRequest(name="box", netns=make_netns("box")))
    goal = str(engine.up().gateway_interfaces[0].ip) if guards_host else outside.address
    assert pings(BOX, goal)
    assert engine.status().obstacles == ()
    for command in close:
        run("sh", "-c", command)
    assert not pings(BOX, goal, patience=0.4)
    status = engine.status()
    assert status.healthy
    (obstacle,) = status.obstacles
    assert what in obstacle.what
    run("sh", "-c", obstacle.remedy)
    assert pings(BOX, goal)
    assert engine.status().obstacles == ()


def test_without_a_bridge_nothing_is_in_the_way(engine: Engine) -> None:
    run("iptables-nft", "-P", "INPUT", "DROP")
    assert engine.status().obstacles == ()
