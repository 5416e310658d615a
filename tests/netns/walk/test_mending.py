"""Each way to break a network: a trace names the cause, and its fix, run as printed, mends it."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.netns.walk.breakages import ALL, WITNESSED, Breakage
from tests.netns.walk.prediction_stage import C6, PORT, B, C, Stage

from glassbridge.engine.survey import Survey
from glassbridge.engine.trace_options import TraceOptions
from glassbridge.engine.tracing import trace
from glassbridge.kernel.netns import inside, opened_netns
from glassbridge.model.cause import Cause
from glassbridge.model.packet import FlowWish, Transport
from glassbridge.model.report import TraceReport, Verdict

PATIENCE = TraceOptions(timeout=0.4)


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    for name in ("a", "b", "c", "d"):
        made.listen(name)
    made.listen("c", C6)
    made.listen("b", port=PORT + 4)
    made.listen("b", "127.0.0.1", PORT + 2)
    made.run("ip addr add 10.77.0.33/32 dev eth0", "b")
    made.listen("b", "10.77.0.33", PORT + 3)
    yield made
    made.close()


def ask(breakage: Breakage, source_port: int | None = None) -> TraceReport:
    wish = FlowWish(
        source=breakage.source,
        destination=breakage.to,
        transport=breakage.transport,
        port=breakage.port or None,
        source_port=source_port,
        size=breakage.size or None,
        ttl=breakage.ttl if breakage.ttl != 64 else None,
    )
    survey = Survey()
    try:
        return trace(survey, wish, PATIENCE)
    finally:
        survey.close()


def told(report: TraceReport) -> str:
    """The report, as far as a failing test needs it."""
    hops = (
        f"{h.n:2} {h.step.place.name} {h.step.place.ifname} {type(h.step.detail).__name__} "
        f"{h.seen} {h.differs} {[b.value for b in h.by]}"
        for h in report.hops
    )
    cause = report.cause
    lines = [str(report.verdict), f"agrees={report.agrees}", *hops, str(report.answer)]
    if cause is not None:
        lines += [cause.code, cause.sentence, *(f"  {f.what}: {f.says}" for f in cause.evidence)]
        lines += [*cause.fix, cause.fix_note]
    return "\n".join(lines)


@pytest.mark.parametrize("name", ALL)
def test_the_cause_is_named_and_the_fix_mends_it(stage: Stage, name: str) -> None:
    breakage = ALL[name]
    if breakage.talked:
        assert breakage.works(stage)
    breakage.break_it(stage)
    assert not breakage.works(stage), "it is not broken"
    report = ask(breakage)
    cause = report.cause
    assert cause is not None, told(report)
    assert cause.code is breakage.cause, told(report)
    assert report.verdict is Verdict.DROPPED, told(report)
    assert report.agrees is True, told(report)
    assert cause.sentence
    assert cause.evidence
    check_witnesses(report, *WITNESSED[name])
    assert bool(cause.fix) is breakage.is_mended, told(report)
    if not breakage.is_mended:
        assert cause.fix_note
        return
    for command in cause.fix:
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=False, timeout=20
        )
        assert done.returncode == 0, f"{command}: {done.stderr}\n{told(report)}"
    assert works_soon(breakage, stage), f"not mended\n{told(report)}"
    again = ask(breakage)
    assert again.verdict is Verdict.DELIVERED, told(again)


def check_witnesses(report: TraceReport, where: str, kernel: str) -> None:
    """Namespace and link, and the kernel's reason and function."""
    cause = report.cause
    assert cause is not None
    assert f"{cause.where.name} {cause.where.ifname}".strip() == where, told(report)
    says = f"{cause.reason} in {cause.function}" if cause.reason else ""
    # of a neighbour just given up, and of an MTU just learned, the packet before had its word
    is_news = "neigh_invalidate" not in kernel and "PKT_TOO_BIG" not in kernel
    assert says == kernel or (not says and not is_news), told(report)


def works_soon(breakage: Breakage, stage: Stage) -> bool:
    """A neighbour that did not answer is asked again only after a second."""
    end = time.monotonic() + 30
    while not breakage.works(stage):
        if time.monotonic() > end:
            return False
    return True


def test_a_translation_that_is_out_of_date_is_forgotten(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    """A published port was moved from b to c; a datagram of a known connection still goes to b."""
    publish = (
        "nft 'table ip dn {{ chain pre {{ type nat hook prerouting priority -100; "
        "ip daddr 10.77.0.1 udp dport 5353 dnat to {}:5353; }}; }}'"
    )
    stage.run(publish.format(B))
    stage.run(f"python3 -c '{SENDING}'", "a")
    stage.run(f"nft delete table ip dn\n{publish.format(C)}")
    stage.run(f"ip addr del {B}/24 dev eth0", "b")
    with inside_of("c"):
        request.addfinalizer((listener := socket.socket(type=socket.SOCK_DGRAM)).close)
    listener.bind(("", 5353))
    breakage = Breakage(Cause.STALE_CONNECTION, "", "10.77.0.1", transport=Transport.UDP, port=5353)
    report = ask(breakage, source_port=40111)
    assert report.cause is not None, told(report)
    assert report.cause.code is Cause.STALE_CONNECTION, told(report)
    for command in report.cause.fix:
        subprocess.run(["sh", "-c", command], check=True)
    again = ask(breakage, source_port=40111)
    assert again.verdict is Verdict.DELIVERED, told(again)


@contextmanager
def inside_of(name: str) -> Iterator[None]:
    with opened_netns(f"/run/netns/{name}") as fd, inside(fd):
        yield


SENDING = (
    "import socket; s = socket.socket(type=socket.SOCK_DGRAM); "
    's.bind(("", 40111)); s.sendto(b"x", ("10.77.0.1", 5353))'
)
