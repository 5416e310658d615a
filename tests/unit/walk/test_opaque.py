"""What is seen on a walk and not evaluated: programs of links, flowtables, crowded sockets."""

from ipaddress import ip_address

import pytest
from msgspec.structs import replace
from tests.unit.walk.test_predict import Trace, cause
from tests.unit.walk.topologies import HOST, World, forwarding, two_containers, two_networks
from tests.unit.walk.witnessed import dropped_event, witness

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Question, Transport
from glassbridge.model.snapshot import Connection, Snapshot
from glassbridge.model.step_details import FilterMet, NeighbourFound
from glassbridge.model.tables import FilterHook, LinkFilter
from glassbridge.model.walk import Disposition, Walk
from glassbridge.walk.causes.explaining import explain
from glassbridge.walk.evidence.merge import merge
from glassbridge.walk.predict import predict


def filtered(world: World, box: str, ifname: str, **attributes: object) -> Snapshot:
    """The snapshot with one filter at one link."""
    link = world.boxes[box].find(ifname)
    found = LinkFilter(ifindex=link.ifindex, **attributes)  # type: ignore[arg-type] # its own
    return with_filters(world, box, found)


def with_filters(world: World, box: str, *filters: LinkFilter) -> Snapshot:
    """The snapshot with filters in one namespace."""
    made = world.snapshot()
    cookie = world.boxes[box].cookie
    namespace = made.namespaces[cookie]
    stack = replace(namespace.stack, filters=filters)
    return replace(made, namespaces={**made.namespaces, cookie: replace(namespace, stack=stack)})


QUEUE = {"hook": FilterHook.EGRESS, "kind": "netem"}
PROGRAM = {"hook": FilterHook.XDP, "kind": "xdp", "program": 17, "name": "x"}


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        (PROGRAM, "an XDP program (id 17, name x) on eth0 of nginx-1"),
        (QUEUE, "the queueing discipline netem on eth0 of nginx-1"),
    ],
)
def test_a_walk_beyond_a_filter_cannot_be_known(attributes: dict[str, object], says: str) -> None:
    """XDP at the sender's link stands in the way of the answer, netem in that of the question."""
    world = two_containers()
    trace = Trace(world, "nginx-1", "172.17.0.3")
    walk = trace.over(filtered(world, "nginx-1", "eth0", **attributes))
    assert isinstance(walk, Walk)
    assert walk.disposition is Disposition.INSUFFICIENT_INFO
    assert says in walk.unknown
    (met,) = (s for s in walk.steps if isinstance(s.detail, FilterMet))
    assert met.is_reply is (attributes is PROGRAM)


def test_ifbs_that_lead_into_each_other_end_the_walk() -> None:
    world = two_containers()
    nginx = world.boxes["nginx-1"]
    one, other = (nginx.link(name, kind="ifb") for name in ("ifb0", "ifb1"))
    leads = {nginx.find("eth0"): one, one: other, other: one}
    filters = (
        LinkFilter(
            ifindex=link.ifindex,
            hook=FilterHook.EGRESS,
            kind="matchall",
            priority=1,
            into=into.ifindex,
            takes_all=True,
        )
        for link, into in leads.items()
    )
    walk = Trace(world, "nginx-1", "172.17.0.3").over(with_filters(world, "nginx-1", *filters))
    assert isinstance(walk, Walk)
    assert walk.disposition is Disposition.INSUFFICIENT_INFO
    assert "which leads into ifb1, on ifb0 of nginx-1" in walk.unknown


def test_a_filter_on_another_wire_is_not_blamed_for_a_silent_neighbour() -> None:
    """The host asks on gb1; the queue that may lose packets is at nginx-1, on gb0."""
    world = two_networks()
    forwarding(world.boxes[HOST])
    snapshot = filtered(world, "nginx-1", "eth0", **QUEUE)
    walk = Trace(world, "nginx-1", "172.18.0.2", 5432).over(snapshot)
    assert isinstance(walk, Walk)
    asked = next(
        n
        for n, s in enumerate(walk.steps)
        if isinstance(s.detail, NeighbourFound) and s.place.cookie == snapshot.home
    )
    event = dropped_event(snapshot, snapshot.home, "NEIGH_FAILED", "neigh_invalidate")
    seen = witness(walk, snapshot, until=asked)
    seen = replace(seen, events=(*seen.events, event))
    merged = merge(walk, seen, snapshot)
    found = explain(walk, merged, seen, snapshot)
    assert found is not None
    assert found.code is not Cause.TC_DROP


def test_a_filter_beside_the_way_is_no_matter() -> None:
    world = two_containers()
    walk = Trace(world, "nginx-1", "172.17.0.3").over(
        filtered(world, "nginx-1", "eth0", hook=FilterHook.EGRESS, kind="u32", protocol=0x86DD)
    )
    assert isinstance(walk, Walk)
    assert walk.disposition is Disposition.ACCEPTED


def test_a_drop_behind_a_program_is_not_certain() -> None:
    """It may lead the packet elsewhere."""
    world = two_containers(listens=None)
    walk = Trace(world, "nginx-1", "172.17.0.3").over(filtered(world, "nginx-2", "eth0", **PROGRAM))
    assert isinstance(walk, Walk)
    assert walk.disposition is Disposition.INSUFFICIENT_INFO
    assert cause(walk) is Cause.NO_LISTENER


@pytest.mark.parametrize("is_offloaded", [False, True])
def test_a_connection_in_a_flowtable_passes_by_the_hooks(is_offloaded: bool) -> None:
    world = two_networks()
    forwarding(world.boxes[HOST])
    source, destination = ip_address("172.17.0.2"), ip_address("172.18.0.2")
    world.boxes[HOST].connections.append(
        Connection(
            transport=Transport.TCP,
            source=source,
            destination=destination,
            source_port=40000,
            destination_port=80,
            reply_source=destination,
            reply_destination=source,
            reply_source_port=80,
            reply_destination_port=40000,
            is_replied=True,
            is_offloaded=is_offloaded,
        )
    )
    question = Question(
        source=world.boxes["nginx-1"].cookie,
        transport=Transport.TCP,
        destination=destination,
        destination_port=80,
        source_port=40000,
    )
    walk = predict(world.snapshot(), question)
    assert isinstance(walk, Walk)
    assert ("flowtable" in walk.unknown) is is_offloaded


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        ([("0.0.0.0", 2, 1)], Cause.LISTEN_QUEUE_FULL),
        ([("0.0.0.0", 1, 1)], None),
        ([("0.0.0.0", 2, 1), ("172.17.0.3", 0, 1)], None),
        ([("0.0.0.0", 0, 1), ("172.17.0.3", 9, 1)], Cause.LISTEN_QUEUE_FULL),
        ([("::", 9, 1), ("0.0.0.0", 0, 1)], None),
    ],
)
def test_the_queue_of_the_most_exact_socket_counts(
    rows: list[tuple[str, int, int]], lost: Cause | None
) -> None:
    world = two_containers(listens=None)
    for address, waiting, backlog in rows:
        world.boxes["nginx-2"].listens(80, address, waiting=waiting, backlog=backlog)
    assert cause(Trace(world, "nginx-1", "172.17.0.3").walk()) is lost


def test_of_several_on_one_address_one_with_room_is_assumed() -> None:
    world = two_containers(listens=None)
    for waiting in (9, 0):
        world.boxes["nginx-2"].listens(80, "0.0.0.0", waiting=waiting, backlog=1)
    walk = Trace(world, "nginx-1", "172.17.0.3").walk()
    assert cause(walk) is None
    assert any("whose queue is full" in a for a in walk.assumptions)


def test_a_socket_of_another_link_is_named_as_such() -> None:
    world = two_containers(listens=None)
    world.boxes["nginx-2"].listens(80, ifindex=world.boxes["nginx-2"].find("lo").ifindex)
    walk = Trace(world, "nginx-1", "172.17.0.3").walk()
    assert cause(walk) is Cause.OTHER_ADDRESS_LISTENER
    assert walk.dropped is not None
    assert walk.dropped.drop is not None
    assert "by lo alone (SO_BINDTODEVICE)" in walk.dropped.drop.sentence


@pytest.mark.parametrize("is_locked", [False, True])
def test_who_only_knocked_at_a_locked_port_is_not_admitted(is_locked: bool) -> None:
    """MAB: the bridge writes down the MAC of a stranger, and lets it in when that is unlocked."""
    world = two_containers()
    host, nginx = world.boxes[HOST], world.boxes["nginx-1"]
    port = next(k for k in host.links if k.port is not None)
    assert port.port is not None
    host.change(port.ifname, port=replace(port.port, locked=True, learning=False))
    mac = nginx.find("eth0").mac
    assert mac is not None
    host.learned(port.ifname, mac, is_locked=is_locked)
    walk = Trace(world, "nginx-1", "172.17.0.3").walk()
    assert cause(walk) is (Cause.PORT_LOCKED if is_locked else None)
