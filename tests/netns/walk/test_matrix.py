"""Every path of a host, with everything that changes it: prediction, observation and a plain tool.

For each the first trace finds neighbour tables and switches empty, the second finds them as the
plain tool has left them. The three must say the same, hop for hop.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from msgspec.structs import replace
from tests.netns.walk.matrix_stage import (
    CONTAINERS,
    HOST,
    OUT,
    MatrixStage,
    matrix_stage,
    told,
    wish,
)

from glassbridge.model.packet import Transport
from glassbridge.model.report import Seen, TraceReport, Verdict
from glassbridge.model.step_details import NeighbourFound

ICMP, TCP, UDP = Transport
TAKEN = 45000
NOT_PREDICTED = {Seen.DIFFERS, Seen.UNPREDICTED}


class Path(NamedTuple):
    """One path, and whether a packet gets there and back."""

    title: str
    source: str
    to: str
    port: int = 80
    arrives: bool = True
    arrives6: bool | None = None
    """IPv6, if not the same."""
    with_nf_call: bool | None = None
    """With bridge-nf-call, if not the same."""
    transports: tuple[Transport, ...] = (ICMP, TCP, UDP)

    def is_open(self, version: int, *, nf_call: bool) -> bool:
        if version == 6 and self.arrives6 is not None:
            return self.arrives6
        if nf_call and self.with_nf_call is not None:
            return self.with_nf_call
        return self.arrives


PORTS = (TCP, UDP)
PATHS = (
    Path("a sibling", "one", "two"),
    Path("across networks, by a member of both", "three", "both@green"),
    Path("across networks, routed", "one", "routed"),
    Path("across networks, apart", "one", "three", arrives=False, transports=(ICMP, TCP)),
    Path("host to container", HOST, "two"),
    Path("host to a container of an internal network", HOST, "closed1", transports=(TCP,)),
    Path("container to its gateway", "one", "gateway of blue"),
    Path("container to another network's gateway", "one", "gateway of green",
         transports=(ICMP, TCP)),
    Path("container to another address of the host", "one", HOST, transports=(TCP, UDP)),
    Path("container to outside", "one", OUT),
    Path("routed container to outside", "routed", OUT, transports=(ICMP, UDP)),
    Path("container with ICC off to outside", "quiet1", OUT, transports=(TCP,)),
    Path("outside to a published port", OUT, HOST, 8080, transports=PORTS),
    Path("outside to a routed port", OUT, "routed", transports=PORTS),
    Path("container to its own published port", "two", HOST, 8080, transports=PORTS),
    Path("the same by its gateway", "two", "gateway of blue", 8080, transports=(TCP,)),
    Path("a sibling's published port", "one", HOST, 8080, transports=PORTS),
    Path("another network's published port", "three", HOST, 8080, transports=PORTS),
    Path("host to a published port", HOST, HOST, 8080, transports=PORTS),
    Path("localhost to a published port", HOST, "localhost", 8080, True, False, transports=PORTS),
    Path("localhost to a port published there", HOST, "localhost", 8090, True, False,
         transports=(TCP,)),
    Path("a sibling of an internal network", "closed1", "closed2", transports=(ICMP, UDP)),
    Path("a sibling with ICC off", "quiet1", "quiet2", arrives=False, transports=(TCP,)),
    Path("its published port", "quiet1", HOST, 8081, True, None, with_nf_call=False,
         transports=PORTS),
    Path("internal network to outside", "closed1", OUT, arrives=False, transports=(ICMP, TCP)),
    Path("outside to a container's address", OUT, "two", arrives=False, transports=(TCP, UDP)),
    Path("outside to a port of loopback", OUT, HOST, 8090, False, transports=(TCP,)),
    Path("outside to another port", OUT, HOST, 8099, False, transports=PORTS),
    Path("a port on which nobody listens", "one", "two", 82, False, transports=PORTS),
)  # fmt: skip
CELLS = [(p, t) for p in PATHS for t in p.transports]


@pytest.fixture(scope="module", params=[False, True], ids=["nf-call=0", "nf-call=1"])
def stage(request: pytest.FixtureRequest) -> Iterator[MatrixStage]:
    with matrix_stage(nf_call=request.param) as made:
        yield made


@pytest.mark.parametrize("version", [4, 6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(("path", "transport"), CELLS, ids=[f"{p.title}-{t}" for p, t in CELLS])
def test_prediction_observation_and_a_plain_tool_agree(
    stage: MatrixStage, path: Path, transport: Transport, version: int
) -> None:
    is_open = path.is_open(version, nf_call=stage.nf_call)
    address = stage.address(path.to, version)
    by_name = path.to in CONTAINERS
    asked = wish(path.source, path.to if by_name else address, transport, path.port, version)
    stage.forget(path.source, path.to.partition("@")[0])
    cold = stage.trace(asked, silent=not is_open)
    check(cold, is_open=is_open, is_cold=True)
    there = stage.reaches(path.source, address, transport, path.port, silent=not is_open)
    assert there == is_open, told(cold)
    check(stage.trace(asked, silent=not is_open), is_open=is_open, is_cold=False)


def check(report: TraceReport, *, is_open: bool, is_cold: bool) -> None:
    expected = Verdict.DELIVERED if is_open else Verdict.DROPPED
    assert report.verdict is expected, told(report)
    assert report.agrees is True, told(report)
    assert not [h for h in report.hops if h.seen in NOT_PREDICTED], told(report)
    assert report.hops, told(report)
    assert (report.cause is None) is is_open, told(report)
    neighbours = [h.step.detail for h in report.hops if isinstance(h.step.detail, NeighbourFound)]
    assert not is_open or any(n.is_asked for n in neighbours) is is_cold, told(report)


def test_a_source_port_that_is_taken_behind_nat(stage: MatrixStage) -> None:
    """Both ends are others before the packet meets any link."""
    ends = ["-s", stage.address("gateway of blue", 4), "-d", stage.address("two", 4)]
    ports = ["--sport", str(TAKEN), "--dport", "80"]
    another = ["-p", "tcp", *ends, *ports, "--state", "ESTABLISHED", "--timeout", "60"]
    subprocess.run(["conntrack", "-I", *another], check=True, capture_output=True)
    asked = wish(HOST, stage.address("localhost", 4), TCP, 8080, 4)
    report = stage.trace(replace(asked, source_port=TAKEN), silent=False)
    assert report.verdict is Verdict.DELIVERED, told(report)
    assert report.agrees is True, told(report)
    assert not [h for h in report.hops if h.seen in NOT_PREDICTED], told(report)
