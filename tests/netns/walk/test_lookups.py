"""The kernel's answers, as `ip route get`, `ip neigh get` and `bridge fdb get` print them."""

import json
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from tests.netns.walk.witness_stage import B6, C6, A, B, C, Stage, run

from glassbridge.kernel.lookups import find_mac, find_port, find_way, look_up
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.model.address import Mac
from glassbridge.model.observation import FdbLookup, NeighbourLookup, RouteLookup
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.step_details import (
    Crossed,
    Detail,
    NeighbourFound,
    Place,
    PortEntered,
    RouteChosen,
    Switched,
)
from glassbridge.model.tables import Ifindex
from glassbridge.model.walk import Action, Disposition, Step, Walk


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    yield made
    made.close()


def packet(source: str, destination: str, **more: Any) -> Packet:
    return Packet(
        transport=Transport.UDP,
        source=ip_address(source),
        destination=ip_address(destination),
        source_port=4000,
        destination_port=53,
        **more,
    )


def told(command: str, netns: str = "") -> Any:
    found = json.loads(run(command, netns))
    return found[0] if isinstance(found, list) else found


def index_of(link: str, netns: str = "") -> int:
    index: int = told(f"ip -j link show {link}", netns)["ifindex"]
    return index


@pytest.mark.parametrize("destination", [B, C, B6, C6, A, "127.0.0.9", "255.255.255.255"])
def test_a_route_of_ones_own(stage: Stage, destination: str) -> None:
    with RouteSocket(stage.fds["a"]) as route:
        found = find_way(route, packet("::", destination), cookie=1, has_source=False).route
    got = told(f"ip -j -d route get {destination}", "a")
    entry = told(f"ip -j -d route get fibmatch {destination}", "a")
    assert found is not None
    assert found.oif == index_of(got["dev"], "a")
    assert found.gateway == (ip_address(got["gateway"]) if "gateway" in got else None)
    assert str(found.source) == got.get("prefsrc", "None")
    assert found.type == got["type"]
    prefix = "0.0.0.0/0" if entry["dst"] == "default" else entry["dst"]
    if ":" in destination and entry["dst"] == "default":
        prefix = "::/0"
    assert found.destination == ip_network(prefix)


def test_a_route_for_what_comes_in(stage: Stage) -> None:
    came = Ifindex(index_of("br0"))
    with RouteSocket(stage.fds["host"]) as route:
        for source, destination in ((A, C), ("fd77::2", C6)):
            asked = find_way(route, packet(source, destination), cookie=1, iif=came)
            got = told(f"ip -j route get {destination} from {source} iif br0")
            assert asked.iif == came
            assert asked.route is not None
            assert asked.route.oif == index_of(got["dev"]) == index_of("br1")


def test_marks_ports_and_rules_count(stage: Stage) -> None:
    run(
        "ip route add 192.0.2.0/24 dev eth0 table 77;"
        "ip rule add fwmark 5 table 77;"
        "ip rule add ipproto udp dport 53 to 198.51.100.0/24 table 77;"
        "ip route add 198.51.100.0/24 dev eth0 table 77",
        "a",
    )
    with RouteSocket(stage.fds["a"]) as route:
        marked = find_way(route, packet(A, "192.0.2.1", mark=5), cookie=1)
        plain = find_way(route, packet(A, "192.0.2.1"), cookie=1)
        by_port = find_way(route, packet(A, "198.51.100.1"), cookie=1)
    assert [found.route and found.route.table for found in (marked, plain, by_port)] == [
        77,
        254,
        77,
    ]


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        ("ip route add blackhole 192.0.2.0/24", "EINVAL"),
        ("ip route add unreachable 192.0.2.0/24", "EHOSTUNREACH"),
        ("ip route add prohibit 192.0.2.0/24", "EACCES"),
        ("ip route del default", "ENETUNREACH"),
    ],
)
def test_a_refusal_is_named(stage: Stage, command: str, refusal: str) -> None:
    run(command, "a")
    with RouteSocket(stage.fds["a"]) as route:
        asked = find_way(route, packet(A, "192.0.2.1"), cookie=1)
    assert (asked.route, asked.refusal) == (None, refusal)


def test_forwarding_switched_off(stage: Stage) -> None:
    run("sysctl -qw net.ipv4.ip_forward=0")
    with RouteSocket(stage.fds["host"]) as route:
        asked = find_way(route, packet(A, C), cookie=1, iif=Ifindex(index_of("br0")))
    assert (asked.route, asked.refusal) == (None, "EHOSTUNREACH")


def test_one_of_several_ways(stage: Stage) -> None:
    run("ip route add 192.0.2.0/24 nexthop via 10.77.0.1 nexthop via 10.77.0.254", "a")
    with RouteSocket(stage.fds["a"]) as route:
        asked = find_way(route, packet(A, "192.0.2.1"), cookie=1)
    assert asked.route is not None
    assert asked.route.destination == ip_network("192.0.2.0/24")
    assert str(asked.route.gateway) in ("10.77.0.1", "10.77.0.254")
    assert asked.route.next_hops == ()


def test_a_neighbour(stage: Stage) -> None:
    eth0 = Ifindex(index_of("eth0", "a"))
    with RouteSocket(stage.fds["a"]) as route:

        def find(address: str) -> NeighbourLookup:
            return find_mac(route, cookie=1, ifindex=eth0, address=ip_address(address))

        assert (find(B).mac, find(B).state) == (None, "")
        run(f"ping -c 1 -W 2 {B}; ip neigh replace fd77::9 lladdr 02:00:00:00:00:09 dev eth0", "a")
        for address in (B, "fd77::9"):
            got = run(f"ip neigh get {address} dev eth0", "a").split()  # knows no -json
            assert find(address).mac == got[got.index("lladdr") + 1]
            assert find(address).state == got[-1].lower()


def test_an_fdb_entry(stage: Stage) -> None:
    run(f"ping -c 1 -W 2 {B}", "a")
    br0 = Ifindex(index_of("br0"))
    mac = Mac(told("ip -j link show eth0", "b")["address"])
    own = Mac(told("ip -j link show br0")["address"])
    with RouteSocket(stage.fds["host"]) as route:
        assert find_port(route, cookie=1, bridge=br0, mac=mac).port == index_of("port-b")
        got = told(f"bridge -j fdb get {mac} br br0")
        assert index_of(got["ifname"]) == index_of("port-b")
        # a bridge whose MAC is a port's has it behind that port
        assert find_port(route, cookie=1, bridge=br0, mac=own).port is not None
        unknown = Mac("02:00:00:00:00:77")
        assert find_port(route, cookie=1, bridge=br0, mac=unknown).port is None


def test_each_step_of_a_walk_is_asked_about(stage: Stage) -> None:
    run(f"ping -c 1 -W 2 {C}", "a")
    host, a = (Place(cookie=stage.cookie(n), name=n) for n in ("host", "a"))
    port = Place(
        cookie=host.cookie, name="host", ifname="port-a", ifindex=Ifindex(index_of("port-a"))
    )
    eth0 = Ifindex(index_of("eth0", "a"))
    gateway, mac = ip_address("10.77.0.1"), Mac(told("ip -j link show br0")["address"])

    def step(place: Place, detail: Detail) -> Step:
        return Step(place=place, detail=detail, action=Action.FORWARDED, packet=packet(A, C))

    walk = Walk(
        disposition=Disposition.ACCEPTED,
        steps=(
            step(a, RouteChosen(route=None, oif=eth0, source=ip_address(A))),
            step(a, NeighbourFound(address=gateway, mac=None)),
            step(a, Crossed(from_=a, to=port, destination=mac)),
            step(port, PortEntered(bridge="br0", port=1)),
            step(host, Switched(bridge="br0", mac=mac, is_own=True)),
            step(host, RouteChosen(route=None, is_forwarding=True)),
        ),
    )
    namespaces = {stage.cookie(n): fd for n, fd in stage.fds.items()}
    found = look_up(walk, namespaces)
    assert [type(f) for f in found] == [RouteLookup, NeighbourLookup, FdbLookup, RouteLookup]
    own, neighbour, fdb, forwarded = found
    assert isinstance(own, RouteLookup)
    assert (own.source, own.iif) == (None, None)
    assert own.route is not None
    assert own.route.gateway == gateway
    assert isinstance(neighbour, NeighbourLookup)
    assert (neighbour.ifindex, neighbour.mac) == (eth0, mac)
    assert isinstance(fdb, FdbLookup)
    assert fdb.bridge == index_of("br0")
    assert isinstance(forwarded, RouteLookup)
    assert (forwarded.iif, forwarded.source) == (index_of("br0"), ip_address(A))
    assert forwarded.route is not None
    assert forwarded.route.oif == index_of("br1")
    # nothing is asked where there is no descriptor
    assert {f.cookie for f in look_up(walk, {a.cookie: stage.fds["a"]})} == {a.cookie}
