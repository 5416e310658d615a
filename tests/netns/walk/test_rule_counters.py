"""Counters of legacy iptables rise for the rules and policies that the packet meets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.netns.walk.witness_stage import C6, PORT, C, Stage, run, settled

from glassbridge.kernel.rule_counters import RuleCounters

RULES = f"""
iptables-legacy -N KNOWN
iptables-legacy -A FORWARD -p tcp -j DROP
iptables-legacy -A FORWARD -p udp --dport {PORT} -j KNOWN
iptables-legacy -A KNOWN -s 10.99.0.0/16 -j DROP
iptables-legacy -A KNOWN -m comment --comment 'a [1:2] word' -j RETURN
iptables-legacy -t mangle -A PREROUTING -p udp --dport {PORT} -j MARK --set-mark 1
"""


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    if not Path("/proc/net/ip_tables_names").exists():
        pytest.skip("this kernel has no legacy iptables")
    stage = Stage(make_netns)
    run(f"ping -c1 -W2 {C} >/dev/null; ping -c1 -W2 {C6} >/dev/null", "a")
    yield stage
    stage.close()


def counted(witness: RuleCounters, chain: str) -> dict[tuple[str, int], int]:
    """Packets by table and number, of one chain."""
    changes = settled(lambda: witness.collect().counters)
    found: dict[tuple[str, int], int] = {}
    for change in changes:
        if change.chain == chain:
            place = change.table, change.number
            found[place] = found.get(place, 0) + change.packets
    return found


def test_rules_and_policies_that_counted_the_packet(stage: Stage) -> None:
    run(RULES)
    witness = RuleCounters()
    witness.open(stage.watch())
    assert witness.why_not == ""
    stage.send(C)
    changes = settled(lambda: witness.collect().counters)
    assert {(c.cookie, c.family) for c in changes} == {(stage.cookie("host"), "ip")}
    told = {(c.table, c.chain, c.number) for c in changes}
    assert told >= {("filter", "FORWARD", 2), ("filter", "KNOWN", 2), ("mangle", "PREROUTING", 1)}
    assert not told & {("filter", "FORWARD", 1), ("filter", "KNOWN", 1)}
    stage.send(C)
    stage.send(C)
    # the policy sees a packet after its return, and the ICMP error that comes back
    assert counted(witness, "FORWARD") == {("filter", 2): 2, ("filter", 0): 4, ("mangle", 0): 4}
    witness.close()


def test_ipv6_has_rules_of_its_own(stage: Stage) -> None:
    run(f"ip6tables-legacy -A FORWARD -p udp --dport {PORT} -j DROP")
    witness = RuleCounters()
    witness.open(stage.watch(version=6))
    stage.send(C6)
    # the policy counts neighbour messages, too: br_netfilter shows it what is bridged
    assert counted(witness, "FORWARD")["filter", 1] == 1
    witness.close()
    witness.open(stage.watch(version=4))
    assert witness.why_not == "no legacy iptables on the way"


def test_looking_makes_no_tables(stage: Stage) -> None:
    run("iptables-legacy -A FORWARD -j ACCEPT", "a")
    witness = RuleCounters()
    witness.open(stage.watch())
    assert witness.why_not == ""
    stage.send(C)
    assert counted(witness, "OUTPUT") == {("filter", 0): 1}
    witness.close()
    assert run("cat /proc/net/ip_tables_names") == ""
    assert run("cat /proc/net/ip_tables_names", "a") == "filter\n"


def test_without_the_tool_it_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    run("iptables-legacy -A FORWARD -j ACCEPT")
    monkeypatch.setenv("PATH", "/nowhere")
    witness = RuleCounters()
    witness.open(stage.watch())
    assert witness.why_not == "iptables-legacy-save: No such file or directory"
    assert witness.collect().counters == ()
    witness.close()


def test_a_rule_that_goes_meanwhile(stage: Stage) -> None:
    run("iptables-legacy -A FORWARD -j ACCEPT")
    witness = RuleCounters()
    witness.open(stage.watch())
    run("iptables-legacy -F FORWARD")
    stage.send(C)
    assert counted(witness, "FORWARD") == {("filter", 0): 2}
    witness.close()
