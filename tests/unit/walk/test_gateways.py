"""Routes to a gateway that does not route: what mends them does no harm."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from msgspec.structs import replace
from tests.unit.walk.explained import explained
from tests.unit.walk.topologies import HOST, World, two_networks, with_outside

from glassbridge.model.cause import Cause
from glassbridge.model.tables import NextHop, Route


@pytest.fixture
def world() -> World:
    """The host has an uplink, and a tunnel to `vpn`, which does not forward."""
    made = with_outside(two_networks())
    vpn = made.netns("vpn")
    made.veth(made.boxes[HOST], "tun9", vpn, "eth0")
    made.boxes[HOST].address("tun9", "10.99.0.1/24")
    vpn.address("eth0", "10.99.0.2/24")
    vpn.route("default", via="10.99.0.1", dev="eth0")
    return made


def test_the_only_gateway_of_another_table_is_left_to_who_wrote_it(world: World) -> None:
    host = world.boxes[HOST]
    host.rule(4, 100, source=ip_network("172.17.0.0/16"), table=77)
    host.route("default", via="10.99.0.2", dev="tun9", table=77)
    drop, mending = explained(world, "nginx-1", "192.0.2.1")
    assert drop.cause is Cause.WRONG_GATEWAY
    assert mending.commands == ()
    assert "let vpn forward" in mending.note
    assert "route del 0.0.0.0/0 via 10.99.0.2 table 77 dev tun9" in mending.note


def test_a_better_gateway_of_another_table_is_put_into_that_table(world: World) -> None:
    box = world.boxes["nginx-1"]
    box.rule(4, 100, table=77)
    box.route("default", via="172.17.0.3", dev="eth0", table=77, metric=5)
    drop, mending = explained(world, "nginx-1", "192.0.2.1")
    assert drop.cause is Cause.WRONG_GATEWAY
    assert mending.commands == (
        "ip -n nginx-1 route replace default via 172.17.0.1 dev eth0 table 77 metric 5",
    )


def test_a_route_that_takes_addresses_from_a_bridge_goes(world: World) -> None:
    world.boxes[HOST].route("172.17.0.0/25", via="10.99.0.2", dev="tun9")
    drop, mending = explained(world, HOST, "172.17.0.2")
    assert drop.cause is Cause.WRONG_GATEWAY
    assert mending.commands == ("ip route del 172.17.0.0/25 via 10.99.0.2 dev tun9",)
    assert "away from gb0" in mending.note


def test_of_several_ways_the_broken_one_is_left_out(world: World) -> None:
    box = world.boxes["nginx-1"]
    oif = box.find("eth0").ifindex
    ways = tuple(NextHop(gateway=ip_address(a), oif=oif) for a in ("172.17.0.3", "172.17.0.1"))
    box.routes[-1] = Route(destination=ip_network("0.0.0.0/0"), next_hops=ways)
    drop, mending = explained(world, "nginx-1", "172.18.0.2")
    assert drop.cause is Cause.WRONG_GATEWAY
    assert mending.commands == ("ip -n nginx-1 route replace default via 172.17.0.1 dev eth0",)


def test_a_bridge_without_its_address_gets_the_one_that_is_asked_for() -> None:
    world = two_networks()
    host = world.boxes[HOST]
    gone = next(a for a in host.addresses if str(a.interface) == "172.17.0.1/16")
    host.addresses.remove(gone)
    host.routes = [r for r in host.routes if r.oif != gone.ifindex]
    host.local_routes = [r for r in host.local_routes if r.oif != gone.ifindex]
    drop, mending = explained(world, "nginx-1", "172.18.0.2")
    assert drop.cause is Cause.WRONG_GATEWAY
    assert mending.commands == ("ip addr add 172.17.0.1/16 dev gb0",)


def test_nobody_is_offered_as_a_router_who_does_not_forward(world: World) -> None:
    vpn = world.boxes["vpn"]
    vpn.routes = [replace(r) for r in vpn.routes if not r.is_default]
    host = world.boxes[HOST]
    host.routes = [r for r in host.routes if not r.is_default]
    drop, mending = explained(world, HOST, "203.0.113.9")
    assert drop.cause is Cause.NO_ROUTE
    assert mending.commands == ()
