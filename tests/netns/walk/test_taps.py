"""Taps hear what tcpdump hears, no more than was asked for, and change nothing."""

import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.netns.walk.witness_stage import (
    A6,
    B6,
    C6,
    CLIENT_PORT,
    COOKIE,
    PORT,
    A,
    B,
    C,
    Stage,
    await_idle,
    run,
)

from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.frames import HeardPacket, read_frame
from glassbridge.kernel.netns import inside
from glassbridge.kernel.taps import SNAP, WHOLE, Capture, Taps
from glassbridge.model.observation import NeighbourMessage
from glassbridge.wire.packets import IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP
from glassbridge.wire.socket_filter import Wanted, tap_filter

TUNSETIFF, IFF_TUN_NO_PI, ARPHRD_NONE = 0x400454CA, 0x1001, 0xFFFE
KINDS = ("host", "broadcast", "multicast", "otherhost", "outgoing")
_FILE_HEAD, _FRAME_HEAD, _COOKED_HEAD = 24, 16, 20


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    yield made
    made.close()


@contextmanager
def tapping(stage: Stage, wanted: Wanted, *, whole: bool = False) -> Iterator[Taps]:
    program = tap_filter(wanted, WHOLE if whole else SNAP)
    taps = Taps({stage.cookie(n): fd for n, fd in stage.fds.items()}, program, whole=whole)
    assert not taps.refusals
    try:
        yield taps
    finally:
        taps.close()


def drain(taps: Taps) -> list[tuple[int, Capture]]:
    time.sleep(0.05)
    return [*taps.drain()]


@contextmanager
def tcpdump(stage: Stage, name: str, file: Path, expression: str) -> Iterator[None]:
    """Immediate mode has a slot of the snap length for each frame: by default there are eight."""
    with inside(stage.fds[name]):
        process = subprocess.Popen(
            ["tcpdump", "-i", "any", "-p", "-nn", "-U", "--immediate-mode", "-s", "300",
             "-w", str(file), expression],
            stderr=subprocess.PIPE,
        )  # fmt: skip
    assert process.stderr is not None
    while b"listening on" not in process.stderr.readline():
        assert process.poll() is None
    try:
        yield
    finally:
        await_idle(process)
        process.send_signal(signal.SIGINT)
        process.wait()
        process.stderr.close()


def dumped(file: Path) -> Counter[tuple[int, str, bytes]]:
    """What tcpdump wrote of all links (LINKTYPE_LINUX_SLL2): ifindex, direction, packet."""
    data = file.read_bytes()
    found: Counter[tuple[int, str, bytes]] = Counter()
    place = _FILE_HEAD
    while place < len(data):
        (size,) = struct.unpack_from("=I", data, place + 8)
        frame = data[place + _FRAME_HEAD : place + _FRAME_HEAD + size]
        ifindex, _hardware, kind = struct.unpack_from(">4xIHB", frame)
        found[ifindex, KINDS[kind], frame[_COOKED_HEAD:]] += 1
        place += _FRAME_HEAD + size
    return found


def tapped(captures: Sequence[tuple[int, Capture]], cookie: int) -> Counter[tuple[int, str, bytes]]:
    return Counter((c.ifindex, c.to, c.frame[14:]) for at, c in captures if at == cookie)


@pytest.mark.parametrize(
    ("wanted", "expression", "command"),
    [
        (Wanted(4, IPPROTO_ICMP), "arp or icmp", f"ping -c 2 -i 0.2 -W 1 {B}"),
        (Wanted(4, IPPROTO_ICMP), "arp or icmp", f"ping -c 1 -W 1 {C}"),
        (Wanted(4, IPPROTO_UDP, server_ports=(5353,)), "arp or icmp or udp",
         f"echo hello | nc -u -w 1 {C} 5353"),
        (Wanted(4, IPPROTO_TCP, server_ports=(80,)), "arp or icmp or tcp",
         f"nc -w 1 {C} 80 || true"),
        (Wanted(6, IPPROTO_TCP, server_ports=(80,)), "ip6 proto 6", f"nc -w 1 {B6} 80 || true"),
    ],
    ids=["echo", "routed echo", "udp", "tcp", "tcp over ipv6"],
)  # fmt: skip
def test_taps_hear_what_tcpdump_hears(
    stage: Stage, tmp_path: Path, wanted: Wanted, expression: str, command: str
) -> None:
    names = [*stage.fds]
    with (
        tcpdump(stage, names[0], tmp_path / names[0], expression),
        tcpdump(stage, names[1], tmp_path / names[1], expression),
        tcpdump(stage, names[2], tmp_path / names[2], expression),
        tapping(stage, wanted) as taps,
    ):
        run(command, "a")
        captures = drain(taps)
        assert taps.lost == 0
    if wanted.version == 6:
        # neighbour discovery of links that come up goes on beside
        captures = [(at, c) for at, c in captures if c.frame[14 + 6] == IPPROTO_TCP]
    for name in names[:3]:
        expected = dumped(tmp_path / name)
        assert expected
        assert tapped(captures, stage.cookie(name)) == expected


def test_other_traffic_stays_out(stage: Stage) -> None:
    wanted = Wanted(4, IPPROTO_UDP, client_port=CLIENT_PORT, server_ports=(PORT,), payload=COOKIE)
    with tapping(stage, wanted) as taps:
        with inside(stage.fds["a"]):
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with other:
            for _ in range(500):
                other.sendto(b"not for you", (B, 7777))
        stage.send(B)
        captures = drain(taps)
    heard = [f.heard for _, c in captures if (f := read_frame(c.frame, c.hardware))]
    packets = [h.packet for h in heard if isinstance(h, HeardPacket) and h.quoted is None]
    assert {(p.source_port, p.destination_port) for p in packets} == {(CLIENT_PORT, PORT)}
    assert any(isinstance(h, NeighbourMessage) for h in heard)


def test_a_translated_port_is_heard_by_the_cookie(stage: Stage) -> None:
    """Somebody else's port 5000 to 6000, but our payload."""
    wanted = Wanted(4, IPPROTO_UDP, client_port=40123, server_ports=(9999,), payload=b"COOKIE")
    with tapping(stage, wanted) as taps:
        with inside(stage.fds["a"]):
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with other:
            other.sendto(b"COOKIE", (B, 6000))
            other.sendto(b"SECRET", (B, 6001))
        heard = [f.heard for _, c in drain(taps) if (f := read_frame(c.frame))]
    packets = [h.packet for h in heard if isinstance(h, HeardPacket) and h.quoted is None]
    assert {p.destination_port for p in packets} == {6000}


def test_of_a_servers_connections_only_their_ends_are_heard(stage: Stage) -> None:
    wanted = Wanted(4, IPPROTO_TCP, client_port=1, server_ports=(80,))
    with tapping(stage, wanted) as taps:
        with inside(stage.fds["b"]):
            server = socket.create_server(("", 80))
        with inside(stage.fds["a"]):
            client = socket.socket()
        with server, client:
            client.connect((B, 80))
            accepted, _ = server.accept()
            with accepted:
                for _ in range(20):
                    client.sendall(bytes(8192))
                    accepted.recv(8192)
        heard = [f.heard for _, c in drain(taps) if (f := read_frame(c.frame))]
    flags = {h.packet.tcp_flags for h in heard if isinstance(h, HeardPacket)}
    assert {"S", "S."} <= flags
    assert all("S" in f or "R" in f for f in flags)


def test_frames_are_cut_but_their_length_is_told(stage: Stage) -> None:
    run(f"ping -c 1 -W 1 {B}", "a")
    for whole, kept in ((False, SNAP), (True, 1242)):
        with tapping(stage, Wanted(4, IPPROTO_ICMP), whole=whole) as taps:
            run(f"ping -c 1 -W 1 -s 1200 {B}", "a")
            sizes = {
                (c.length, len(c.frame)) for _, c in drain(taps) if c.frame[12:14] == b"\x08\0"
            }
        assert sizes == {(1242, kept)}


def test_times_rise_from_hop_to_hop(stage: Stage) -> None:
    before = time.time_ns()
    with tapping(stage, Wanted(4, IPPROTO_ICMP)) as taps:
        run(f"ping -c 1 -W 1 {B}", "a")
        captures = drain(taps)
    after = time.time_ns()
    by_place = {
        (at, c.ifindex, c.to): c.at_ns
        for at, c in captures
        if (f := read_frame(c.frame)) and isinstance(f.heard, HeardPacket)
        if f.heard.packet.icmp_type == 8
    }
    times = [*by_place.values()]
    assert len(times) == 4
    assert before < min(times) < max(times) < after
    sent = min(by_place, key=lambda k: by_place[k])
    taken = max(by_place, key=lambda k: by_place[k])
    assert (sent[0], sent[2]) == (stage.cookie("a"), "outgoing")
    assert (taken[0], taken[2]) == (stage.cookie("b"), "host")


def test_a_link_without_mac_is_heard(stage: Stage) -> None:
    with inside(stage.fds["a"]):
        tun = os.open("/dev/net/tun", os.O_RDWR)
        try:
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN_NO_PI))
        except OSError:
            os.close(tun)
            raise
    try:
        run("ip addr add 10.9.0.1/30 dev tun0; ip link set tun0 up", "a")
        with tapping(stage, Wanted(4, IPPROTO_ICMP)) as taps:
            run("ping -c 1 -W 1 10.9.0.2 || true", "a")
            found = [
                f
                for _, c in drain(taps)
                if c.hardware == ARPHRD_NONE and (f := read_frame(c.frame, c.hardware))
            ]
    finally:
        os.close(tun)
    assert [f.heard.packet.icmp_type for f in found if isinstance(f.heard, HeardPacket)] == [8]
    assert found[0].source_mac is None


def test_neighbour_discovery_is_heard(stage: Stage) -> None:
    with tapping(stage, Wanted(6, IPPROTO_ICMPV6)) as taps:
        run(f"ping -6 -c 1 -W 1 {B6}", "a")
        heard = [f.heard for _, c in drain(taps) if (f := read_frame(c.frame))]
    said = {(m.is_reply, str(m.sender), str(m.target)) for m in heard
            if isinstance(m, NeighbourMessage)}  # fmt: skip
    assert (False, A6, B6) in said
    assert (True, B6, A6) in said
    assert C6 not in {target for _, _, target in said}


def test_a_full_ring_says_how_much_was_lost(stage: Stage) -> None:
    with tapping(stage, Wanted(4, IPPROTO_UDP, client_port=40123)) as taps:
        with stage.client("a", B) as client:
            for _ in range(4000):
                client.sendto(b"flood", (A, 9999))
        assert taps.lost > 0


def test_nothing_is_promiscuous_and_nothing_stays(stage: Stage) -> None:
    def promiscuous() -> list[str]:
        told = run("ip -d -o link") + run("ip -d -o link", "a")
        return re.findall(r"^\d+: (\S+) <(\S+)> .*promiscuity (\d+)", told, re.MULTILINE)

    def opened() -> set[Path]:
        return {*Path("/proc/self/fd").iterdir()}

    before, descriptors = promiscuous(), opened()
    assert before
    with tapping(stage, Wanted(4, IPPROTO_ICMP)):
        assert promiscuous() == before
    assert opened() == descriptors
    assert run("ss -0 -H") == ""


def test_a_namespace_that_cannot_be_entered_is_named(stage: Stage) -> None:
    with Path("/dev/null").open("rb") as nothing:
        taps = Taps({1: nothing.fileno()}, tap_filter(Wanted(4, IPPROTO_ICMP), SNAP))
    assert isinstance(taps.refusals[1], GlassbridgeError)
    assert not taps.filenos()
    taps.close()
