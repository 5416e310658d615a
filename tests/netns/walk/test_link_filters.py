"""Programs and filters on links: seen beforehand, blamed where a packet vanishes, and taken off."""

import subprocess
from collections.abc import Callable, Iterator
from socket import if_nametoindex

import pytest
from tests.netns.walk.breakages import Breakage
from tests.netns.walk.link_programs import (
    EGRESS,
    INGRESS,
    TCX_INGRESS,
    drop_by_tc,
    drop_by_tcx,
    drop_by_xdp,
)
from tests.netns.walk.prediction_stage import C6, PORT, B, C, Stage, cause_of
from tests.netns.walk.test_mending import ask, told

from glassbridge.kernel.bpf import programs_at
from glassbridge.model.cause import Cause
from glassbridge.model.report import Verdict

SHAPED = """ip link add ifb-a up type ifb
tc qdisc add dev to-a ingress
tc filter add dev to-a parent ffff: protocol all prio 1 \
u32 match u32 0 0 action mirred egress redirect dev ifb-a
tc qdisc add dev ifb-a root tbf rate 10mbit burst 32k latency 50ms
tc qdisc add dev to-a root tbf rate 10mbit burst 32k latency 50ms"""


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    made.listen("b")
    made.listen("c", C6)
    yield made
    made.close()


def xdp_at_a_port() -> None:
    drop_by_xdp("host", "to-a")


def xdp_of_the_kernel_in_the_target() -> None:
    drop_by_xdp("b", "eth0", is_generic=True)


def xdp_at_the_sender() -> None:
    """What is lost is the answer."""
    drop_by_xdp("a", "eth0")


def tc_as_it_leaves_by_a_port() -> None:
    drop_by_tc("host", "to-b", EGRESS)


def tc_at_a_bridge() -> None:
    drop_by_tc("host", "br0", INGRESS)


CULPRITS = {
    xdp_at_a_port: (Cause.XDP_DROP, "a eth0", "ip link set dev to-a xdp off", B),
    xdp_of_the_kernel_in_the_target: (
        Cause.XDP_DROP,
        "b eth0",
        "ip -n b link set dev eth0 xdpgeneric off",
        B,
    ),
    xdp_at_the_sender: (Cause.XDP_DROP, "a eth0", "ip -n a link set dev eth0 xdp off", B),
    tc_as_it_leaves_by_a_port: (
        Cause.TC_DROP,
        "host to-b",
        "tc filter del dev to-b egress pref 10",
        B,
    ),
    tc_at_a_bridge: (Cause.TC_DROP, "host br0", "tc filter del dev br0 ingress pref 10", C6),
}
"""What each is to be called, where the packet ends, what takes it off, and whom to ask."""


@pytest.mark.parametrize("put", CULPRITS, ids=lambda put: put.__name__)
def test_a_program_is_foreseen_blamed_and_taken_off(stage: Stage, put: Callable[[], None]) -> None:
    code, where, command, to = CULPRITS[put]
    if put is not xdp_at_a_port:  # strangers there: the question who has B is what is lost
        assert stage.pings("a", to)
    put()
    foretold = stage.predict("a", to)
    assert cause_of(foretold) == "INSUFFICIENT_INFO"
    assert "does not evaluate programs" in foretold.unknown
    assert "dropper" in foretold.unknown
    assert not stage.pings("a", to)
    report = ask(Breakage(code, "", to))
    cause = report.cause
    assert cause is not None, told(report)
    assert (cause.code, report.verdict) == (code, Verdict.DROPPED), told(report)
    assert f"{cause.where.name} {cause.where.ifname}" == where, told(report)
    assert cause.fix == (command,), told(report)
    subprocess.run(["sh", "-c", command], check=True)
    assert "dropper" not in stage.predict("a", to).unknown


def test_a_program_that_no_netlink_tells_of_is_seen(stage: Stage) -> None:
    try:
        drop_by_tcx("host", "to-a")
    except OSError:
        pytest.skip("tcx is new with Linux 6.6")
    gone, here = 999_999, if_nametoindex("to-a")
    assert [at for at, _ in programs_at(TCX_INGRESS, (gone, here))] == [here]
    assert "tc program (id" in stage.predict("a", B).unknown
    report = ask(Breakage(Cause.TC_DROP, "", B))
    assert report.cause is not None, told(report)
    assert report.cause.code is Cause.TC_DROP, told(report)
    assert "tcx_ingress dev to-a" in report.cause.fix[0]


def test_our_way_of_shaping_is_no_riddle(stage: Stage) -> None:
    """What goes into an ifb comes back; one that is down takes all away."""
    for line in SHAPED.splitlines():
        stage.run(line)
    assert cause_of(stage.predict("a", B)) == ""
    report = ask(Breakage(Cause.LINK_DOWN, "", B))
    assert (report.verdict, report.agrees) == (Verdict.DELIVERED, True), told(report)
    stage.run("ip link set ifb-a down")
    assert cause_of(stage.predict("a", B)) == "LINK_DOWN"
    assert not stage.pings("a", B)
    report = ask(Breakage(Cause.LINK_DOWN, "", B))
    assert (report.verdict, report.agrees) == (Verdict.DROPPED, True), told(report)
    assert report.cause is not None
    assert report.cause.fix == ("ip link set dev ifb-a up",)
    stage.run(report.cause.fix[0])
    assert stage.pings("a", B)


def test_a_filter_for_another_protocol_or_that_only_sorts_is_no_news(stage: Stage) -> None:
    stage.run("tc qdisc add dev to-a clsact")
    stage.run("tc filter add dev to-a ingress protocol ip u32 match u32 0 0 classid 1:1")
    assert cause_of(stage.predict("a", B)) == ""
    redirect = "u32 match u32 0 0 action mirred egress redirect dev to-b"
    stage.run(f"tc filter add dev to-a ingress protocol ipv6 {redirect}")
    assert cause_of(stage.predict("a", B, PORT)) == ""
    assert cause_of(stage.predict("a", C)) == ""
    assert "which leads into to-b" in stage.predict("a", C6).unknown
