"""Each check of doctor on hosts made by hand: one thing broken, one finding; else none."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec.structs import replace
from tests.unit.test_wiring import hosts
from tests.unit.walk.any_value import any_value
from tests.unit.walk.test_walk_screen import SLOW, check_golden
from tests.unit.walk.topologies import (
    HOST,
    World,
    br_netfilter,
    forwarding,
    two_containers,
    two_networks,
    with_outside,
    with_uplink,
)

from glassbridge.app.cli.columns import SCREEN, columns
from glassbridge.app.cli.doctor_screen import doctor_screen
from glassbridge.app.cli.main import run_command_line
from glassbridge.engine.diagnosing import diagnose
from glassbridge.engine.snapshot_files import write_snapshot
from glassbridge.engine.stored_survey import StoredSurvey
from glassbridge.model.address import to_json
from glassbridge.model.cause import Cause
from glassbridge.model.finding import Diagnosis, FindingCode, Severity
from glassbridge.model.kernel_names import LINK_GROUP, NFT_TABLE
from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import (
    Compare,
    Decide,
    ListedChain,
    ListedHook,
    ListedRule,
    ListedSet,
    ListedTable,
    MapElement,
    Origin,
    Plain,
    Ruleset,
    Together,
    Translate,
    Verdict,
)
from glassbridge.model.snapshot import Published, Snapshot
from glassbridge.model.tables import ListeningSocket, NeighbourState, SocketProtocol

ROOT = Path(__file__).parents[3]
PATH = FindingCode.PATH_BROKEN


def masquerading(*chains: ListedChain) -> Ruleset:
    """What an engine has, as far as a way out needs it."""
    post = ListedChain(
        name="post",
        hook=ListedHook(type="nat", hook="postrouting", priority=100),
        rules=(
            ListedRule(
                matches=(Compare(fields=("meta oifname",), values=(Plain("uplink0"),)),),
                statements=(Translate(kind="masquerade"),),
            ),
        ),
    )
    nat = ListedTable(family="ip", name="nat", chains=(post,))
    filters = ListedTable(family="ip", name="fw", chains=chains)
    return Ruleset(tables=(nat, filters) if chains else (nat,))


def dropping(hook: str = "forward") -> ListedChain:
    return ListedChain(
        name=hook,
        hook=ListedHook(type="filter", hook=hook, priority=0, policy=Verdict.DROP),
    )


def healthy() -> World:
    """Two networks, three containers, a way out, and addresses hidden behind the host's own."""
    world = with_uplink(two_networks())
    world.boxes[HOST].ruleset = masquerading()
    return world


def seen(world: World, **attributes: Any) -> Snapshot:
    """With a door into each namespace, so that commands can be given."""
    snapshot = world.snapshot(**attributes)
    doors = {
        cookie: replace(n, stack=replace(n.stack, netns=_door(n.stack.netns, snapshot)))
        for cookie, n in snapshot.namespaces.items()
    }
    return replace(snapshot, namespaces=doors)


def _door(netns: Any, snapshot: Snapshot) -> Any:
    return replace(netns, paths=(f"/run/netns/{snapshot.call(netns.cookie)}",))


def examine(world: World, name: str = "", **attributes: Any) -> Diagnosis:
    return diagnose(StoredSurvey(seen(world, **attributes)), name)


def codes(diagnosis: Diagnosis) -> list[tuple[FindingCode, Cause | None]]:
    return [(f.code, f.cause) for f in diagnosis.findings]


def test_nothing_is_wrong() -> None:
    for world in (two_containers(), two_containers(ipv6=True), two_networks(), healthy()):
        assert not examine(world).findings
    assert examine(healthy()).looked_at == "2 bridges, 3 namespaces, 8 paths"
    assert not examine(World(boxes={HOST: World().netns(HOST)})).findings


Break = Callable[[World], object]


def host_of(world: World) -> Any:
    return world.boxes[HOST]


def _forwarding_off(world: World) -> None:
    forwarding(host_of(world), on=False)


def _forward_drops(world: World) -> None:
    host_of(world).ruleset = masquerading(dropping())


def _br_netfilter(world: World) -> None:
    """Routed packets are let through, bridged ones forgotten."""
    chain = replace(
        dropping(),
        rules=(
            ListedRule(
                matches=(Compare(fields=("meta oifname",), values=(Plain("uplink0"),)),),
                statements=(Decide(verdict=Verdict.ACCEPT),),
            ),
        ),
    )
    br_netfilter(host_of(world))
    host_of(world).ruleset = masquerading(chain)


def _overlap(world: World) -> None:
    host_of(world).link("lan0")
    host_of(world).address("lan0", "172.17.8.1/24")


def _vpn(world: World) -> None:
    host_of(world).link("tun0")
    host_of(world).address("tun0", "10.8.0.2/32")
    host_of(world).route("172.17.0.0/24", dev="tun0")


def _narrow_uplink(world: World) -> None:
    host_of(world).change("uplink0", mtu=1400)


def _many_ports(world: World) -> None:
    for n in range(930):
        host_of(world).link(f"tap{n}", kind="tun")
        world.enslave(host_of(world), "gb0", f"tap{n}")


def _many_neighbours(world: World) -> None:
    host_of(world).sysctl("net.ipv4.neigh.default.gc_thresh3", 1024)
    for n in range(1000):
        address = str(ip_address("192.0.2.20") + 0) if n == 0 else str(ip_address(0x0A000000 + n))
        host_of(world).knows("uplink0", address, "02:00:00:00:ff:01")


def _many_connections(world: World) -> None:
    host_of(world).sysctl("net.netfilter.nf_conntrack_max", 1000)
    host_of(world).sysctl("net.netfilter.nf_conntrack_count", 950)


def _stale_neighbour(world: World) -> None:
    world.boxes["nginx-1"].knows(
        "eth0", "172.17.0.3", "02:00:00:00:00:99", NeighbourState.PERMANENT
    )


def _two_places(world: World) -> None:
    world.boxes["nginx-2"].address("eth0", "172.17.0.2/16")


def _same_mac(world: World) -> None:
    mac = world.boxes["nginx-1"].find("eth0").mac
    world.boxes["nginx-2"].change("eth0", mac=mac)


def _link_down(world: World) -> None:
    world.boxes["nginx-2"].change("eth0", flags=0)


def _cable(world: World) -> None:
    world.boxes["nginx-2"].change("eth0", mtu=1400)


def _rules_gone(world: World) -> None:
    host_of(world).change("gb0", group=LINK_GROUP)


def _asking_for_names(world: World, *bridges: str) -> None:
    """Our rules for names; of the rest of our table nothing is needed here."""
    keys = (("172.17.0.1", b, p, "53") for b in bridges for p in ("udp", "tcp"))
    elements = tuple(
        MapElement(Together(tuple(map(Plain, key))), address=ip_address("172.17.0.1"), port=20053)
        for key in keys
    )
    maps = (ListedSet(name="names4", elements=elements, is_map=True),)
    ours = ListedTable(family="inet", name=NFT_TABLE, sets=maps)
    host = host_of(world)
    host.ruleset = replace(host.ruleset, tables=(*host.ruleset.tables, ours))


def _daemon_away(world: World) -> None:
    _asking_for_names(world, "gb0")


def _no_masquerade(world: World) -> None:
    host_of(world).ruleset = Ruleset()
    world.networks.clear()


def _half_understood(world: World) -> None:
    rules = masquerading()
    told = ("iptables-legacy-save is not installed: rules of iptables-legacy are not understood",)
    host_of(world).ruleset = replace(rules, complaints=told)


BREAKAGES: dict[str, tuple[Break, list[tuple[FindingCode, Cause | None]], Severity, str]] = {
    "forwarding off": (
        _forwarding_off, [(PATH, Cause.IP_FORWARD_OFF)], Severity.PROBLEM,
        "sysctl -w net.ipv4.ip_forward=1",
    ),
    "FORWARD drops": (
        _forward_drops, [(PATH, Cause.FIREWALL_POLICY)], Severity.PROBLEM,
        "nft 'add rule ip fw forward iifname \"gb0\" accept'",
    ),
    "br_netfilter": (
        _br_netfilter, [(PATH, Cause.BRIDGE_NETFILTER)], Severity.PROBLEM,
        "nft 'add rule ip fw forward iifname \"gb0\" oifname \"gb0\" accept'",
    ),
    "overlapping subnets": (
        _overlap, [(FindingCode.SUBNETS_OVERLAP, None)], Severity.PROBLEM, "",
    ),
    "the route of a VPN": (
        _vpn, [(FindingCode.ROUTE_SHADOWS_SUBNET, None)], Severity.PROBLEM,
        "ip route del 172.17.0.0/24 dev tun0",
    ),
    "an uplink that takes less": (
        _narrow_uplink, [(FindingCode.MTU_ABOVE_UPLINK, None)] * 2, Severity.WARNING,
        "ip -n nginx-1 link set dev eth0 mtu 1400",
    ),
    "a bridge that is nearly full": (
        _many_ports, [(FindingCode.BRIDGE_NEARLY_FULL, None)], Severity.WARNING, "",
    ),
    "many neighbours": (
        _many_neighbours, [(FindingCode.NEIGHBOURS_NEARLY_FULL, None)], Severity.WARNING,
        "sysctl -w net.ipv4.neigh.default.gc_thresh3=4096",
    ),
    "many connections": (
        _many_connections, [(FindingCode.CONNECTIONS_NEARLY_FULL, None)], Severity.WARNING,
        "sysctl -w net.netfilter.nf_conntrack_max=2000",
    ),
    "a stale neighbour": (
        _stale_neighbour, [(FindingCode.STALE_NEIGHBOUR, None)], Severity.PROBLEM,
        "ip -n nginx-1 neigh del 172.17.0.3 dev eth0",
    ),
    "an address in two places": (
        _two_places, [(FindingCode.DUPLICATE_ADDRESS, None)], Severity.PROBLEM,
        "ip -n nginx-2 address del 172.17.0.2/16 dev eth0",
    ),
    "a MAC on two links": (
        _same_mac, [(FindingCode.DUPLICATE_MAC, None)], Severity.PROBLEM,
        "ip -n nginx-2 link set dev eth0 address 02:42:ac:11:00:03",
    ),
    "a link that is down": (
        _link_down, [(FindingCode.LINK_DOWN, None)], Severity.PROBLEM,
        "ip -n nginx-2 link set dev eth0 up",
    ),
    "a cable of unequal ends": (
        _cable, [(FindingCode.MTU_UNEQUAL, None)], Severity.PROBLEM,
        "ip -n nginx-2 link set dev eth0 mtu 1500",
    ),
    "our rules are not there": (
        _rules_gone, [(FindingCode.RULES_MISSING, None)], Severity.PROBLEM, "glassbridge up",
    ),
    "nobody answers names": (
        _daemon_away, [(FindingCode.NAMES_UNANSWERED, None)], Severity.PROBLEM, "glassbridge up",
    ),
    "nobody hides private addresses": (
        _no_masquerade, [(PATH, Cause.NO_MASQUERADE)] * 2, Severity.WARNING,
        "nft 'add table ip to_outside'",
    ),
    "rules that are not understood": (
        _half_understood, [(FindingCode.UNREADABLE, None)], Severity.WARNING, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_state_is_told_once(name: str) -> None:
    breaks, expected, severity, fix = BREAKAGES[name]
    world = healthy()
    breaks(world)
    found = examine(world)
    assert codes(found) == expected
    for finding in found.findings:
        assert finding.severity is severity
        assert finding.evidence
        assert finding.fix or finding.fix_note
        if fix:
            assert finding.fix
    if fix:
        assert found.findings[0].fix[0] == fix


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_finding_reads_as_it_should(name: str) -> None:
    world = healthy()
    BREAKAGES[name][0](world)
    check_golden(f"../doctor/{name.replace(' ', '_').lower()}", doctor_screen(examine(world)))


def published(world: World) -> Snapshot:
    """nginx-1 on the host's port 8080."""
    port = Published(
        host_address=ip_address("0.0.0.0"),
        host_port=8080,
        transport=Transport.TCP,
        container_address=ip_address("172.17.0.2"),
        container_port=80,
        origin=Origin.DOCKER,
        name="nginx-1",
    )
    return seen(world, published=(port,))


def led_to(address: str, priority: int = -100) -> ListedTable:
    rule = ListedRule(
        handle=7,
        matches=(Compare(fields=("tcp dport",), values=(Plain("8080"),)),),
        statements=(Translate(kind="dnat", address=ip_address(address), port=80),),
        text="tcp dport 8080 dnat",
    )
    hook = ListedHook(type="nat", hook="prerouting", priority=priority)
    return ListedTable(
        family="ip",
        name=f"to{priority}",
        chains=(ListedChain(name="pre", hook=hook, rules=(rule,)),),
    )


def with_tables(world: World, *tables: ListedTable) -> World:
    host_of(world).ruleset = Ruleset(tables=(*masquerading().tables, *tables))
    return world


def test_a_published_port_that_is_led_to_its_container() -> None:
    world = with_tables(healthy(), led_to("172.17.0.2"))
    found = diagnose(StoredSurvey(published(world)))
    assert not found.findings
    assert found.looked_at.endswith("9 paths")


def test_a_published_port_that_another_table_takes_first() -> None:
    world = with_tables(healthy(), led_to("172.17.0.2"), led_to("172.18.0.2", -150))
    (finding,) = diagnose(StoredSurvey(published(world))).findings
    assert finding.code is FindingCode.PORT_SHADOWED
    assert finding.fix == ("nft delete rule ip to-150 pre handle 7",)
    assert finding.concerns == ("nginx-1",)


def test_a_published_port_that_no_rule_leads_anywhere() -> None:
    world = healthy()
    (finding,) = diagnose(StoredSurvey(published(world))).findings
    assert finding.code is FindingCode.RULES_MISSING
    assert finding.fix == ("systemctl restart docker",)
    host_of(world).listens(8080)
    assert not diagnose(StoredSurvey(published(world))).findings, "docker-proxy serves it"


def test_two_ways_out_and_a_strict_filter() -> None:
    world = with_tables(healthy(), led_to("172.17.0.2"))
    host = host_of(world)
    host.link("uplink1")
    host.address("uplink1", "198.51.100.2/24")
    host.route("default", via="198.51.100.1", dev="uplink1", metric=100)
    host.sysctl("net/ipv4/conf/uplink1/rp_filter", 1)
    (finding,) = diagnose(StoredSurvey(published(world))).findings
    assert finding.code is FindingCode.RP_FILTER
    assert finding.severity is Severity.WARNING
    assert finding.fix == ("sysctl -w net/ipv4/conf/uplink1/rp_filter=2",)
    host.rule(4, 100, source=ip_network("198.51.100.2"), table=7)
    assert not diagnose(StoredSurvey(published(world))).findings, "another table knows the way"


@pytest.mark.parametrize("change", [{"internal": True}, {"icc": False}])
def test_what_an_engine_closes_is_no_finding(change: dict[str, bool]) -> None:
    world = healthy()
    world.networks[0] = replace(world.networks[0], **change)
    chains = [dropping()] if change.get("internal") else []
    if chains:
        del world.boxes["db"].routes[-1]  # and it is on a network without a way out
        world.networks[1] = replace(world.networks[1], internal=True)
    host_of(world).ruleset = masquerading(*chains)
    for port in ("veth-nginx-1", "veth-nginx-2"):
        host_of(world).change(port, isolated=not change.get("icc", True))
    assert not examine(world).findings


def test_one_that_an_engine_left_without_a_default_route() -> None:
    world = healthy()
    del world.boxes["nginx-1"].routes[-1]
    (finding,) = examine(world).findings
    assert (finding.code, finding.cause) == (PATH, Cause.NO_ROUTE)
    assert finding.fix == ("ip -n nginx-1 route add default via 172.17.0.1 dev eth0",)


def test_a_gateway_outside_that_was_read_tells_whether_answers_find_back() -> None:
    world = with_outside(two_networks())
    assert codes(examine(world)) == [(PATH, Cause.NO_MASQUERADE)] * 2
    world.boxes["outside"].route("172.16.0.0/12", via="192.0.2.10")
    assert not examine(world).findings


def test_a_router_without_a_way_out_must_forward_between_its_networks() -> None:
    world = two_networks()
    _forwarding_off(world)
    (finding,) = examine(world).findings
    assert (finding.code, finding.cause) == (PATH, Cause.IP_FORWARD_OFF)
    assert finding.fix == ("sysctl -w net.ipv4.ip_forward=1",)
    assert finding.breaks == ("nginx-1 to db",)
    alone = two_containers()
    _forwarding_off(alone)
    assert not examine(alone).findings


def test_one_cause_is_told_with_all_that_it_breaks() -> None:
    world = healthy()
    _forwarding_off(world)
    (finding,) = examine(world).findings
    assert finding.breaks == tuple(f"{n} to the outside" for n in ("nginx-1", "nginx-2", "db"))
    assert finding.sentence.startswith("nginx-1 to the outside and 2 paths more: host does not")
    assert finding.concerns == ("nginx-1", "nginx-2", "db")


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("nginx-2", 1),
        ("nginx-1", 1),
        ("default", 1),
        ("gb0", 1),
        ("db", 0),
        ("back", 0),
        ("gb1", 0),
    ],
)
def test_a_name_narrows(name: str, count: int) -> None:
    world = healthy()
    _link_down(world)
    found = examine(world, name)
    assert len(found.findings) == count
    assert found.looked_at != examine(world).looked_at


def test_what_could_not_be_read_is_a_note() -> None:
    found = examine(healthy(), unreadable=("web of another: permission denied",))
    assert not found.findings
    assert found.unexamined == ("web of another: permission denied",)
    assert "not examined: web of another" in doctor_screen(found)


def test_namespaces_that_no_cable_joins_are_somebody_else_s() -> None:
    world = healthy()
    stranger = world.netns("lab")
    stranger.bridge("br9", "172.17.0.1/16", flags=0)
    world.plug(stranger, "br9", world.netns("in-lab"), "172.17.0.2/16")
    found = examine(world)
    assert not found.findings
    assert found.looked_at == "2 bridges, 3 namespaces, 8 paths"


def test_a_namespace_without_a_door_gets_a_note() -> None:
    world = healthy()
    _link_down(world)
    (finding,) = diagnose(StoredSurvey(world.snapshot())).findings
    assert not finding.fix
    assert "nginx-2, which no path or process opens" in finding.fix_note


# -- any host


@SLOW
@given(hosts(most=12))
def test_no_host_is_too_much(snapshot: Snapshot) -> None:
    found = diagnose(StoredSurvey(replace(snapshot, is_whole=True)))
    for line in doctor_screen(found).split("\n"):
        assert columns(line) <= SCREEN
    Draft202012Validator(SCHEMA).validate(json.loads(to_json(found)))


@SLOW
@given(
    breaks=st.lists(st.sampled_from(sorted(BREAKAGES)), min_size=1, max_size=4, unique=True),
    drop=st.sampled_from(["", HOST, "nginx-1", "db"]),
)
def test_several_at_once(breaks: list[str], drop: str) -> None:
    """Also where a namespace could not be read; the host always is."""
    world = healthy()
    for name in breaks:
        BREAKAGES[name][0](world)
    snapshot = seen(world)
    gone = next((b.cookie for b in world.boxes.values() if b.name == drop != HOST), None)
    kept = {c: n for c, n in snapshot.namespaces.items() if c != gone}
    found = diagnose(StoredSurvey(replace(snapshot, namespaces=kept)))
    assert all(f.evidence and (f.fix or f.fix_note) for f in found.findings)


@SLOW
@given(any_value(Diagnosis))
def test_any_answer_fits_the_screen(diagnosis: Diagnosis) -> None:
    short = replace(diagnosis, findings=tuple(replace(f, fix=()) for f in diagnosis.findings))
    for line in doctor_screen(short).split("\n"):
        assert columns(line) <= SCREEN
        assert all(map(str.isprintable, line))


# -- the command

SCHEMA = json.loads((ROOT / "docs" / "doctor.schema.json").read_text())


@pytest.mark.parametrize(
    ("name", "code"), [("", 0), ("forwarding off", 1), ("an uplink that takes less", 2)]
)
def test_the_exit_code_is_the_answer(
    name: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = healthy()
    if name:
        BREAKAGES[name][0](world)
    path = str(tmp_path / "state.json")
    write_snapshot(seen(world), path)
    assert run_command_line(["doctor", "--state", path]) == code
    shown = capsys.readouterr()
    assert bool(shown.out) is bool(name)
    assert shown.err == ""
    assert run_command_line(["doctor", "--state", path, "--json"]) == code
    answer = json.loads(capsys.readouterr().out)
    Draft202012Validator(SCHEMA).validate(answer)
    assert path in answer["recorded"]
    assert run_command_line(["doctor", "nobody", "--state", path]) == 4
    assert capsys.readouterr().out == ""


def test_on_a_terminal_silence_says_what_was_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "state.json")
    write_snapshot(seen(healthy()), path)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert run_command_line(["doctor", "--state", path]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "nothing found; looked at 2 bridges, 3 namespaces, 8 paths" in shown.err


def test_names_are_answered_where_both_sockets_are() -> None:
    world = healthy()
    _asking_for_names(world, "gb0", "gone0")
    at = ip_address("172.17.0.1")
    sockets = [
        ListeningSocket(protocol=protocol, address=at, port=20053) for protocol in SocketProtocol
    ]
    for held in ([], sockets[:1], sockets[1:]):
        host_of(world).sockets[:] = held
        (finding,) = examine(world, "gb0").findings
        assert finding.sentence.startswith("names do not resolve on gb0: ")
        assert len(finding.evidence) == 2 - len(held)
        assert "gone0" not in str(finding)
    host_of(world).sockets[:] = sockets
    assert not examine(world).findings
