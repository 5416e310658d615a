"""A probe gets the answer that a real program would get, or says why it was not even sent."""

import select
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.netns.walk.observing_stage import server
from tests.netns.walk.witness_stage import A6, B6, PORT, A, B, C, Stage, run

from glassbridge.kernel.netns import inside
from glassbridge.kernel.probe import ProbeWish
from glassbridge.kernel.probe_sockets import open_probe
from glassbridge.model.address import IPAddress
from glassbridge.model.observation import Answer, AnswerKind
from glassbridge.model.packet import Packet, Transport

COOKIE = b"0123456789ab"
EVERY = [*Transport]


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    yield made
    made.close()


def ask(
    stage: Stage,
    transport: Transport,
    to: str,
    port: int = PORT,
    *,
    seconds: float = 5,
    source: str = "a",
    source_address: IPAddress | None = None,
    source_port: int = 0,
    size: int = 0,
    ttl: int | None = None,
    icmp_type: int | None = None,
    dont_fragment: bool = True,
) -> tuple[Packet, Answer | None]:
    wish = ProbeWish(
        transport=transport,
        destination=ip_address(to),
        destination_port=0 if transport is Transport.ICMP else port,
        cookie=COOKIE,
        source_address=source_address,
        source_port=source_port,
        size=size,
        ttl=ttl,
        icmp_type=icmp_type,
        dont_fragment=dont_fragment,
    )
    with open_probe(stage.fds[source], wish) as probe:
        answer = probe.send()
        waiting = select.poll()
        waiting.register(probe.fileno(), probe.events)
        while answer is None and waiting.poll(seconds * 1000):
            answer = probe.receive()
        return probe.packet, answer


@pytest.mark.parametrize("to", [B, B6, C, "127.0.0.1", A6])
def test_every_transport_is_answered(stage: Stage, to: str) -> None:
    own = to in ("127.0.0.1", A6)
    run("ping -c 1 -W 3 10.78.0.2; ping -6 -c 1 -W 3 fd77::3", "a")
    with server(stage, "a" if own else "c" if to == C else "b"):
        expected = (AnswerKind.ECHO, AnswerKind.ACCEPTED, AnswerKind.DATA)
        for transport, kind in zip(EVERY, expected, strict=True):
            packet, answer = ask(stage, transport, to)
            assert answer is not None
            assert answer.kind is kind
            assert answer.after_us is not None
            assert str(packet.source) == ({"127.0.0.1": to, A6: A6, B6: A6}.get(to, A))
            assert packet.source_port > 0


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_the_packet_is_known_before_it_is_sent(stage: Stage, transport: Transport) -> None:
    kind = socket.SOCK_STREAM if transport is Transport.TCP else socket.SOCK_DGRAM
    with inside(stage.fds["b"]):
        receiver = socket.socket(socket.AF_INET, kind)
    wish = ProbeWish(
        transport=transport, destination=ip_address(B), destination_port=PORT, cookie=COOKIE
    )
    with receiver, open_probe(stage.fds["a"], wish) as probe:
        receiver.settimeout(5)
        receiver.bind(("", PORT))
        known = probe.packet
        assert probe.sent_ns == 0
        if transport is Transport.TCP:
            receiver.listen()
            assert probe.send() is None
            accepted, client = receiver.accept()
            accepted.close()
        else:
            assert probe.send() is None
            data, client = receiver.recvfrom(100)
            assert data == COOKIE
        assert client == (str(known.source), known.source_port)


def test_nobody_listens(stage: Stage) -> None:
    _, reset = ask(stage, Transport.TCP, B)
    assert reset is not None
    assert (reset.kind, reset.icmp_type) == (AnswerKind.REFUSED, None)
    for to, what in ((B, (3, 3)), (B6, (1, 4))):
        _, unreachable = ask(stage, Transport.UDP, to)
        assert unreachable is not None
        assert unreachable.kind is AnswerKind.REFUSED
        assert (unreachable.icmp_type, unreachable.icmp_code) == what
        assert unreachable.offender == ip_address(to)


@pytest.mark.parametrize(
    ("rule", "kind", "icmp"),
    [
        ("reject with tcp reset", AnswerKind.REFUSED, (None, None)),
        ("reject with icmp port-unreachable", AnswerKind.REFUSED, (3, 3)),
        ("reject with icmp admin-prohibited", AnswerKind.ICMP_ERROR, (3, 13)),
        ("reject with icmp host-unreachable", AnswerKind.ICMP_ERROR, (3, 1)),
    ],
)
def test_a_reject_is_told_as_it_came(
    stage: Stage, rule: str, kind: AnswerKind, icmp: tuple[int | None, int | None]
) -> None:
    chain = f"type filter hook input priority 0; tcp dport 9999 {rule};"
    run(f"nft 'table ip t {{ chain i {{ {chain} }}; }}'", "b")
    _, answer = ask(stage, Transport.TCP, B)
    assert answer is not None
    assert (answer.kind, (answer.icmp_type, answer.icmp_code)) == (kind, icmp)


@pytest.mark.parametrize(
    ("route", "code"),
    [("blackhole", "EINVAL"), ("prohibit", "EACCES"), ("unreachable", "EHOSTUNREACH")],
)
def test_a_route_that_refuses(stage: Stage, route: str, code: str) -> None:
    run(f"ip route add {route} 192.0.2.0/24", "a")
    for transport in EVERY:
        packet, answer = ask(stage, transport, "192.0.2.1")
        assert answer is not None
        assert (answer.kind, answer.errno) == (AnswerKind.NOT_SENT, code)
        assert packet.source.is_unspecified


def test_no_route(stage: Stage) -> None:
    run("ip route del default", "a")
    for transport in EVERY:
        _, answer = ask(stage, transport, C)
        assert answer is not None
        assert (answer.kind, answer.errno) == (AnswerKind.NOT_SENT, "ENETUNREACH")


def test_an_output_rule_of_the_senders_own(stage: Stage) -> None:
    chain = "type filter hook output priority 0; ip daddr 10.77.0.3 drop;"
    run(f"nft 'table ip t {{ chain o {{ {chain} }}; }}'", "a")
    for transport in (Transport.ICMP, Transport.UDP):
        _, answer = ask(stage, transport, B)
        assert answer is not None
        assert (answer.kind, answer.errno) == (AnswerKind.NOT_SENT, "EPERM")
    # TCP keeps it to itself, and tries again
    assert ask(stage, Transport.TCP, B, seconds=0.2)[1] is None


def test_too_large_for_the_first_link(stage: Stage) -> None:
    for to in (B, B6):
        for transport in (Transport.ICMP, Transport.UDP):
            _, answer = ask(stage, transport, to, size=1501)
            assert answer is not None
            assert (answer.kind, answer.errno) == (AnswerKind.NOT_SENT, "EMSGSIZE")
    packet, answer = ask(stage, Transport.ICMP, B, size=1500)
    assert answer is not None
    assert (answer.kind, packet.length) == (AnswerKind.ECHO, 1500)
    _, answer = ask(stage, Transport.ICMP, B, size=4000, dont_fragment=False)
    assert answer is not None
    assert answer.kind is AnswerKind.ECHO


def test_too_large_for_a_later_link(stage: Stage) -> None:
    run("ip link set br1 mtu 1300")
    _, answer = ask(stage, Transport.UDP, C, size=1400)
    assert answer is not None
    assert (answer.kind, answer.icmp_type, answer.icmp_code) == (AnswerKind.ICMP_ERROR, 3, 4)
    assert str(answer.offender) == "10.77.0.1"


def test_ttl_ends_on_the_way(stage: Stage) -> None:
    for transport in EVERY:
        _, answer = ask(stage, transport, C, ttl=1)
        if transport is Transport.TCP:
            assert answer is None or answer.icmp_type == 11
            continue
        assert answer is not None
        assert (answer.kind, answer.icmp_type) == (AnswerKind.ICMP_ERROR, 11)
        assert str(answer.offender) == "10.77.0.1"
    assert ask(stage, Transport.ICMP, C, ttl=2)[1] is not None


def test_another_kind_of_icmp(stage: Stage) -> None:
    timestamp = 13
    packet, answer = ask(stage, Transport.ICMP, B, icmp_type=timestamp)
    assert packet.icmp_type == timestamp
    assert answer is not None
    assert answer.kind is AnswerKind.ECHO


def test_source_address_and_port_are_kept(stage: Stage) -> None:
    run("ip addr add 10.77.0.22/24 dev eth0", "a")
    with server(stage, "b"):
        for transport in EVERY:
            packet, answer = ask(
                stage, transport, B, source_address=ip_address("10.77.0.22"), source_port=4321
            )
            assert (str(packet.source), packet.source_port) == ("10.77.0.22", 4321)
            assert answer is not None
            assert answer.kind not in (AnswerKind.NOT_SENT, AnswerKind.REFUSED)
    packet, answer = ask(stage, Transport.UDP, B, source_address=ip_address("10.77.0.99"))
    assert str(packet.source) == "10.77.0.99"
    assert answer is not None
    assert (answer.kind, answer.errno) == (AnswerKind.NOT_SENT, "EADDRNOTAVAIL")


def test_somebody_elses_ping_is_not_taken_for_ours(stage: Stage) -> None:
    """A raw socket hears every echo reply, and every error about one."""
    wish = ProbeWish(
        transport=Transport.ICMP, destination=ip_address(B), cookie=COOKIE, source_port=7
    )
    with open_probe(stage.fds["a"], wish) as probe:
        run(f"ping -c 2 -i 0.2 {B}", "a")
        assert probe.receive() is None
        assert probe.send() is None
        run(f"ping -c 1 {B}", "a")
        answer = probe.receive()
    assert answer is not None
    assert answer.kind is AnswerKind.ECHO


def test_a_connection_leaves_nothing_behind(stage: Stage) -> None:
    with server(stage, "b"):
        _, answer = ask(stage, Transport.TCP, B)
        assert answer is not None
        assert answer.kind is AnswerKind.ACCEPTED
        assert run("ss -Htan state time-wait", "a") == ""
        assert run("ss -Htan state established", "a") == ""


@pytest.mark.parametrize("to", ["10.77.0.99", "fd77::99"])
def test_nobody_has_the_address(stage: Stage, to: str) -> None:
    packet, answer = ask(stage, Transport.UDP, to, seconds=20)
    assert answer is not None
    assert (answer.kind, answer.errno) == (AnswerKind.ICMP_ERROR, "EHOSTUNREACH")
    assert answer.offender == packet.source


def test_no_descriptor_stays(stage: Stage) -> None:
    before = {*Path("/proc/self/fd").iterdir()}
    for transport in EVERY:
        ask(stage, transport, B, seconds=0.2)
        ask(stage, transport, "192.0.2.1", seconds=0.01)
    assert {*Path("/proc/self/fd").iterdir()} == before
