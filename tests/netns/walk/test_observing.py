"""A packet is observed on all of its way, no other is taken for it, and nothing stays behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.netns.walk.observing_stage import path, request, server
from tests.netns.walk.witness_stage import B6, C6, A, B, C, Stage, run

from glassbridge.engine.looking_up import ask_kernel
from glassbridge.engine.observing import observe, observe_times
from glassbridge.errors import GlassbridgeError, NotFound
from glassbridge.kernel.netns import inside
from glassbridge.kernel.nftrace import NftTrace
from glassbridge.kernel.tracepoints import Tracepoints
from glassbridge.model.observation import (
    AnswerKind,
    EventKind,
    NeighbourMessage,
    Observation,
    WitnessName,
)
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.step_details import Place, Received
from glassbridge.model.walk import Action, Disposition, Step, Walk

ANSWERS = {
    Transport.ICMP: AnswerKind.ECHO,
    Transport.TCP: AnswerKind.ACCEPTED,
    Transport.UDP: AnswerKind.DATA,
}
HOST = "10.77.0.1"
BRIDGED = ["a eth0 >", "host port-a <", "host port-b >", "b eth0 <"]
ROUTED = ["a eth0 >", "host port-a <", "host br0 <", "host br1 >", "host port-c >", "c eth0 <"]
NAT = """
table ip n {
  chain p { type nat hook prerouting priority -100; tcp dport 8080 dnat to 10.78.0.2:9999;
            udp dport 8080 dnat to 10.78.0.2:9999; }
  chain o { type nat hook output priority -100; tcp dport 8080 dnat to 10.78.0.2:9999; }
  chain q { type nat hook postrouting priority 100; %s masquerade random; }
}
"""


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    # duplicate address detection of the bridges' own link-local addresses comes to its end
    while "tentative" in run("ip -6 addr"):
        time.sleep(0.1)
    yield made
    made.close()


@contextmanager
def sending(stage: Stage, command: str) -> Iterator[None]:
    """Somebody in namespace a who begins as soon as every namespace is tapped."""
    names = ["" if name == "host" else name for name in stage.fds]

    def send() -> None:
        while any(len(run("cat /proc/net/packet", n).splitlines()) < 2 for n in names):
            time.sleep(0.02)
        time.sleep(0.3)  # a socket is listed a little before it is bound
        run(command, "a")

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    yield
    sender.join()


def back(way: list[str]) -> list[str]:
    """The same links, the other way round."""
    return [p[:-1] + {">": "<", "<": ">"}[p[-1]] for p in reversed(way)]


def questions(observation: Observation) -> set[tuple[str, str]]:
    return {
        (str(s.seen.sender), str(s.seen.target))
        for s in observation.sightings
        if isinstance(s.seen, NeighbourMessage) and not s.seen.is_reply
    }


@pytest.mark.parametrize("transport", [*Transport])
@pytest.mark.parametrize(
    ("to", "where", "way"),
    [(B, "b", BRIDGED), (B6, "b", BRIDGED), (C, "c", ROUTED), (C6, "c", ROUTED)],
    ids=["one bridge", "one bridge, IPv6", "two bridges", "two bridges, IPv6"],
)
def test_the_whole_way_there_and_back(
    stage: Stage, transport: Transport, to: str, where: str, way: list[str]
) -> None:
    with server(stage, where):
        cold = observe(request(stage, transport, to))
        warm = observe(request(stage, transport, to))
    for seen in (cold, warm):
        assert path(stage, seen) == way
        assert path(stage, seen, is_reply=True) == back(way)
        assert seen.answer is not None
        assert seen.answer.kind is ANSWERS[transport]
        assert seen.packet == next(
            s.seen for s in seen.sightings if isinstance(s.seen, Packet) and not s.is_reply
        )
        assert [s.at_ns for s in seen.sightings] == sorted(s.at_ns for s in seen.sightings)
        assert seen.sent_ns < seen.sightings[0].at_ns
    next_hop = to if way == BRIDGED else "10.77.0.1" if to == C else "fd77::1"
    assert next_hop in {target for _, target in questions(cold)}
    assert questions(warm) == set()


def test_everyone_who_heard_the_question_is_listed(stage: Stage) -> None:
    seen = observe(request(stage, Transport.ICMP, B))
    heard = {
        (s.cookie, s.to)
        for s in seen.sightings
        if isinstance(s.seen, NeighbourMessage) and not s.seen.is_reply
    }
    assert (stage.cookie("a"), "outgoing") in heard
    assert (stage.cookie("host"), "broadcast") in heard
    assert (stage.cookie("b"), "broadcast") in heard


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_through_nat_that_changes_everything(stage: Stage, transport: Transport) -> None:
    """Destination, source and client port: the walk says where it may go, the rest is found."""
    run(f"nft '{NAT % 'oifname br1'}'")
    with server(stage, "c"):
        asked = request(stage, transport, HOST, 8080)
        there = Packet(
            transport=transport,
            source=asked.question.destination,
            destination=asked.question.destination,
            destination_port=9999,
        )
        step = Step(
            place=Place(cookie=stage.cookie("host"), name="host"),
            detail=Received(address=asked.question.destination),
            action=Action.TRANSLATED,
            packet=there,
        )
        walk = Walk(steps=(step,), disposition=Disposition.ACCEPTED)
        seen = observe(replace(asked, walk=walk), (NftTrace(), Tracepoints()))
    assert path(stage, seen) == ROUTED
    assert path(stage, seen, is_reply=True) == back(ROUTED)
    first, *_, last = [
        s.seen for s in seen.sightings if isinstance(s.seen, Packet) and not s.is_reply
    ]
    assert (str(first.source), str(first.destination), first.destination_port) == (A, HOST, 8080)
    assert (str(last.source), str(last.destination), last.destination_port) == (
        "10.78.0.1",
        C,
        9999,
    )
    assert first.source_port != last.source_port
    hits = {h.chain: h for h in seen.rule_hits if not h.is_reply}
    assert hits.keys() >= {"p", "q"}
    times = [s.at_ns for s in seen.sightings if isinstance(s.seen, Packet) and not s.is_reply]
    assert times[1] <= hits["p"].at_ns <= hits["q"].at_ns < times[3]
    if _speaks(seen, WitnessName.TRACEPOINTS):
        assert {e.kind for e in seen.events} == {EventKind.QUEUED, EventKind.RECEIVED}
        assert {e.is_reply for e in seen.events} == {True, False}


def test_ones_own_packet_that_is_translated_at_once(stage: Stage) -> None:
    run(f"nft '{NAT % ''}'")
    with server(stage, "c"):
        seen = observe(request(stage, Transport.TCP, HOST, 8080, source="host"))
    assert seen.answer is not None
    assert seen.answer.kind is AnswerKind.ACCEPTED


def test_a_refusal_by_icmp_travels_back(stage: Stage) -> None:
    seen = observe(request(stage, Transport.UDP, B), (Tracepoints(),))
    assert seen.answer is not None
    assert seen.answer.kind is AnswerKind.REFUSED
    assert path(stage, seen) == BRIDGED
    assert path(stage, seen, is_reply=True) == back(BRIDGED)
    if _speaks(seen, WitnessName.TRACEPOINTS):
        assert "NO_SOCKET" in {e.reason for e in seen.events}


def test_a_silent_drop_ends_the_waiting(stage: Stage) -> None:
    """What the drop's own witness tells; without it the whole timeout passes."""
    run("nft 'table ip t { chain f { type filter hook forward priority 0; drop; }; }'")
    began = time.monotonic()
    seen = observe(request(stage, Transport.TCP, C, timeout=30), (Tracepoints(), NftTrace()))
    assert seen.answer is not None
    assert seen.answer.kind is AnswerKind.NOTHING
    assert path(stage, seen) == ROUTED[:3]
    assert "drop" in {h.verdict for h in seen.rule_hits}
    if _speaks(seen, WitnessName.TRACEPOINTS):
        assert time.monotonic() - began < 25
        assert "NETFILTER_DROP" in {e.reason for e in seen.events}


def test_a_datagram_that_nobody_answers(stage: Stage) -> None:
    with inside(stage.fds["b"]):
        mute = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with mute:
        mute.bind(("", 9999))
        seen = observe(request(stage, Transport.UDP, B, timeout=0.5))
        assert mute.recv(100)
    assert seen.answer is not None
    assert seen.answer.kind is AnswerKind.NOTHING
    assert path(stage, seen) == BRIDGED


def test_nobody_has_the_address(stage: Stage) -> None:
    said: list[str] = []
    asked = request(stage, Transport.TCP, "10.77.0.99", timeout=0.5, say=said.append)
    seen = observe(asked, (Tracepoints(),))
    assert len(said) == 1
    assert "10.77.0.99" in said[0]
    assert seen.answer is not None
    assert (seen.answer.kind, seen.answer.icmp_type) == (AnswerKind.ICMP_ERROR, 3)
    assert path(stage, seen) == []
    assert questions(seen) == {(A, "10.77.0.99")}


def test_who_is_silent_is_waited_for_once(stage: Stage) -> None:
    said: list[str] = []
    asked = request(
        stage, Transport.ICMP, "10.77.0.98", timeout=0.1, neighbour_timeout=0.3, say=said.append
    )
    assert len([*observe_times(asked, (), 3)]) == 3
    assert len(said) == 1


def test_what_could_not_be_sent(stage: Stage) -> None:
    run("ip route add unreachable 192.0.2.0/24", "a")
    seen = observe(request(stage, Transport.UDP, "192.0.2.1"))
    assert seen.answer is not None
    assert (seen.answer.kind, seen.answer.errno) == (AnswerKind.NOT_SENT, "EHOSTUNREACH")
    assert seen.packet is None
    assert seen.sightings == ()


def test_fragments_are_followed(stage: Stage) -> None:
    asked = request(stage, Transport.ICMP, C, is_live=True, timeout=20)
    with sending(stage, f"ping -c 1 -W 2 -s 3000 -M dont {C}"):
        seen = observe(asked)
    assert Counter(path(stage, seen)) == dict.fromkeys(ROUTED, 3)
    assert path(stage, seen, is_reply=True).count("a eth0 <") >= 1


def test_other_traffic_is_not_mixed_up(stage: Stage) -> None:
    """A flood to the same port of the same server, from the same container."""
    run(f"ping -c 1 -W 2 {B}; ping -c 1 -W 2 {C}", "a")
    ends = threading.Event()
    with inside(stage.fds["a"]):
        noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def flood() -> None:
        while not ends.is_set():
            for _ in range(50):
                noise.sendto(b"the same server, another's datagram", (C, 9999))
            time.sleep(0.002)

    flooding = threading.Thread(target=flood)
    with server(stage, "c"), noise:
        flooding.start()
        try:
            for transport in (Transport.UDP, Transport.TCP):
                seen = observe(request(stage, transport, C))
                assert path(stage, seen) == ROUTED
                assert path(stage, seen, is_reply=True) == back(ROUTED)
        finally:
            ends.set()
            flooding.join()


def test_several_times(stage: Stage) -> None:
    seen = [*observe_times(request(stage, Transport.ICMP, B), (), 3)]
    assert [s.answer.kind for s in seen if s.answer] == [AnswerKind.ECHO] * 3
    assert len({s.packet.source_port for s in seen if s.packet}) == 3


@pytest.mark.parametrize("transport", [*Transport])
def test_somebody_elses_packet(stage: Stage, transport: Transport) -> None:
    commands = {
        Transport.ICMP: f"ping -c 1 -W 2 {C}",
        Transport.TCP: f"nc -z -w 2 {C} 9999",
        Transport.UDP: f"echo a-long-enough-question | nc -u -w 1 {C} 9999",
    }
    with server(stage, "c"):
        asked = request(stage, transport, C, is_live=True, timeout=20)
        with sending(stage, commands[transport]):
            seen = observe(asked)
    assert seen.is_live
    assert seen.packet is not None
    assert str(seen.packet.source) == A
    assert path(stage, seen) == ROUTED
    assert path(stage, seen, is_reply=True)[:6] == back(ROUTED)
    assert seen.answer is not None
    assert seen.answer.kind is ANSWERS[transport]


def test_nobody_sends_anything(stage: Stage) -> None:
    seen = observe(request(stage, Transport.TCP, C, is_live=True, timeout=0.1))
    assert (seen.packet, seen.answer, seen.is_live) == (None, None, True)


def test_a_sender_that_has_gone(stage: Stage) -> None:
    def gone(_cookie: int) -> int:
        raise NotFound("container a has gone")

    with pytest.raises(GlassbridgeError, match="has gone"):
        observe(replace(request(stage, Transport.ICMP, B), open_netns=gone))


def test_a_namespace_on_the_way_that_has_gone(stage: Stage) -> None:
    asked = request(stage, Transport.ICMP, B)

    def some(cookie: int) -> int:
        if cookie == stage.cookie("b"):
            raise NotFound("container b has gone")
        return asked.open_netns(cookie)

    seen = observe(replace(asked, open_netns=some))
    assert path(stage, seen) == BRIDGED[:-1]
    (taps,) = [w for w in seen.witnesses if w.name is WitnessName.TAPS]
    assert (taps.spoke, taps.why_not) == (True, "container b has gone")


def test_lookups_alone(stage: Stage) -> None:
    asked = request(stage, Transport.ICMP, B)
    lookups, (witness,) = ask_kernel(asked.walk, asked.open_netns)
    assert lookups == ()
    assert (witness.name, witness.spoke) == (WitnessName.LOOKUPS, False)


# -- nothing stays


def state(stage: Stage) -> str:
    """Links with their flags, rulesets, and every setting under net."""
    told = []
    for name in ("", "a", "b", "c"):
        links = run("ip -d -o link", name)
        told += re.findall(r"^\d+: \S+ <\S+>|promiscuity \d+|allmulti \d+", links, re.MULTILINE)
        told.append(run("nft list ruleset", name))
        told.append(
            run("sysctl -a --pattern '^net' 2>/dev/null | grep -v nf_conntrack_count", name)
        )
        told.append(run("ss -0 -H", name))
    return "\n".join(told)


def test_nothing_is_changed_and_nothing_stays(stage: Stage) -> None:
    run(f"nft '{NAT % 'oifname br1'}'")
    before = state(stage)
    descriptors = {*Path("/proc/self/fd").iterdir()}
    observe(request(stage, Transport.UDP, C), (NftTrace(), Tracepoints()))
    assert {*Path("/proc/self/fd").iterdir()} == descriptors
    assert state(stage) == before


def test_interrupted_it_leaves_nothing(stage: Stage) -> None:
    def interrupt(_said: str) -> None:
        raise KeyboardInterrupt

    before = state(stage)
    descriptors = {*Path("/proc/self/fd").iterdir()}
    with pytest.raises(KeyboardInterrupt):
        observe(
            request(stage, Transport.UDP, "10.77.0.99", timeout=0.3, say=interrupt),
            (NftTrace(), Tracepoints()),
        )
    assert {*Path("/proc/self/fd").iterdir()} == descriptors
    assert state(stage) == before


@contextmanager
def observing_program(*, unshare: str, to: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        ["unshare", unshare, sys.executable, "-m", "tests.netns.walk.observing_stage", to],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "src:."},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_killed_it_leaves_nothing() -> None:
    """It holds its namespaces by nothing but a shell of ours, which stays when it is killed."""
    with observing_program(unshare="-nm", to="10.77.0.99") as process:
        assert process.stdout is not None
        assert "nobody answers" in process.stdout.readline()
        home = os.open(f"/proc/{process.pid}/ns/net", os.O_RDONLY)
        try:
            with inside(home):
                during = run("nft list ruleset; ss -0 -H; ip -o link")
                assert "glassbridge_trace" in during
                assert "PROMISC" not in during
            process.send_signal(signal.SIGKILL)
            process.wait()
            with inside(home):
                after = run("nft list ruleset; ss -0 -H")
        finally:
            os.close(home)
    assert after == ""


def test_inside_a_user_namespace() -> None:
    """Where raw tracepoints are refused, it does without them and says so."""
    with observing_program(unshare="-Urnm", to=B) as process:
        told, complaint = process.communicate(timeout=60)
    assert complaint == ""
    assert told.splitlines()[:8] == BRIDGED + back(BRIDGED)
    assert re.search(r"^taps True $", told, re.MULTILINE)
    assert re.search(r"^nftrace True ", told, re.MULTILINE)
    assert re.search(r"^tracepoints False .+", told, re.MULTILINE)


def _speaks(seen: Observation, name: WitnessName) -> bool:
    return any(w.name is name and w.spoke for w in seen.witnesses)
