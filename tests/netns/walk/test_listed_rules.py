"""kernel.listed_rules: all of a namespace's rules, and nothing changed by looking."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glassbridge.kernel.listed_rules import read_ruleset
from glassbridge.kernel.netns import inside, open_netns
from glassbridge.model.ruleset import Backend, ListedTable, Ruleset
from glassbridge.plan.firewall import tables
from glassbridge.walk.firewall.owners import rule_ref
from glassbridge.walk.firewall.rendered import OwnTables

_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
NATIVE = """
table ip filter {
  set bad { type ipv4_addr; elements = { 192.0.2.66 }; }
  chain INPUT { type filter hook input priority 0; ip saddr @bad drop; }
}
"""

NAT = """
table ip nat {
  chain postrouting { type nat hook postrouting priority 100; ip saddr 10.0.0.0/24 masquerade; }
}
"""


@pytest.fixture
def box(make_netns: Callable[[str], str]) -> Iterator[int]:
    fd = open_netns(make_netns("box"))
    yield fd
    os.close(fd)


def run(*command: str, text: str = "") -> str:
    named = ["ip", "netns", "exec", "box", *command]
    done = subprocess.run(named, check=True, capture_output=True, text=True, input=text)
    return done.stdout


def talk(box: int) -> None:
    with inside(box):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        sender.sendto(b"x", ("127.0.0.1", 9))


def tracked(box: int) -> int:
    with inside(box):
        return int(_COUNT.read_text())


def named(ruleset: Ruleset) -> list[tuple[Backend, str, str]]:
    return [(t.backend, t.family, t.name) for t in ruleset.tables]


def test_looking_changes_nothing(box: int) -> None:
    assert read_ruleset(box) == Ruleset()
    assert run("nft", "list", "ruleset") == ""
    with inside(box):
        for names in ("ip_tables_names", "ip6_tables_names"):
            assert Path("/proc/thread-self/net", names).read_text() == ""
    talk(box)
    assert tracked(box) == 0


def test_conntrack_does_not_start_by_looking_at_rules_that_need_none(box: int) -> None:
    run("iptables-nft", "-A", "INPUT", "-p", "tcp", "-m", "tcp", "--dport", "80", "-j", "DROP")
    before = run("nft", "-a", "list", "ruleset")
    (table,) = read_ruleset(box).tables
    assert table.backend is Backend.IPTABLES_NFT
    assert run("nft", "-a", "list", "ruleset") == before
    talk(box)
    assert tracked(box) == 0


def test_all_three_side_by_side(box: int) -> None:
    run("nft", "-f", "-", text="table inet mine { chain c { counter drop; }; }")
    run("iptables-nft", "-A", "FORWARD", "-j", "DROP")
    run("ip6tables-nft", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE")
    run("iptables-legacy", "-A", "INPUT", "-s", "10.0.0.0/8", "-j", "DROP")
    ruleset = read_ruleset(box)
    assert not ruleset.complaints
    assert named(ruleset) == [
        (Backend.NFT, "inet", "mine"),
        (Backend.IPTABLES_NFT, "ip", "filter"),
        (Backend.IPTABLES_NFT, "ip6", "nat"),
        (Backend.IPTABLES_LEGACY, "ip", "filter"),
    ]
    rules = [(c.name, r.text) for t in ruleset.tables for c in t.chains for r in c.rules]
    assert rules == [
        ("c", "counter packets 0 bytes 0 drop"),
        ("FORWARD", "-A FORWARD -j DROP"),
        ("POSTROUTING", "-A POSTROUTING -j MASQUERADE"),
        ("INPUT", "-A INPUT -s 10.0.0.0/8 -j DROP"),
    ]


def table(ruleset: Ruleset) -> ListedTable:
    (only,) = ruleset.tables
    return only


def test_a_native_table_by_the_name_of_iptables_is_read_as_what_it_is(box: int) -> None:
    """iptables-save refuses it, and says so."""
    run("nft", "-f", "-", text=NATIVE)
    ruleset = read_ruleset(box)
    only = table(ruleset)
    assert only.backend is Backend.NFT
    assert only.chains[0].rules[0].text == "ip saddr @bad drop"
    assert only.sets[0].is_complete
    assert len(only.sets[0].values) == 1


def test_native_chains_in_a_table_of_iptables_stay(box: int) -> None:
    """The layout of nft's own documentation, on a host where iptables ran too."""
    run("nft", "-f", "-", text=NAT)
    run("iptables-nft", "-t", "nat", "-A", "POSTROUTING", "-s", "10.9.0.0/24", "-j", "MASQUERADE")
    run("iptables-nft", "-A", "FORWARD", "-p", "tcp", "-m", "tcp", "--dport", "80", "-j", "DROP")
    run("nft", "-f", "-", text="table ip filter { chain FORWARD { ip saddr 192.0.2.66 drop; }; }")
    run("iptables-nft", "-A", "INPUT", "-s", "192.0.2.7", "-j", "DROP")
    ruleset = read_ruleset(box)
    refs = [rule_ref(t, c, r) for t in ruleset.tables for c in t.chains for r in c.rules]
    assert [(r.table, r.chain, r.backend, r.text) for r in refs] == [
        ("nat", "postrouting", Backend.NFT, "ip saddr 10.0.0.0/24 masquerade"),
        ("nat", "POSTROUTING", Backend.IPTABLES_NFT, "-A POSTROUTING -s 10.9.0.0/24 -j MASQUERADE"),
        ("filter", "FORWARD", Backend.NFT, "tcp dport 80 counter packets 0 bytes 0 drop"),
        ("filter", "FORWARD", Backend.NFT, "ip saddr 192.0.2.66 drop"),
        ("filter", "INPUT", Backend.IPTABLES_NFT, "-A INPUT -s 192.0.2.7/32 -j DROP"),
    ]
    assert all(r.handle for r in refs)
    assert [c.hook.hook for t in ruleset.tables for c in t.chains if c.hook] == [
        "postrouting",
        "postrouting",
        "forward",
        "input",
    ]


def test_our_tables_that_are_gone_are_missed(box: int) -> None:
    ruleset = read_ruleset(box, OwnTables(tables=tables()))
    assert ruleset.tables == ()
    assert ruleset.complaints == (
        "table inet glassbridge is not there",
        "table bridge glassbridge is not there",
    )


def test_a_program_that_is_missing_is_named(
    box: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("iptables-nft", "-A", "INPUT", "-m", "addrtype", "--dst-type", "LOCAL", "-j", "DROP")
    monkeypatch.setenv("PATH", str(tmp_path))
    ruleset = read_ruleset(box)
    assert "iptables-nft-save is not installed" in ruleset.complaints[0]
    assert table(ruleset).backend is Backend.NFT
