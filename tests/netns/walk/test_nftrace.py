"""What NftTrace hears is what `nft monitor trace` prints, and its tables never outlive it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from tests.netns.walk.witness_stage import CLIENT_PORT, PORT, B, C, Stage, await_idle, run, settled

from glassbridge.kernel.nftrace import TABLE_PREFIX, NftTrace
from glassbridge.model.observation import RuleHit
from glassbridge.model.packet import Transport

BRIDGED = """
table bridge guard {
  chain p { type filter hook prerouting priority 0; ether type ip counter; }
  chain f { type filter hook forward priority 0; policy drop; udp dport 9999 jump known; }
  chain known { udp dport 1 drop; ip daddr 10.77.0.3 accept; }
}
"""
ROUTED = """
table inet t {
  chain f { type filter hook forward priority 0; policy drop; jump back; goto on; }
  chain back { udp dport 1 drop; udp dport 9999 return; drop; }
  chain on { ct state new counter; ip protocol icmp accept; udp dport 9999 accept; }
}
table ip nat {
  chain p {
    type nat hook prerouting priority -100;
    ip daddr 10.77.0.1 udp dport 9999 dnat to 10.78.0.2;
  }
  chain q { type nat hook postrouting priority 100; masquerade; }
}
"""
DROPPED = """
table ip t {
  chain f { type filter hook forward priority 0; jump sub; }
  chain sub { udp dport 9999 drop; }
}
"""
REFUSED_BY_POLICY = (
    "table inet t { chain f { type filter hook forward priority 0; policy drop; }; }"
)
SIX = "table ip6 t { chain f { type filter hook forward priority 0; udp dport 9999 drop; }; }"


class Line(NamedTuple):
    """What both tell of a verdict."""

    table: str
    chain: str
    handle: int
    """0: the policy."""
    verdict: str


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    stage = Stage(make_netns)
    run(f"ping -c1 -W2 {B} >/dev/null; ping -c1 -W2 {C} >/dev/null", "a")
    yield stage
    stage.close()


@contextmanager
def opened(stage: Stage, *, version: int = 4) -> Iterator[NftTrace]:
    witness = NftTrace()
    witness.open(stage.watch(version=version))
    try:
        assert not witness.why_not
        yield witness
    finally:
        witness.close()


@contextmanager
def monitor() -> Iterator[Callable[[int], list[str]]]:
    """`nft monitor trace` in the host's namespace: a function that gives its next lines."""
    before = listeners()
    process = subprocess.Popen(["nft", "-a", "monitor", "trace"], stdout=subprocess.PIPE, text=True)
    try:
        while listeners() == before:
            time.sleep(0.01)
        await_idle(process)  # it reads the ruleset after it began to listen

        def lines(count: int) -> list[str]:
            assert process.stdout is not None
            found: list[str] = []
            while len(found) < count:
                line = process.stdout.readline()
                if " packet: " not in line and TABLE_PREFIX not in line:
                    found.append(line)
            return found

        yield lines
    finally:
        process.terminate()
        process.communicate()


def listeners() -> int:
    """Sockets that hear nftrace, of this namespace."""
    rows = run("cat /proc/net/netlink").splitlines()[1:]
    return sum(int(r.split()[3], 16) >> 8 & 1 for r in rows if r.split()[1] == "12")


LINE = re.compile(r"trace id \w+ (\w+ \w+) (\w+) (rule .* # handle (\d+)|policy)(.*)")


def printed(line: str) -> Line:
    match = LINE.match(line)
    assert match, line
    table, chain, _, handle, rest = match.groups()
    return Line(table, chain, int(handle or 0), rest.replace("(verdict ", "").strip(" )\n"))


def told(hit: RuleHit) -> Line:
    verdict = f"{hit.verdict} {hit.target}".strip()
    return Line(f"{hit.family} {hit.table}", hit.chain, hit.handle, verdict)


def host_hits(stage: Stage, witness: NftTrace) -> list[RuleHit]:
    host = stage.cookie("host")
    return [h for h in settled(lambda: witness.collect().rule_hits) if h.cookie == host]


def is_end_of_chain(hit: RuleHit) -> bool:
    """nft does not print these."""
    return not hit.handle and not hit.is_policy


@pytest.mark.parametrize(
    ("ruleset", "to", "last"),
    [
        (BRIDGED, B, "accept"),
        (ROUTED, "10.77.0.1", "accept"),
        (DROPPED, C, "drop"),
        (REFUSED_BY_POLICY, C, "drop"),
    ],
    ids=["bridge", "nat", "drop in a jump", "policy"],
)
def test_the_same_lines_as_nft_monitor(stage: Stage, ruleset: str, to: str, last: str) -> None:
    run(f"nft '{ruleset}'")
    with opened(stage) as witness, monitor() as lines:
        stage.send(to)
        hits = [h for h in host_hits(stage, witness) if not is_end_of_chain(h)]
        assert [told(h) for h in hits] == [printed(line) for line in lines(len(hits))]
        request = [h for h in hits if h.packet and h.packet.transport is Transport.UDP]
        assert request[-1].verdict == last
        assert witness.lost == 0


def test_handles_are_those_of_the_listing(stage: Stage) -> None:
    run(f"nft '{ROUTED}'")
    with opened(stage) as witness:
        stage.send("10.77.0.1")
        hits = host_hits(stage, witness)
    objects = json.loads(run("nft -j -a list ruleset"))["nftables"]
    rules = {
        (r["family"], r["table"], r["chain"], r["handle"])
        for o in objects
        for r in [o.get("rule")]
        if r
    }
    seen = {(h.family, h.table, h.chain, h.handle) for h in hits if h.handle}
    assert len(seen) >= 6
    assert seen <= rules


def test_a_return_a_jump_and_a_goto_are_told_apart(stage: Stage) -> None:
    run(f"nft '{ROUTED}'")
    with opened(stage) as witness:
        stage.send(C)
        hits = host_hits(stage, witness)
    request = [h for h in hits if h.packet and h.packet.transport is Transport.UDP]
    filtering = [(h.chain, h.verdict, h.target) for h in request if h.table == "t"]
    assert filtering == [
        ("f", "jump", "back"),
        ("back", "return", ""),
        ("f", "goto", "on"),
        ("on", "continue", ""),
        ("on", "accept", ""),
    ]


def test_translation_shows_in_the_packets(stage: Stage) -> None:
    run(f"nft '{ROUTED}'")
    with opened(stage) as witness:
        stage.send("10.77.0.1")
        hits = host_hits(stage, witness)
    ways = {h.chain: h for h in hits if h.packet and h.packet.transport is Transport.UDP}
    before, after = ways["p"], ways["on"]
    assert before.packet
    assert after.packet
    assert (str(before.packet.source), str(before.packet.destination)) == ("10.77.0.2", "10.77.0.1")
    assert str(after.packet.destination) == C
    assert (after.packet.source_port, after.packet.destination_port) == (CLIENT_PORT, PORT)
    assert after.packet.ttl == before.packet.ttl - 1
    assert (before.oif, after.oif is not None) == (None, True)
    assert after.connection == "new"
    # the ICMP error that comes back belongs to the same connection
    assert any(h.is_reply and h.connection == "related" for h in hits)


def test_ipv6_and_both_namespaces(stage: Stage) -> None:
    run(f"nft '{SIX}'")
    run(f"nft '{SIX.replace('forward', 'output').replace('drop', 'counter')}'", "a")
    run("ping -c1 -W2 fd78::2 >/dev/null", "a")
    with opened(stage, version=6) as witness:
        stage.send("fd78::2")
        hits = settled(lambda: witness.collect().rule_hits)
    assert {(h.cookie, h.verdict) for h in hits if h.handle} == {
        (stage.cookie("a"), "continue"),
        (stage.cookie("host"), "drop"),
    }
    assert all(h.packet and str(h.packet.destination) == "fd78::2" for h in hits)


def test_other_traffic_is_not_marked(stage: Stage) -> None:
    run("nft 'table inet t { chain p { type filter hook prerouting priority 0; counter; }; }'")
    with opened(stage) as witness:
        run(f"ping -c3 -i0.01 {C} >/dev/null", "a")
        assert witness.collect().rule_hits == ()
        stage.send(C)
        assert host_hits(stage, witness)


def test_closing_leaves_no_table_and_it_can_be_opened_again(stage: Stage) -> None:
    witness = NftTrace()
    for _ in range(2):
        witness.open(stage.watch())
        assert TABLE_PREFIX in run("nft list tables")
        assert "bridge " + TABLE_PREFIX in run("nft list tables")
        assert "bridge " not in run("nft list tables", "a")  # it has none
        witness.close()
        assert run("nft list tables") == run("nft list tables", "a") == ""
    witness.close()


def test_nobody_else_can_change_the_table(stage: Stage) -> None:
    with opened(stage):
        run("nft flush ruleset")
        assert TABLE_PREFIX in run("nft list tables")


def test_two_traces_at_once_do_not_hear_of_each_other(stage: Stage) -> None:
    with opened(stage) as one, opened(stage) as other:
        stage.send(C)
        time.sleep(0.1)
        assert one.collect().rule_hits == other.collect().rule_hits == ()


KILLED = """
import sys, time
from glassbridge.kernel.netns import cookie_of, open_netns
from glassbridge.kernel.nftrace import NftTrace
from glassbridge.kernel.witness import Watch
from glassbridge.model.packet import Transport
fds = [open_netns(path) for path in sys.argv[1:]]
witness = NftTrace()
witness.open(Watch(namespaces={cookie_of(f): f for f in fds}, transport=Transport.TCP, version=4))
print(witness.why_not or "open", flush=True)
time.sleep(60)
"""


def test_the_tables_are_gone_after_sigkill(stage: Stage) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, "/proc/self/ns/net", "/run/netns/a"],
        env={**os.environ, "PYTHONPATH": "src"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        assert TABLE_PREFIX in run("nft list tables")
        assert TABLE_PREFIX in run("nft list tables", "a")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert run("nft list tables") == run("nft list tables", "a") == ""


def test_what_may_not_be_done_is_the_reason(stage: Stage) -> None:
    script = KILLED.replace("time.sleep(60)", "witness.close()")
    powerless = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    done = subprocess.run(
        [*powerless, sys.executable, "-c", script, "/proc/self/ns/net"],
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "listen to nftrace: Operation not permitted\n"
