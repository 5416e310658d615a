"""A program that does not accept: its queue fills, and the kernel drops what comes next."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from tests.netns.walk.prediction_stage import B, Stage, cause_of

from glassbridge.engine.survey import Survey
from glassbridge.engine.trace_options import TraceOptions
from glassbridge.engine.tracing import trace
from glassbridge.kernel.netns import inside, opened_netns
from glassbridge.kernel.sockets import open_diag, read_sockets
from glassbridge.model.cause import Cause
from glassbridge.model.packet import FlowWish, Transport
from glassbridge.model.report import TraceReport, Verdict

BUSY, BACKLOG = 8090, 1


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    yield made
    made.close()


class Busy:
    """A program in b that listens and does not accept, and those that wait for it."""

    def __init__(self) -> None:
        self.listener = opened("b")
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.listener.bind((B, BUSY))
        self.listener.listen(BACKLOG)
        self.waiting: list[socket.socket] = []

    def fill(self) -> None:
        for _ in range(BACKLOG + 1):
            client = opened("a")
            client.settimeout(10)
            client.connect((B, BUSY))
            self.waiting.append(client)
        end = time.monotonic() + 20
        while waiting_in_b() != BACKLOG + 1:
            assert time.monotonic() < end, "the queue does not fill"

    def accept_all(self) -> None:
        while waiting_in_b():
            self.listener.accept()[0].close()

    def close(self) -> None:
        for opened_one in (self.listener, *self.waiting):
            opened_one.close()


@pytest.fixture
def busy(stage: Stage) -> Iterator[Busy]:
    made = Busy()
    yield made
    made.close()


def opened(name: str) -> socket.socket:
    with opened_netns(f"/run/netns/{name}") as fd, inside(fd):
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def waiting_in_b() -> int:
    with opened_netns("/run/netns/b") as fd, open_diag(fd) as diag:
        found = {s.port: s for s in read_sockets(diag)}
    assert found[BUSY].backlog == BACKLOG
    return found[BUSY].waiting


def traced() -> TraceReport:
    survey = Survey()
    wish = FlowWish(source="a", destination=B, transport=Transport.TCP, port=BUSY)
    try:
        return trace(survey, wish, TraceOptions(timeout=0.6))
    finally:
        survey.close()


def test_a_full_queue_is_named_and_room_in_it_delivers(stage: Stage, busy: Busy) -> None:
    busy.fill()
    assert cause_of(stage.predict("a", B, BUSY)) == "LISTEN_QUEUE_FULL"
    assert not stage.connects("a", B, BUSY)
    report = traced()
    cause = report.cause
    assert cause is not None
    assert (cause.code, report.verdict) == (Cause.LISTEN_QUEUE_FULL, Verdict.DROPPED)
    assert report.agrees is True
    assert any("2 waiting, backlog 1" in fact.says for fact in cause.evidence)
    assert "ip netns exec b ss -ltnp" in cause.fix_note
    busy.accept_all()
    assert cause_of(stage.predict("a", B, BUSY)) == ""
    assert traced().verdict is Verdict.DELIVERED


def test_the_socket_of_the_very_address_is_the_one_that_counts(stage: Stage, busy: Busy) -> None:
    """Another on all addresses has room, and is not asked."""
    busy.fill()
    with opened("b") as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("", BUSY))
        other.listen()
        assert cause_of(stage.predict("a", B, BUSY)) == "LISTEN_QUEUE_FULL"
        assert not stage.connects("a", B, BUSY)
        busy.listener.close()
        assert cause_of(stage.predict("a", B, BUSY)) == ""
        assert stage.connects("a", B, BUSY)
