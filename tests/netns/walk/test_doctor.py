"""What doctor finds on real hosts: each breakage, its fix run as printed, and silence after."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.netns.walk.breakages import ALL
from tests.netns.walk.matrix_stage import matrix_stage
from tests.netns.walk.prediction_stage import A, B, Stage
from tests.netns.walk.test_mending_own import Lab

from glassbridge.engine.diagnosing import diagnose
from glassbridge.engine.snapshot_files import read_snapshot, write_snapshot
from glassbridge.engine.stored_survey import StoredSurvey
from glassbridge.engine.survey import Survey
from glassbridge.errors import NotFound
from glassbridge.model.cause import Cause
from glassbridge.model.finding import Diagnosis, Finding, FindingCode, Severity

PATH = FindingCode.PATH_BROKEN


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    yield made
    made.close()


@pytest.fixture
def lab(tmp_path: Path, make_netns: Callable[[str], str]) -> Iterator[Lab]:
    made = Lab(tmp_path, make_netns)
    try:
        yield made
    finally:
        if made.gb.daemon is not None:
            made.gb.run("down", "--force")


def examine(name: str = "") -> Diagnosis:
    return diagnose(Survey(), name)


def told(diagnosis: Diagnosis) -> str:
    return "\n".join(
        f"{f.severity} {f.code} {f.cause} {f.where.name} {f.where.ifname}: {f.sentence}\n"
        f"   {[(e.what, e.says) for e in f.evidence]}\n   {f.fix} {f.fix_note}\n   {f.breaks}"
        for f in diagnosis.findings
    )


def mend(finding: Finding) -> None:
    for command in finding.fix:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"


class Found(NamedTuple):
    """What a breakage is told as."""

    code: FindingCode
    cause: Cause | None = None
    breaks: str = ""
    """Lines of `where: command`; empty: those of breakages.py by that name."""
    severity: Severity = Severity.PROBLEM
    times: int = 1


BREAKAGES = {
    "firewalls: nft policy": Found(PATH, Cause.FIREWALL_POLICY),
    "firewalls: nft rule that drops everything": Found(PATH, Cause.FIREWALL_DROP),
    "firewalls: iptables-nft policy": Found(PATH, Cause.FIREWALL_POLICY),
    "firewalls: iptables-legacy policy": Found(PATH, Cause.FIREWALL_POLICY),
    "firewalls: br_netfilter and legacy iptables": Found(PATH, Cause.FIREWALL_DROP),
    "routes: no route at the router": Found(PATH, Cause.NO_ROUTE),
    "routes: unreachable": Found(FindingCode.ROUTE_SHADOWS_SUBNET),
    "routes: prohibit by a rule": Found(PATH, Cause.ROUTE_PROHIBIT),
    "routes: forwarding off": Found(PATH, Cause.IP_FORWARD_OFF),
    "routes: forwarding off on one link": Found(PATH, Cause.IP_FORWARD_OFF),
    "routes: rp_filter": Found(FindingCode.ROUTE_SHADOWS_SUBNET),
    "routes: nobody is the gateway": Found(PATH, Cause.WRONG_GATEWAY),
    "routes: a gateway that does not route": Found(PATH, Cause.WRONG_GATEWAY),
    "routes: silent owner": Found(PATH, Cause.NEIGHBOUR_UNANSWERED),
    "switches: wrong neighbour": Found(FindingCode.STALE_NEIGHBOUR),
    "switches: wrong neighbour at the router": Found(FindingCode.STALE_NEIGHBOUR),
    "switches: locked port": Found(PATH, Cause.PORT_LOCKED),
    "switches: broadcast flooding off": Found(PATH, Cause.FLOOD_OFF),
    "switches: port down": Found(FindingCode.LINK_DOWN),
    "switches: own link down": Found(FindingCode.LINK_DOWN),
    "switches: bridge down": Found(FindingCode.LINK_DOWN),
    "sizes: bridge port": Found(FindingCode.MTU_UNEQUAL),
    "sizes: other end of a cable": Found(FindingCode.MTU_UNEQUAL),
    "an uplink that takes less": Found(
        FindingCode.MTU_ABOVE_UPLINK,
        breaks="host: ip link set uplink mtu 1400\nd: ip link set eth0 mtu 1400",
        severity=Severity.WARNING,
        times=2,  # each bridge
    ),
    "the route of a VPN": Found(
        FindingCode.ROUTE_SHADOWS_SUBNET,
        breaks="host: ip link add vpn0 type veth peer name vpn1\nhost: ip link set vpn1 up\n"
        "host: ip link set vpn0 up\nhost: ip route add 10.77.0.0/25 dev vpn0",
    ),
    "an address in two places": Found(
        FindingCode.DUPLICATE_ADDRESS, breaks=f"b: ip addr add {A}/24 dev eth0"
    ),
    "the host has it as well": Found(
        FindingCode.DUPLICATE_ADDRESS, breaks=f"host: ip addr add {A}/32 dev lo"
    ),
    "a MAC on two links": Found(
        FindingCode.DUPLICATE_MAC,
        breaks="a: ip link set eth0 address 02:00:00:00:00:77\n"
        "b: ip link set eth0 address 02:00:00:00:00:77",
    ),
}


def break_it(stage: Stage, name: str) -> None:
    lines = BREAKAGES[name].breaks if name in BREAKAGES else ""
    for line in (lines or ALL[name].breaks).splitlines():
        where, _, command = line.partition(": ")
        stage.run(command + "\n", where)


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_breakage_is_told_once_and_mended(stage: Stage, name: str) -> None:
    expected = BREAKAGES[name]
    break_it(stage, name)
    found = examine()
    assert [(f.code, f.cause, f.severity) for f in found.findings] == [
        (expected.code, expected.cause, expected.severity)
    ] * expected.times, told(found)
    for finding in found.findings:
        assert finding.sentence
        assert finding.evidence
        mend(finding)
    again = examine()
    assert not again.findings, told(again)


@pytest.mark.parametrize(
    "name",
    [
        "sockets: nobody listens",
        "sockets: listens on loopback",
        "sockets: told not to answer ping",
        "firewalls: nft rule in the target",
        "firewalls: nft policy in the target",
        "firewalls: nft rule in the sender",
        "switches: isolated ports",
        "routes: ttl",
    ],
)
def test_what_somebody_may_have_meant_is_no_finding(stage: Stage, name: str) -> None:
    break_it(stage, name)
    found = examine()
    assert not found.findings, told(found)


def test_a_healthy_host_gives_nothing(stage: Stage) -> None:
    found = examine()
    assert not found.findings, told(found)
    assert found.looked_at == "2 bridges, 4 namespaces, 13 paths"
    assert stage.pings("a", B)
    again = examine()
    assert not again.findings, told(again)


@pytest.mark.usefixtures("make_netns")
def test_a_host_with_nothing_gives_nothing() -> None:
    found = examine()
    assert not found.findings
    assert found.looked_at == "0 bridges, 0 namespaces, 0 paths"


def test_br_netfilter_alone(stage: Stage) -> None:
    """A policy that routed packets do not meet: there is no way out in IPv6."""
    break_it(stage, "firewalls: iptables-legacy policy, IPv6")
    stage.run("sysctl -qw net.bridge.bridge-nf-call-ip6tables=1")
    (finding,) = examine().findings
    assert (finding.code, finding.cause) == (PATH, Cause.BRIDGE_NETFILTER)
    assert finding.breaks == ("a to b (IPv6)", "b to a (IPv6)")
    mend(finding)
    assert not examine().findings


def test_a_name_narrows(stage: Stage) -> None:
    break_it(stage, "switches: port down")  # of b
    assert examine("b").findings
    assert examine("br0").findings
    assert examine("a").findings, "a does not reach b"
    for other in ("c", "br1"):
        found = examine(other)
        assert not found.findings, told(found)
    assert [p for p in examine("c").looked_at.split(", ") if "path" in p] == ["3 paths"]
    with pytest.raises(NotFound):
        examine("nobody")


def test_a_snapshot_says_the_same(stage: Stage, tmp_path: Path) -> None:
    for name in ("routes: forwarding off", "switches: wrong neighbour", "the route of a VPN"):
        break_it(stage, name)
    survey = Survey()
    live = diagnose(survey)
    path = str(tmp_path / "state.json.gz")
    write_snapshot(survey.snapshot, path)
    stored = diagnose(StoredSurvey(read_snapshot(path)), recorded=path)
    assert len(live.findings) == 3, told(live)
    assert stored.findings == live.findings
    assert stored.looked_at == live.looked_at


@pytest.mark.parametrize("nf_call", [False, True])
def test_every_kind_of_network_of_ours_is_healthy(nf_call: bool) -> None:
    """IPv6, routed, internal, icc off, published ports; and with our daemon away."""
    with matrix_stage(nf_call=nf_call) as stage:
        known, networks = stage._known  # noqa: SLF001 - what the daemon would say
        for survey in (Survey(known, networks), Survey()):
            found = diagnose(survey)
            assert not found.findings, told(found)
            assert not found.unexamined
        subprocess.run(["sysctl", "-qw", "net.ipv4.ip_forward=0"], check=True)
        (finding,) = diagnose(Survey(known, networks)).findings
        assert "the outside to port 8080/tcp of two" in finding.breaks
        assert not {"closed1", "closed2"} & set(finding.concerns), "they have no way out anyhow"


def doctor(lab: Lab, *words: str) -> tuple[int, Any]:
    done = lab.gb.run("doctor", "--json", *words)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_our_rules_are_missing_and_up_brings_them_back(lab: Lab) -> None:
    lab.outside()
    lab.attach("one", "-p", "8080:80")
    lab.attach("two")
    silent = lab.gb.run("doctor")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    lab.gb.end()
    for family in ("inet", "bridge"):
        subprocess.run(["nft", "delete", "table", family, "glassbridge"], check=True)
    code, answer = doctor(lab)
    assert code == 1
    (finding,) = answer["findings"]
    assert finding["code"] == "RULES_MISSING"
    lab.mend({"cause": finding})
    assert doctor(lab)[0] == 0


def test_warnings_alone_have_an_exit_code_of_their_own(lab: Lab, tmp_path: Path) -> None:
    lab.outside()
    lab.attach("one")
    subprocess.run(shlex.split("ip link set up0 mtu 1300"), check=True)
    shown = lab.gb.run("doctor")
    assert shown.returncode == 2
    assert shown.stdout.startswith("WARNING containers of network bridge (gb0) send packets")
    state = str(tmp_path / "sick.json")
    lab.gb("snapshot", "-o", state)
    stored = lab.gb.run("doctor", "--state", state)
    assert stored.returncode == 2
    assert stored.stdout.startswith("from a recording, not from this host:")
    assert stored.stdout.partition("\n\n")[2] == shown.stdout
    assert lab.gb.run("doctor", "nobody").returncode == 4
    code, answer = doctor(lab, "one")
    assert (code, answer["schema"]) == (2, "doctor/1")
    lab.mend({"cause": answer["findings"][0]})
    assert doctor(lab)[0] == 0
