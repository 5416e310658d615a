"""What our own firewall keeps apart, traced: the cause, the rule, and no command that opens it.

tests.netns.walk.test_mending_own has those that a command puts right.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from msgspec.structs import replace
from tests.netns.engine.seeing import run
from tests.netns.walk.matrix_stage import HOST, OUT, MatrixStage, batch, matrix_stage, told, wish

from glassbridge.model.cause import Cause
from glassbridge.model.packet import FlowWish, Transport
from glassbridge.model.report import TraceReport, Verdict

ICMP, TCP, UDP = Transport
ROUTER_ADVERTISEMENT, REDIRECT4 = 134, 5


@pytest.fixture(scope="module", params=[False, True], ids=["nf-call=0", "nf-call=1"])
def stage(request: pytest.FixtureRequest) -> Iterator[MatrixStage]:
    with matrix_stage(nf_call=request.param) as made:
        yield made


def dropped(
    stage: MatrixStage, asked: FlowWish, cause: Cause, *, is_seen: bool = True
) -> TraceReport:
    report = stage.trace(asked, silent=True)
    assert report.cause is not None, told(report)
    assert (report.verdict, report.cause.code) == (Verdict.DROPPED, cause), told(report)
    assert report.agrees is True, told(report)
    assert report.cause.rule is not None, told(report)
    assert report.cause.rule.table == "glassbridge"
    assert report.cause.where.name == HOST
    assert report.cause.fix_note
    if is_seen:
        assert (report.cause.reason, report.cause.function) == ("NETFILTER_DROP", "nft_do_chain")
    return report


def test_a_container_is_no_router(stage: MatrixStage) -> None:
    asked = wish("one", "two", ICMP, version=6)
    dropped(stage, replace(asked, icmp_type=ROUTER_ADVERTISEMENT), Cause.ROUTER_GUARD)
    assert stage.trace(asked, silent=False).verdict is Verdict.DELIVERED


def test_a_container_redirects_nobody(stage: MatrixStage) -> None:
    """Foretold alone: an ICMP error on its way looks like news of another packet."""
    asked = wish("one", "two", ICMP, version=4)
    dropped(stage, replace(asked, icmp_type=REDIRECT4), Cause.ROUTER_GUARD, is_seen=False)


def test_a_container_is_no_dhcp_server(stage: MatrixStage) -> None:
    asked = wish("one", "two", UDP, 68, version=4)
    dropped(stage, replace(asked, source_port=67), Cause.ROUTER_GUARD)


def test_the_host_s_loopback_is_its_own(stage: MatrixStage) -> None:
    """One that has made 127.0.0.7 a foreign address reaches the host's services with it."""
    batch(
        "route del local 127.0.0.0/8 dev lo table local\n"
        f"route add 127.0.0.7 via {stage.address('gateway of blue', 4)} dev eth0",
        "one",
    )
    run("ip", "netns", "exec", "one", "sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1")
    try:
        report = dropped(stage, wish("one", "127.0.0.7", TCP, 80), Cause.LOOPBACK_GUARD)
        assert report.cause is not None
        assert report.cause.fix == ()
        assert "listen on" in report.cause.fix_note
    finally:
        batch("route add local 127.0.0.0/8 dev lo table local\nroute del 127.0.0.7", "one")


@pytest.mark.parametrize("version", [4, 6])
def test_an_address_of_another(stage: MatrixStage, version: int) -> None:
    stolen = stage.address("both", version)
    prefix = 32 if version == 4 else 128
    batch(f"addr add {stolen}/{prefix} dev eth0{' nodad' if version == 6 else ''}", "one")
    try:
        asked = replace(
            wish("one", "two", TCP, 80, version), source_address=ip_address(stolen), version=version
        )
        report = stage.trace(asked, silent=True)
        assert report.cause is not None, told(report)
        assert report.cause.code is Cause.SOURCE_GUARD, told(report)
        assert report.agrees is True, told(report)
    finally:
        batch(f"addr del {stolen}/{prefix} dev eth0", "one")


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("source", "to", "port", "cause"),
    [
        (OUT, "two", 80, Cause.DIRECT_ROUTING),
        (OUT, "routed", 81, Cause.PORT_NOT_PUBLISHED),
        ("one", "three", 80, Cause.NETWORKS_APART),
        ("closed1", OUT, 80, Cause.INTERNAL_NETWORK),
        (OUT, "closed1", 80, Cause.INTERNAL_NETWORK),
    ],
)
def test_who_is_kept_apart(
    stage: MatrixStage, source: str, to: str, port: int, cause: Cause, version: int
) -> None:
    gateway = stage.address("gateway of closed", version)
    if source == "closed1":
        batch(f"route add {'0.0.0.0/0' if version == 4 else '::/0'} via {gateway}", source)
    address = stage.address(to, version)
    dropped(stage, wish(source, address, TCP, port, version), cause)
    if source == "closed1":
        batch(f"route del {'0.0.0.0/0' if version == 4 else '::/0'}", source)
