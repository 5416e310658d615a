"""Frames that a bridge gives to the wrong link, for a MAC that two have or a wrong entry."""

from __future__ import annotations

import pytest
from tests.unit.walk.explained import explained
from tests.unit.walk.topologies import HOST, World, two_containers

from glassbridge.model.cause import Cause

A_MAC = "02:42:ac:11:00:02"


@pytest.fixture
def world() -> World:
    """A third container; all have talked."""
    made = two_containers()
    made.plug(made.boxes[HOST], "gb0", made.netns("c"), "172.17.0.4/16", gateway="172.17.0.1")
    return made


@pytest.mark.parametrize("source", ["nginx-2", HOST])
def test_a_mac_that_two_have(world: World, source: str) -> None:
    world.boxes["c"].change("eth0", mac=A_MAC)
    world.warm()
    host = world.boxes[HOST]
    host.fdb = [e for e in host.fdb if e.mac != A_MAC]
    host.learned("veth-c", A_MAC)
    drop, mending = explained(world, source, "172.17.0.2")
    assert drop.cause is Cause.DUPLICATE_MAC
    assert drop.sentence == (
        f"nginx-1 (eth0) and c (eth0) on gb0 have the same MAC {A_MAC}: "
        "the bridge sends to whichever spoke last"
    )
    assert mending.commands[0] == "ip -n c link set dev eth0 address 02:42:ac:11:00:04"
    assert "ip -n nginx-2 neigh del 172.17.0.2 dev eth0" in mending.commands


def test_the_twin_itself_asks(world: World) -> None:
    world.boxes["c"].change("eth0", mac=A_MAC)
    world.warm()
    host = world.boxes[HOST]
    host.fdb = [e for e in host.fdb if e.mac != A_MAC]
    host.learned("veth-c", A_MAC)
    drop, _ = explained(world, "c", "172.17.0.2")
    assert drop.cause is Cause.DUPLICATE_MAC


def test_a_static_entry_for_the_port_that_it_came_by(world: World) -> None:
    world.warm()
    host = world.boxes[HOST]
    host.fdb = [e for e in host.fdb if e.mac != A_MAC]
    host.learned("veth-nginx-2", A_MAC, is_static=True)
    drop, mending = explained(world, "nginx-2", "172.17.0.2")
    assert drop.cause is Cause.WRONG_FDB
    assert drop.sentence == (
        f"the switch has {A_MAC} of nginx-1 behind veth-nginx-2, where it is not"
    )
    assert mending.commands == (f"bridge fdb del {A_MAC} dev veth-nginx-2 master",)


def test_one_that_asks_for_itself_by_a_router_is_no_wrong_entry(world: World) -> None:
    world.warm()
    world.boxes[HOST].sysctl("net.ipv4.ip_forward", 0)
    for link in ("all", "default", "gb0"):
        world.boxes[HOST].sysctl(f"net/ipv4/conf/{link}/forwarding", 0)
    drop, _ = explained(world, "nginx-1", "203.0.113.1")
    assert drop.cause is Cause.IP_FORWARD_OFF
