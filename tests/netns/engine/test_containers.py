"""Containers while several things happen to one of them at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from glassbridge.engine.container_stack import ContainerStacks
from glassbridge.engine.engine import Engine
from glassbridge.engine.records import RecordContainer
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, InvalidRequest, Unavailable
from glassbridge.model.container import Container, ContainerSpec, ContainerState, NetworkWish
from glassbridge.model.endpoint import PortWish
from glassbridge.model.requests import ConnectRequest, NetworkRequest, RunRequest
from glassbridge.model.views import SandboxView
from glassbridge.runtime.process import Process
from glassbridge.runtime.runtime import Runtime
from glassbridge.store.store import Store

BLUE = ConnectRequest(container="web", wish=NetworkWish(network="blue"))


def sleeper(mode: str = "default", *ports: PortWish) -> RunRequest:
    """A container that goes on until it is told to end."""
    spec = ContainerSpec(rootfs="/", command=("sleep", "1000"))
    return RunRequest(spec=spec, name="web", network_mode=mode, ports=ports)


def networks_of(view: SandboxView) -> set[str]:
    """Which networks it is on."""
    return {e.network for e in view.endpoints}


def test_networks_that_it_joined_and_left_are_remembered(engine: Engine) -> None:
    engine.create_network(NetworkRequest(name="blue"))
    engine.run(sleeper("default", PortWish(container_port=80)))
    engine.connect("blue", BLUE)
    engine.disconnect("bridge", "web")
    engine.stop("web", 0)
    assert networks_of(engine.start("web")) == {"blue"}
    engine.disconnect("blue", "web")
    engine.stop("web", 0)
    assert networks_of(engine.start("web")) == set()


def test_a_connect_while_it_starts_waits_for_the_start(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would write down a stopped container over the running one."""
    engine.create_network(NetworkRequest(name="blue"))
    engine.run(sleeper())
    engine.stop("web", 0)
    really_start = Runtime.start
    starting = threading.Event()

    def start_slowly(runtime: Runtime, container: Container, netns: str | None) -> Process:
        starting.set()
        time.sleep(0.2)
        return really_start(runtime, container, netns)

    monkeypatch.setattr(Runtime, "start", start_slowly)
    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(engine.start, "web")
        assert starting.wait(30)
        engine.connect("blue", BLUE)
        start.result(10)
    view = engine.sandbox("web")
    assert view.container is not None
    assert view.container.state is ContainerState.RUNNING
    assert networks_of(view) == {"bridge", "blue"}


def test_what_the_path_names_is_connected(engine: Engine) -> None:
    engine.create_network(NetworkRequest(name="blue"))
    engine.create_network(NetworkRequest(name="green"))
    engine.run(sleeper())
    wish = NetworkWish(network="green")
    engine.connect("blue", ConnectRequest(container="web", wish=wish))
    assert networks_of(engine.sandbox("web")) == {"bridge", "blue"}


@pytest.mark.parametrize("mode", ["host", "none"])
def test_without_a_network_of_its_own_it_joins_none(engine: Engine, mode: str) -> None:
    engine.create_network(NetworkRequest(name="blue"))
    engine.run(sleeper(mode))
    with pytest.raises(Conflict, match="cannot join networks"):
        engine.connect("blue", BLUE)
    engine.stop("web", 0)
    with pytest.raises(Conflict, match="cannot join networks"):
        engine.connect("blue", BLUE)


def test_networks_are_refused_where_they_mean_nothing(engine: Engine) -> None:
    spec = ContainerSpec(rootfs="/", command=("true",))
    networks = (NetworkWish(network="bridge"),)
    with pytest.raises(InvalidRequest, match="cannot be joined with --network host"):
        engine.run(RunRequest(spec=spec, network_mode="host", networks=networks))


def test_one_that_has_just_ended_is_stopped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_terminate = Runtime.terminate

    def end_first(runtime: Runtime, container: Container) -> None:
        init = runtime.init(container)
        runtime.kill(container)
        assert init.wait(30)
        really_terminate(runtime, container)

    engine.run(sleeper())
    monkeypatch.setattr(Runtime, "terminate", end_first)
    stopped = engine.stop("web").container
    assert stopped is not None
    assert stopped.state is ContainerState.EXITED


def test_its_end_is_told_even_if_nothing_can_be_given_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("failed by the test")

    engine.run(sleeper())
    with monkeypatch.context() as patched:
        patched.setattr(ContainerStacks, "drop", fail)
        with ThreadPoolExecutor(1) as pool:
            code = pool.submit(engine.wait, "web", 5)
            engine.stop("web", 0)
            assert code.result() == 137


def test_what_cannot_be_recorded_does_not_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Process] = []
    really_start, really_settle = Runtime.start, RecordContainer.settle

    def start(runtime: Runtime, container: Container, netns: str | None) -> Process:
        started.append(really_start(runtime, container, netns))
        return started[-1]

    def settle(job: RecordContainer, state: State, store: Store) -> None:
        if started:
            raise Unavailable("no room, says the test")
        really_settle(job, state, store)

    monkeypatch.setattr(Runtime, "start", start)
    monkeypatch.setattr(RecordContainer, "settle", settle)
    with pytest.raises(Unavailable):
        engine.run(sleeper())
    assert started[0].wait(30), "it runs, and nobody knows of it"
    assert engine.sandboxes() == ()
