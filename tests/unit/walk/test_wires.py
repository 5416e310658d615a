"""Masks, subnets and cables that do not fit: what is missing is said, and mended."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from msgspec.structs import replace
from tests.unit.walk.explained import explained
from tests.unit.walk.topologies import (
    HOST,
    Box,
    forwarding,
    two_containers,
    two_networks,
    with_outside,
)

from glassbridge.model.cause import Cause
from glassbridge.model.topology import PortState


def readdressed(box: Box, ifname: str, *interfaces: str) -> None:
    """Its addresses go, with their routes and those by a gateway; others come."""
    index = box.find(ifname).ifindex
    box.addresses = [a for a in box.addresses if a.ifindex != index]
    box.routes = [r for r in box.routes if r.oif != index]
    box.local_routes = [r for r in box.local_routes if r.oif != index]
    for interface in interfaces:
        box.address(ifname, interface)


def test_a_mask_that_leaves_a_sibling_out() -> None:
    world = two_containers()
    readdressed(world.boxes["nginx-2"], "eth0", "172.17.0.3/32")
    for source, to in (("nginx-2", "172.17.0.2"), ("nginx-1", "172.17.0.3")):
        drop, mending = explained(world, source, to)
        assert drop.cause is Cause.NO_ROUTE
        assert drop.sentence == (
            "nginx-2's mask /32 leaves nginx-1 (172.17.0.2) out; gb0 is 172.17.0.0/16"
        )
        assert mending.commands == (
            "ip -n nginx-2 address add 172.17.0.3/16 dev eth0",
            "ip -n nginx-2 address del 172.17.0.3/32 dev eth0",
        )


@pytest.mark.parametrize(
    ("source", "to"), [("nginx-2", "172.17.0.2"), ("nginx-1", "10.9.9.3"), (HOST, "10.9.9.3")]
)
def test_an_address_of_another_subnet(source: str, to: str) -> None:
    world = with_outside(two_containers())
    readdressed(world.boxes["nginx-2"], "eth0", "10.9.9.3/24")
    drop, mending = explained(world, source, to)
    assert drop.cause is Cause.NO_ROUTE
    assert drop.sentence == "nginx-2 has 10.9.9.3/24, and gb0, its bridge, is 172.17.0.0/16"
    assert mending.commands == ()
    assert mending.note == "give eth0 of nginx-2 an address in 172.17.0.0/16"


@pytest.mark.parametrize("has_uplink", [False, True])
def test_a_bridge_that_lost_its_address(has_uplink: bool) -> None:
    world = with_outside(two_containers()) if has_uplink else two_containers()
    readdressed(world.boxes[HOST], "gb0")
    drop, mending = explained(world, HOST, "172.17.0.2", own="" if has_uplink else "127.0.0.1")
    assert drop.cause is Cause.NO_ROUTE
    assert drop.sentence == (
        "gb0 has no address in 172.17.0.0/16, the subnet of nginx-1 (172.17.0.2)"
    )
    assert mending.commands == ("ip address add 172.17.0.1/16 dev gb0",)


@pytest.mark.parametrize(
    ("source", "to"),
    [("nginx-1", "172.17.0.3"), ("nginx-2", "172.17.0.2"), (HOST, "172.17.0.3"),
     ("nginx-2", "172.18.0.2")],
)  # fmt: skip
@pytest.mark.parametrize("talked", [False, True])
def test_a_cable_that_is_plugged_into_no_bridge(source: str, to: str, talked: bool) -> None:
    world = two_networks()
    if talked:
        world.warm()
        world.boxes[HOST].fdb.clear()
    world.boxes[HOST].change("veth-nginx-2", master=None, port=None)
    drop, mending = explained(world, source, to)
    assert drop.cause is Cause.NEIGHBOUR_UNANSWERED
    assert drop.sentence == "veth-nginx-2, which leads to nginx-2, is not a port of gb0"
    assert mending.commands == ("ip link set dev veth-nginx-2 master gb0",)


def test_no_way_out_of_an_internal_network() -> None:
    world = with_outside(two_networks())
    db = world.boxes["db"]
    db.routes = [r for r in db.routes if not r.is_default]
    (inner,) = (n for n in world.networks if n.name == "back")
    world.networks[world.networks.index(inner)] = replace(inner, internal=True)
    drop, mending = explained(world, "db", "192.0.2.1", port=80)
    assert drop.cause is Cause.INTERNAL_NETWORK
    assert drop.sentence == "network back is internal: no way out"
    assert mending.commands == ("glassbridge network connect bridge db",)


def test_a_bridge_that_is_down_is_not_a_port_that_is() -> None:
    world = two_containers()
    host = world.boxes[HOST]
    host.change("gb0", flags=0)
    for port in ("veth-nginx-1", "veth-nginx-2"):
        host.change(port, state=PortState.DISABLED)
    drop, mending = explained(world, "nginx-1", "172.17.0.3")
    assert drop.cause is Cause.LINK_DOWN
    assert drop.sentence == "bridge gb0 of host is down"
    assert mending.commands == ("ip link set dev gb0 up",)


def test_a_link_that_is_down_gets_its_default_route_back_for_a_sibling_too() -> None:
    world = two_containers()
    box = world.boxes["nginx-1"]
    box.change("eth0", flags=0)
    box.routes = []
    _, mending = explained(world, "nginx-1", "172.17.0.3", own="172.17.0.2")
    assert mending.commands == (
        "ip -n nginx-1 link set dev eth0 up",
        "ip -n nginx-1 route add default via 172.17.0.1 dev eth0",
    )


def test_forwarding_may_not_be_all_that_is_missing() -> None:
    world = with_outside(two_networks())
    forwarding(world.boxes[HOST], on=False)
    drop, mending = explained(world, "nginx-1", "192.0.2.1")
    assert drop.cause is Cause.IP_FORWARD_OFF
    assert "trace again" in mending.note


def test_no_default_route_is_offered_out_of_an_internal_network() -> None:
    world = two_networks()
    world.networks = [replace(n, internal=True) for n in world.networks]
    db = world.boxes["db"]
    db.routes = [r for r in db.routes if not r.is_default]
    db.route("192.0.2.0/24", dev="eth0")
    db.change("eth0", flags=0)
    _, mending = explained(world, "db", "172.18.0.1")
    assert mending.commands == ("ip -n db link set dev eth0 up",)
    assert ip_network("172.18.0.0/16") in {r.destination for r in db.routes}
