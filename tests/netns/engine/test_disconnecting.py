"""Disconnecting where others do the same, where it fails, and where it is cut short."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import run

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, KernelRefused, NotFound
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import PortWish
from glassbridge.model.requests import AttachRequest, NetworkRequest
from glassbridge.plan.descriptions import describe
from glassbridge.plan.operations import AddRoute, DoomLink, Operation, RemoveElements

Folders = tuple[Path, Path]
Make = Callable[[str], str]


def join_two(engine: Engine, netns: str) -> None:
    """A sandbox whose gateway and published port are on `blue`, and would go to `bridge`."""
    engine.create_network(NetworkRequest(name="blue"))
    engine.attach(
        AttachRequest(
            name="one",
            netns=netns,
            networks=(NetworkWish(network="blue"), NetworkWish(network="bridge")),
            ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
        )
    )


def gateway_of(netns: str) -> str:
    """The next hop of a namespace's default route."""
    return run("ip", "-n", Path(netns).name, "route", "show", "default").strip()


def test_a_gateway_that_was_moving_arrives(
    fresh_host: None, folders: Folders, make_netns: Make
) -> None:
    """Killed with the port already at its heir, the route not yet: the next start finishes it."""
    netns = make_netns("one")

    def die_ahead_of_the_route(operation: Operation) -> None:
        if isinstance(operation, AddRoute) and is_moving:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        is_moving = False
        engine = Engine(*folders, before=die_ahead_of_the_route)
        join_two(engine, netns)
        is_moving = True
        engine.disconnect("blue", "one")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    engine = Engine(*folders)
    try:
        (heir,) = engine.sandbox("one").endpoints
        assert heir.network == "bridge"
        assert [p.host_port for p in heir.ports] == [8080]
        assert "default via 172.17.0.1" in gateway_of(netns)
    finally:
        engine.down(force=True)
        engine.close()


def test_a_second_one_takes_nothing_from_the_heir(engine: Engine, make_netns: Make) -> None:
    """Its link is with the reaper still: its port has a new owner already."""
    netns = make_netns("one")
    join_two(engine, netns)

    def disconnect(_: int) -> None:
        with suppress(Conflict, NotFound):
            engine.disconnect("blue", "one")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(disconnect, range(4)))
    check_consistency(engine)
    (heir,) = engine.sandbox("one").endpoints
    published = run("nft", "list", "map", "inet", "glassbridge", "published4_any")
    assert f"tcp . 8080 : {heir.endpoint.addresses[0]} . 80" in published
    assert "default via 172.17.0.1" in gateway_of(netns)


def test_two_at_once_leave_the_gateway_to_the_third(engine: Engine, make_netns: Make) -> None:
    """What is leaving already inherits nothing."""
    netns = make_netns("one")
    for name in ("amber", "blue", "coral"):
        engine.create_network(NetworkRequest(name=name))
    networks = tuple(NetworkWish(network=n) for n in ("amber", "blue", "coral"))
    engine.attach(AttachRequest(name="one", netns=netns, networks=networks))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: engine.disconnect(n, "one"), ("amber", "blue")))
    (left,) = engine.sandbox("one").endpoints
    assert left.endpoint.is_gateway
    assert f"dev {left.endpoint.ifname}" in gateway_of(netns)


def test_a_detach_that_fails_has_doomed_nothing(
    fresh_host: None, folders: Folders, make_netns: Make
) -> None:
    """The reaper may be at work for others: what is doomed cannot be taken back from it."""
    netns = make_netns("one")
    seen: list[Operation] = []
    refusing = False

    def refuse_the_second(operation: Operation) -> None:
        seen.append(operation)
        if refusing and sum(isinstance(o, RemoveElements) for o in seen) > 1:
            raise KernelRefused(describe(operation), 1, "refused by the test")

    engine = Engine(*folders, before=refuse_the_second)
    try:
        join_two(engine, netns)
        seen.clear()
        refusing = True
        with pytest.raises(KernelRefused):
            engine.detach("one")
        refusing = False
        assert not any(isinstance(o, DoomLink) for o in seen)
        check_consistency(engine)
    finally:
        refusing = False
        engine.down(force=True)
        engine.close()
