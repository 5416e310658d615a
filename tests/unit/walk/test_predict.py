"""Walks over hosts made by hand: each kind of step, some ways to be lost, and what always holds."""

from dataclasses import dataclass
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.walk.topologies import (
    HOST,
    World,
    forwarding,
    two_containers,
    two_networks,
    with_outside,
    with_uplink,
)

from glassbridge.model.address import Mac
from glassbridge.model.cause import Cause
from glassbridge.model.packet import Question, Transport
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import (
    Crossed,
    Entered,
    Left,
    NeighbourFound,
    PortEntered,
    Received,
    RouteChosen,
    SocketFound,
    Switched,
)
from glassbridge.model.tables import Ifindex, Neighbour, NeighbourState, NextHop, Route
from glassbridge.model.walk import Action, Answered, Disposition, Missing, OnLink, Walk
from glassbridge.walk.predict import predict


@dataclass
class Trace:
    """A question to a world."""

    world: World
    source: str | None
    to: str
    port: int = 80
    transport: str = "tcp"
    own: str | None = None
    size: int = 0
    meant: str | None = None

    def over(self, snapshot: Snapshot) -> Walk | Missing:
        source = None if self.source is None else self.world.boxes[self.source].cookie
        question = Question(
            source=source,
            transport=Transport(self.transport),
            destination=ip_address(self.to),
            destination_port=0 if self.transport == "icmp" else self.port,
            source_address=None if self.own is None else ip_address(self.own),
            size=self.size,
            meant=None if self.meant is None else self.world.boxes[self.meant].cookie,
        )
        return predict(snapshot, question)

    def walk(self) -> Walk:
        found = self.over(self.world.snapshot())
        assert isinstance(found, Walk)
        return found


def kinds(walk: Walk) -> list[str]:
    return [type(s.detail).__name__ for s in walk.request]


def cause(walk: Walk) -> Cause | None:
    dropped = walk.dropped
    return None if dropped is None or dropped.drop is None else dropped.drop.cause


@pytest.mark.parametrize("to", ["172.17.0.3", "fd00::3"])
def test_two_containers_that_never_met(to: str) -> None:
    walk = Trace(two_containers(ipv6=True), "nginx-1", to).walk()
    assert kinds(walk) == [
        "RouteChosen",
        "NeighbourFound",
        "Crossed",
        "PortEntered",
        "Switched",
        "Crossed",
        "Received",
        "SocketFound",
    ]
    asked, switched = walk.request[1].detail, walk.request[4].detail
    assert isinstance(asked, NeighbourFound)
    assert (asked.heard_by, asked.answered_by) == (("host", "nginx-2"), ("nginx-2",))
    assert isinstance(switched, Switched)
    assert switched.to is not None
    assert (switched.to.ifname, switched.age_seconds) == ("veth-nginx-2", 0.0)
    assert walk.disposition is Disposition.ACCEPTED
    assert walk.reply[-1].action is Action.DELIVERED
    assert walk.reply[-1].place.name == "nginx-1"


def test_acquaintances_do_not_ask() -> None:
    world = two_containers()
    world.warm()
    walk = Trace(world, "nginx-1", "172.17.0.3").walk()
    asked = [s.detail for s in walk.steps if isinstance(s.detail, NeighbourFound)]
    assert [a.is_asked for a in asked] == [False, False]


def test_the_answer_needs_no_question() -> None:
    """Who is asked learns who asks, and the bridge both."""
    walk = Trace(two_containers(), "nginx-1", "172.17.0.3").walk()
    asked = [s.detail.is_asked for s in walk.steps if isinstance(s.detail, NeighbourFound)]
    assert asked == [True, False]
    assert all(s.detail.learns is None for s in walk.reply if isinstance(s.detail, PortEntered))


def test_a_bridge_learns_a_mac_that_it_has_forgotten() -> None:
    world = two_containers()
    world.warm()
    world.boxes[HOST].fdb.clear()
    walk = Trace(world, "nginx-1", "172.17.0.3").walk()
    entered, switched = walk.request[3].detail, walk.request[4].detail
    assert isinstance(entered, PortEntered)
    assert entered.learns == "02:42:ac:11:00:02"
    assert isinstance(switched, Switched)
    assert (switched.to, switched.flood_count) == (None, 1)
    assert walk.disposition is Disposition.ACCEPTED
    back = next(s.detail for s in walk.reply if isinstance(s.detail, Switched))
    assert back.to is not None, "the request has taught the bridge where the asker is"


def test_routed_across_networks() -> None:
    walk = Trace(two_networks(), "nginx-1", "172.18.0.2", 5432).walk()
    routes = [s.detail for s in walk.request if isinstance(s.detail, RouteChosen)]
    assert [(r.is_forwarding, r.oifname) for r in routes] == [(False, "eth0"), (True, "gb1")]
    assert walk.request[-1].packet.ttl == 63
    assert (cause(walk), walk.disposition) == (None, Disposition.ACCEPTED)


def test_to_itself() -> None:
    walk = Trace(two_containers(), "nginx-1", "127.0.0.1").walk()
    assert kinds(walk) == ["RouteChosen", "Received", "SocketFound"]
    assert [e.outgoing for e in walk.request[1].expected if isinstance(e, OnLink)] == [True, False]


def test_out_of_the_host() -> None:
    walk = Trace(with_uplink(two_containers()), "nginx-1", "8.8.8.8", 443).walk()
    last = walk.request[-1]
    assert isinstance(last.detail, Left)
    assert str(last.detail.gateway) == "192.0.2.1"
    assert (walk.disposition, walk.reply) == (Disposition.EXITS_NETWORK, ())
    assert any("beyond uplink0" in a for a in walk.assumptions)


def test_in_from_outside() -> None:
    world = with_uplink(two_containers())
    world.boxes[HOST].listens(22)
    walk = Trace(world, None, "192.0.2.10", 22, own="198.51.100.7").walk()
    assert isinstance(walk.steps[0].detail, Entered)
    assert isinstance(walk.request[-1].detail, SocketFound)
    assert isinstance(walk.reply[-1].detail, Left)
    assert walk.disposition is Disposition.ACCEPTED


def test_an_answer_without_a_way_back_blames_the_source() -> None:
    walk = Trace(with_outside(two_containers()), "nginx-1", "192.0.2.1", transport="icmp").walk()
    dropped = walk.dropped
    assert dropped is not None
    assert dropped.is_reply
    assert (cause(walk), dropped.place.name) == (Cause.NO_MASQUERADE, "outside")
    assert dropped.drop is not None
    assert dropped.drop.place is not None
    assert dropped.drop.place.name == HOST


@pytest.mark.parametrize(
    ("address", "port", "expected"),
    [
        ("0.0.0.0", 80, None),
        ("172.17.0.3", 80, None),
        ("::", 80, None),
        ("127.0.0.1", 80, Cause.LOOPBACK_LISTENER),
        ("172.17.0.9", 80, Cause.OTHER_ADDRESS_LISTENER),
        ("0.0.0.0", 81, Cause.NO_LISTENER),
    ],
)
def test_sockets(address: str, port: int, expected: Cause | None) -> None:
    world = two_containers(listens=None)
    world.boxes["nginx-2"].listens(port, address)
    assert cause(Trace(world, "nginx-1", "172.17.0.3").walk()) is expected


def test_sockets_of_ipv6_only_and_of_other_protocols() -> None:
    world = two_containers(listens=None)
    world.boxes["nginx-2"].listens(80, "::", v6only=True)
    world.boxes["nginx-2"].listens(80, protocol="udp")
    assert cause(Trace(world, "nginx-1", "172.17.0.3").walk()) is Cause.OTHER_ADDRESS_LISTENER
    walk = Trace(world, "nginx-1", "172.17.0.3", transport="udp").walk()
    assert cause(walk) is None
    assert any("need not answer" in a for a in walk.assumptions)


def test_what_is_missing_is_asked_for_one_by_one() -> None:
    world = two_networks()
    trace = Trace(world, "nginx-1", "172.18.0.2", 5432)
    read = ["host", "nginx-1"]
    missing = trace.over(world.snapshot(read=tuple(read)))
    assert missing == Missing(cookies=(world.boxes["db"].cookie,))
    whole = trace.over(world.snapshot(read=(*read, "db")))
    assert isinstance(whole, Walk)
    assert whole.disposition is Disposition.ACCEPTED


def test_an_owner_that_nobody_knows_is_sought_everywhere() -> None:
    world = two_containers()
    snapshot = replace(world.snapshot(read=("host", "nginx-1")), names=())
    missing = Trace(world, "nginx-1", "172.17.0.3").over(snapshot)
    assert missing == Missing(cookies=(world.boxes["nginx-2"].cookie,))


def test_what_cannot_be_read_is_not_guessed() -> None:
    world = two_containers()
    world.warm()
    snapshot = world.snapshot(read=("host", "nginx-1"), is_whole=True)
    walk = Trace(world, "nginx-1", "172.17.0.3").over(snapshot)
    assert isinstance(walk, Walk)
    assert walk.disposition is Disposition.INSUFFICIENT_INFO
    assert "nginx-2" in walk.unknown


def test_several_ways_are_an_assumption() -> None:
    world = two_networks()
    box = world.boxes["nginx-1"]
    oif = box.find("eth0").ifindex
    ways = tuple(NextHop(gateway=ip_address(a), oif=oif) for a in ("172.17.0.1", "172.17.0.3"))
    box.routes[-1] = Route(destination=box.routes[-1].destination, next_hops=ways)
    walk = Trace(world, "nginx-1", "172.18.0.2", 5432).walk()
    assert walk.disposition is Disposition.ACCEPTED
    assert walk.assumptions[0] == "of 2 equal ways the first is taken"


def test_two_owners_of_one_address() -> None:
    world = two_containers()
    twin = world.netns("twin")
    world.plug(world.boxes[HOST], "gb0", twin, "172.17.0.3/16")
    walk = Trace(world, "nginx-1", "172.17.0.3").walk()
    asked = walk.request[1].detail
    assert isinstance(asked, NeighbourFound)
    assert asked.answered_by == ("twin", "nginx-2")
    assert cause(walk) is Cause.DUPLICATE_ADDRESS


def test_nowhere_to_go() -> None:
    world = two_containers()
    world.netns("alone")
    assert cause(Trace(world, "alone", "172.17.0.3").walk()) is Cause.NO_CABLE


@pytest.mark.parametrize("to", ["224.0.0.1", "fe80::1", "255.255.255.255"])
def test_what_is_not_for_one_is_not_predicted(to: str) -> None:
    walk = Trace(two_containers(ipv6=True), "nginx-1", to).walk()
    assert walk.disposition is Disposition.INSUFFICIENT_INFO


def test_siblings_upon_one_parent_meet_and_their_parent_does_not() -> None:
    world = with_uplink(two_containers())
    host = world.boxes[HOST]
    for number in (7, 8):
        box = world.netns(f"mv{number}")
        host.peers[box.cookie] = box.cookie
        box.peers[host.cookie] = host.cookie
        box.link("eth0", kind="macvlan", parent=host.find("uplink0").ifindex, link_nsid=host.cookie)
        box.address("eth0", f"192.0.2.{number}/24")
        box.listens(80)
    assert cause(Trace(world, "mv7", "192.0.2.8").walk()) is None
    out = Trace(world, "mv7", "192.0.2.10").walk()
    assert out.disposition is Disposition.EXITS_NETWORK


def test_a_tap_hands_it_to_a_process() -> None:
    world = two_containers()
    host = world.boxes[HOST]
    host.link("tap0", kind="tun")
    world.enslave(host, "gb0", "tap0")
    walk = Trace(world, "nginx-1", "172.17.0.50").walk()
    assert walk.disposition is Disposition.EXITS_NETWORK
    assert "handed to the process that holds tap0" in walk.assumptions


@given(st.data())
def test_whatever_the_cables_a_walk_ends_and_hangs_together(data: st.DataObject) -> None:
    """Bridges joined at random, in circles too: every step begins where the one before ended."""
    world = World()
    host = world.netns(HOST)
    count = data.draw(st.integers(1, 4), "bridges")
    for n in range(count):
        host.bridge(f"br{n}", f"10.{n}.0.1/16")
    ends = data.draw(
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=5)
    )
    for n, (one, other) in enumerate(ends):
        world.veth(host, f"x{n}", host, f"y{n}")
        world.enslave(host, f"br{one}", f"x{n}")
        world.enslave(host, f"br{other}", f"y{n}", isolated=data.draw(st.booleans()))
    for n in range(3):
        bridge = data.draw(st.integers(0, count - 1))
        box = world.netns(f"c{n}")
        world.plug(host, f"br{bridge}", box, f"10.{bridge}.1.{n}/16", gateway=f"10.{bridge}.0.1")
        box.route("10.0.0.0/8", via=f"10.{bridge}.0.1", dev="eth0")
    forwarding(host, on=data.draw(st.booleans()))
    if data.draw(st.booleans()):
        world.warm("br0")
    targets = [str(a.interface.ip) for b in world.boxes.values() for a in b.addresses]
    nobodys = ["10.0.9.9", "9.9.9.9"]
    to = data.draw(st.sampled_from([t for t in targets if ":" not in t] + nobodys))
    source = data.draw(st.sampled_from(sorted(world.boxes)))
    walk = Trace(world, source, to, transport="icmp").walk()
    assert hangs_together(walk)


def hangs_together(walk: Walk) -> bool:
    """Only a cable leads from one namespace to another, and what is dropped goes no further."""
    for before, after in zip(walk.steps, walk.steps[1:], strict=False):
        there = before.detail.to if isinstance(before.detail, Crossed) else before.place
        if there.cookie != after.place.cookie:
            return False
        if before.action is Action.DROPPED:
            return False
    last = walk.request[-1]
    match walk.disposition:
        case Disposition.ACCEPTED:
            return isinstance(last.detail, SocketFound)
        case Disposition.EXITS_NETWORK:
            return isinstance(last.detail, Left)
        case Disposition.DROPPED:
            return last.drop is not None
        case Disposition.INSUFFICIENT_INFO:
            return bool(walk.unknown)


def test_every_step_that_can_be_seen_says_where() -> None:
    walk = Trace(two_networks(), "nginx-1", "172.18.0.2", 5432).walk()
    for step in walk.steps:
        if isinstance(step.detail, Crossed | PortEntered | Switched):
            assert any(isinstance(e, OnLink) for e in step.expected), step
        if isinstance(step.detail, SocketFound) or (
            step.is_reply and isinstance(step.detail, Received)
        ):
            assert Answered() in step.expected


def test_a_loop_of_links_is_no_loop_of_the_walk() -> None:
    world = two_containers()
    host = world.boxes[HOST]
    world.veth(host, "ring0", host, "ring1")
    world.enslave(host, "gb0", "ring0")
    world.enslave(host, "gb0", "ring1")
    assert cause(Trace(world, "nginx-1", "172.17.0.3").walk()) is None
    lost = Trace(world, "nginx-1", "172.17.0.99").walk()
    assert cause(lost) is Cause.NEIGHBOUR_UNANSWERED
    assert Ifindex(2) == lost.steps[-1].place.ifindex


@pytest.mark.parametrize("transport", ["icmp", "tcp"])
def test_who_was_named_is_who_must_take_it(transport: str) -> None:
    """Somebody else has the address too, and the sender knows his MAC."""
    world = two_containers()
    world.plug(world.boxes["host"], "gb0", world.netns("thief"), "172.17.0.3/16")
    world.boxes["thief"].listens(80)
    known = world.boxes["thief"].change("eth0", mac=Mac("02:00:00:00:00:66")).mac
    sender = world.boxes["nginx-1"]
    sender.neighbours.append(
        Neighbour(
            ifindex=sender.find("eth0").ifindex,
            address=ip_address("172.17.0.3"),
            mac=known,
            state=NeighbourState.REACHABLE,
        )
    )
    named = Trace(world, "nginx-1", "172.17.0.3", transport=transport, meant="nginx-2").walk()
    assert cause(named) is Cause.DUPLICATE_ADDRESS
    assert named.request[-1].place.name == "thief"
    by_address = Trace(world, "nginx-1", "172.17.0.3", transport=transport).walk()
    assert by_address.disposition is Disposition.ACCEPTED
