"""What the observers of raw tracepoints tell of a packet, and of nothing else."""

import ctypes
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import pack

import pytest
from msgspec.structs import replace
from tests.netns.walk.witness_stage import (
    B6,
    C6,
    CLIENT_PORT,
    COOKIE,
    PORT,
    A,
    B,
    C,
    Stage,
    run,
    settled,
)

from glassbridge.kernel import tracepoints
from glassbridge.kernel.bpf import _CALL_NUMBERS
from glassbridge.kernel.netns import inside
from glassbridge.kernel.tracepoints import Tracepoints
from glassbridge.model.observation import EventKind, KernelEvent
from glassbridge.model.packet import Transport

QUEUED, RECEIVED, DROPPED, ICMP = EventKind


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    stage = Stage(make_netns)
    for address in (B, C, B6, C6):
        run(f"ping -c1 -W2 {address} >/dev/null", "a")
    yield stage
    stage.close()


@contextmanager
def opened(
    stage: Stage, transport: Transport = Transport.UDP, version: int = 4
) -> Iterator[Tracepoints]:
    witness = Tracepoints()
    witness.open(stage.watch(transport, version))
    try:
        if "CAP_BPF" in witness.why_not:
            pytest.skip(witness.why_not)
        assert not witness.why_not
        yield witness
    finally:
        witness.close()


def heard(witness: Tracepoints) -> tuple[KernelEvent, ...]:
    return tuple(settled(lambda: witness.collect().events))


def path(stage: Stage, events: tuple[KernelEvent, ...]) -> list[tuple[EventKind, str]]:
    return [(e.kind, stage.place(e.inode, e.ifindex)) for e in events]


def test_every_hop_there_and_back(stage: Stage) -> None:
    begun = time.time_ns()
    with opened(stage) as witness:
        stage.send(C)
        events = heard(witness)
    there = tuple(e for e in events if e.packet and e.packet.transport is Transport.UDP)
    assert path(stage, there) == [
        (QUEUED, "a eth0"),
        (RECEIVED, "host port-a"),
        (RECEIVED, "host br0"),
        (QUEUED, "host br1"),
        (QUEUED, "host port-c"),
        (RECEIVED, "c eth0"),
        (ICMP, "c eth0"),
        (DROPPED, "c eth0"),
    ]
    assert (there[-1].reason, there[-1].function) == ("NO_SOCKET", "__udp4_lib_rcv")
    assert (there[-2].icmp_type, there[-2].icmp_code) == (3, 3)
    assert len({(e.skb, e.head) for e in there}) == 1, "one buffer through two pairs of veth"
    assert 0 not in (there[0].skb, there[0].head)
    back = tuple(e for e in events if e not in there)
    assert path(stage, back) == [
        (QUEUED, "c eth0"),
        (RECEIVED, "host port-c"),
        (RECEIVED, "host br1"),
        (QUEUED, "host br0"),
        (QUEUED, "host port-a"),
        (RECEIVED, "a eth0"),
    ]
    assert all(e.packet and e.packet.icmp_type == 3 for e in back)
    times = [e.at_ns for e in events]
    assert times == sorted(times)
    assert begun < times[0] < times[-1] < time.time_ns()


def test_the_headers_as_they_are_at_each_hop(stage: Stage) -> None:
    run(
        "nft 'table ip n {"
        " chain p { type nat hook prerouting priority -100; udp dport 9999 dnat to 10.78.0.2:53; };"
        " chain q { type nat hook postrouting priority 100; masquerade; }; }'"
    )
    with opened(stage) as witness:
        stage.send("10.77.0.1")
        events = heard(witness)
    packets = {stage.place(e.inode, e.ifindex): e.packet for e in events if e.kind is not ICMP}
    before, after = packets["host port-a"], next(e.packet for e in events if e.kind is DROPPED)
    assert before
    assert after
    sent = next(e.packet for e in events)
    assert sent
    assert (str(sent.source), sent.source_port) == (A, CLIENT_PORT)
    assert (str(sent.destination), sent.destination_port) == ("10.77.0.1", PORT)
    assert (str(after.source), after.source_port) == ("10.78.0.1", CLIENT_PORT)
    assert (str(after.destination), after.destination_port) == (C, 53)
    assert (sent.ttl, after.ttl) == (64, 63)
    assert sent.length == 20 + 8 + 20


@pytest.mark.parametrize("to", [B6, C6])
def test_ipv6(stage: Stage, to: str) -> None:
    with opened(stage, version=6) as witness:
        stage.send(to)
        events = heard(witness)
    dropped = next(e for e in events if e.kind is DROPPED)
    assert (dropped.reason, dropped.function) == ("NO_SOCKET", "__udp6_lib_rcv")
    assert dropped.packet
    assert str(dropped.packet.destination) == to
    assert events[-1].packet
    assert (events[-1].packet.transport, events[-1].packet.icmp_type) == (Transport.ICMP, 1)


def test_a_refused_connection(stage: Stage) -> None:
    with opened(stage, Transport.TCP) as witness:
        with inside(stage.fds["a"]):
            client = socket.socket()
        with client:
            client.bind(("", CLIENT_PORT))
            with pytest.raises(ConnectionRefusedError):
                client.connect((B, PORT))
        events = heard(witness)
    flags = [e.packet.tcp_flags for e in events if e.packet]
    assert flags[0] == "S"
    assert flags[-1] == "R."
    assert any((e.reason, e.function) == ("NO_SOCKET", "tcp_v4_rcv") for e in events)


def test_a_connection_is_found_again_behind_another_client_port(stage: Stage) -> None:
    run(
        "nft 'table ip n { chain q { type nat hook postrouting priority 100;"
        " meta l4proto tcp masquerade to :61000; }; }'"
    )
    with opened(stage, Transport.TCP) as witness:
        with inside(stage.fds["a"]):
            client = socket.socket()
        with client:
            client.bind(("", CLIENT_PORT))
            with pytest.raises(ConnectionRefusedError):
                client.connect((C, PORT))
        events = heard(witness)
    assert (RECEIVED, "c eth0") in path(stage, events)
    assert (QUEUED, "c eth0") in path(stage, events)


def test_an_echo_and_its_answer(stage: Stage) -> None:
    with opened(stage, Transport.ICMP) as witness:
        with inside(stage.fds["a"]):
            ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        with ping:
            ping.sendto(pack("!BBHHH", 8, 0, 0, 7, 1) + COOKIE.ljust(16, b"."), (B, 0))
            # the checksum is wrong: b does not answer, and says so
            events = heard(witness)
    assert [(e.reason, stage.place(e.inode, e.ifindex)) for e in events if e.kind is DROPPED] == [
        ("ICMP_CSUM", "b eth0")
    ]
    with opened(stage, Transport.ICMP) as witness:
        run(f"ping -c1 -e {CLIENT_PORT} -p {COOKIE[:8].hex()} {B}", "a")
        events = heard(witness)
    kinds = [e.packet.icmp_type for e in events if e.packet]
    assert kinds[0] == 8
    assert kinds[-1] == 0
    assert {e.packet.source_port for e in events if e.packet} == {CLIENT_PORT}


def test_other_traffic_is_not_recorded(stage: Stage) -> None:
    with opened(stage) as witness:
        run(f"ping -c5 -i0.01 {C} >/dev/null; ping -c2 -i0.01 {C6} >/dev/null", "a")
        with stage.client("b", C) as client:
            client.connect((C, 53))  # the client's port alone is not enough: other protocols
        with inside(stage.fds["a"]):
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with other:
            for port in range(1, 50):
                other.sendto(b"other", (C, port))
        time.sleep(0.1)
        assert witness.collect().events == ()
        assert witness.lost == 0


def test_a_copy_for_a_tap_is_no_drop(stage: Stage) -> None:
    with inside(stage.fds["b"]):
        deaf = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        reader = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    reader.bind((B, PORT))
    with opened(stage) as witness:
        stage.send(B)
        deaf.close()
        reader.close()
        assert not [e for e in heard(witness) if e.kind is DROPPED]


def test_what_does_not_fit_in_is_counted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracepoints, "_RING_SIZE", os.sysconf("SC_PAGESIZE"))
    witness = Tracepoints()
    witness.open(stage.watch())
    if "CAP_BPF" in witness.why_not:
        pytest.skip(witness.why_not)
    for _ in range(10):
        stage.send(B)
    told = len(heard(witness))
    assert 0 < told <= 4096 // 208
    assert witness.lost > 0
    stage.send(B)
    assert len(heard(witness)) > 3, "there is room again"
    witness.close()
    assert witness.lost > 0
    witness.open(stage.watch())
    assert witness.lost == 0
    witness.close()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("known", ["nothing", "the server", "the client", "all"])
def test_the_kernel_takes_every_program(
    stage: Stage, version: int, transport: Transport, known: str
) -> None:
    watch = stage.watch(transport, version)
    if known in ("nothing", "the server"):
        watch = replace(watch, client_port=0, payload=b"")
    if known in ("nothing", "the client"):
        watch = replace(watch, server_ports=frozenset())
    else:
        watch = replace(watch, server_ports=frozenset({80, 443, 65535, PORT}))
    witness = Tracepoints()
    witness.open(watch)
    witness.close()
    if "CAP_BPF" in witness.why_not:
        pytest.skip(witness.why_not)
    assert witness.why_not == ""


OPEN = """
import sys, time
from glassbridge.kernel.tracepoints import Tracepoints
from glassbridge.kernel.witness import Watch
from glassbridge.model.packet import Transport
witness = Tracepoints()
witness.open(Watch(namespaces={}, transport=Transport.UDP, version=4, client_port=1))
print(witness.why_not or "open", flush=True)
sys.stdin.readline()
"""


def test_without_permission_it_says_so(stage: Stage) -> None:
    done = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", OPEN],
        env={**os.environ, "PYTHONPATH": "src"},
        input="\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "BPF needs CAP_BPF and CAP_PERFMON outside of any user namespace\n"


def test_without_btf_it_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    tracepoints.read_kernel.cache_clear()
    monkeypatch.setattr(tracepoints, "_BTF", Path("/sys/kernel/btf/no such"))
    witness = Tracepoints()
    witness.open(stage.watch())
    assert witness.why_not == "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)"
    assert witness.collect().events == ()
    witness.close()


def test_programs_end_with_the_process(stage: Stage) -> None:
    before = programs()
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN],
        env={**os.environ, "PYTHONPATH": "src"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    if "CAP_BPF" in said:
        process.communicate("\n")
        pytest.skip(said)
    new = programs() - before
    assert len(new) >= 3
    process.send_signal(signal.SIGKILL)
    process.communicate()
    end = time.monotonic() + 30
    while new & programs():
        assert time.monotonic() < end, "programs outlive their process"
        time.sleep(0.02)


def programs() -> set[int]:
    """The ids of all BPF programs of the system."""
    call = ctypes.CDLL(None).syscall
    found: set[int] = set()
    attributes = (ctypes.c_uint32 * 4)()
    while call(_CALL_NUMBERS[platform.machine()], 11, attributes, 16) == 0:  # PROG_GET_NEXT_ID
        found.add(attributes[1])
        attributes[0] = attributes[1]
    return found
