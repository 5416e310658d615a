"""The route table: the server and its OpenAPI document are both made from it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from msgspec import Struct

from glassbridge.errors import NotFound
from glassbridge.frontends.api.bodies import (
    DisconnectRequest,
    DownAnswer,
    DownRequest,
    NetworksQuery,
    RemoveQuery,
    StopRequest,
    WaitAnswer,
    WaitRequest,
)
from glassbridge.frontends.api.engine_protocol import EngineProtocol
from glassbridge.model.network import Network
from glassbridge.model.requests import AttachRequest, ConnectRequest, NetworkRequest, RunRequest
from glassbridge.model.views import NetworkView, SandboxView, Status

OPENAPI_PATH = "/v1/openapi.json"


S = TypeVar("S")


class Cost(Enum):
    """How a call is kept from holding up the event loop."""

    QUEUED = auto()
    """It returns a future of the engine's writer: the hot path, no thread in between."""
    BRIEF = auto()
    """It returns soon: a thread of the pool."""
    LONG = auto()
    """It may block for seconds: a thread of its own, so that the pool is never used up."""


@dataclass(frozen=True, slots=True)
class Route(Generic[S]):
    """One method on one path; `call` gets who serves it, `{ref}` of the path, and body or query."""

    method: str
    path: str
    name: str
    summary: str
    call: Callable[[S, str, Any], Any | Future[Any]]
    answer: Any
    """Its type; typing has no word for `tuple[X, ...]` as a value."""
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    status: int = 200
    cost: Cost = Cost.BRIEF


def _down(engine: EngineProtocol, _: str, asked: DownRequest) -> DownAnswer:
    return DownAnswer(notes=engine.down(force=asked.force))


def _wait(engine: EngineProtocol, ref: str, asked: WaitRequest) -> WaitAnswer:
    return WaitAnswer(exit_code=engine.wait(ref, asked.timeout))


def _containers(engine: EngineProtocol, *_: object) -> tuple[SandboxView, ...]:
    return tuple(s for s in engine.sandboxes() if s.container is not None)


def _container(engine: EngineProtocol, ref: str, _: object) -> SandboxView:
    view = engine.sandbox(ref)
    if view.container is None:
        raise NotFound(
            f"{view.sandbox.name} is an attached namespace, not a container",
            hint=f"see: glassbridge stack {view.sandbox.name}",
        )
    return view


ROUTES: tuple[Route[EngineProtocol], ...] = (
    Route(
        "GET",
        "/v1/status",
        "status",
        "Pid, version, counts, queue and last recovery of the daemon.",
        lambda engine, _ref, _: engine.status(),
        Status,
    ),
    Route(
        "POST",
        "/v1/up",
        "up",
        "Create the default network's bridge.",
        lambda engine, _ref, _: engine.up(),
        Network,
    ),
    Route(
        "POST",
        "/v1/down",
        "down",
        "Take everything of ours off the host.",
        _down,
        DownAnswer,
        body=DownRequest,
        cost=Cost.LONG,
    ),
    Route(
        "GET",
        "/v1/networks",
        "listNetworks",
        "Every network, with who is on it.",
        lambda engine, _ref, asked: engine.networks(members=asked.members),
        tuple[NetworkView, ...],
        query=NetworksQuery,
    ),
    Route(
        "POST",
        "/v1/networks",
        "createNetwork",
        "Create a network and its bridge.",
        lambda engine, _, asked: engine.create_network(asked),
        Network,
        body=NetworkRequest,
        status=201,
    ),
    Route(
        "POST",
        "/v1/prune",
        "pruneNetworks",
        "Remove every network that nobody is on.",
        lambda engine, _ref, _: engine.prune_networks(),
        tuple[Network, ...],
        cost=Cost.LONG,
    ),
    Route(
        "GET",
        "/v1/networks/{ref}",
        "getNetwork",
        "One network, by name, id or the start of its id.",
        lambda engine, ref, _: engine.network(ref),
        NetworkView,
    ),
    Route(
        "DELETE",
        "/v1/networks/{ref}",
        "removeNetwork",
        "Remove a network that nobody is on, and its bridge.",
        lambda engine, ref, _: engine.remove_network(ref),
        Network,
    ),
    Route(
        "POST",
        "/v1/networks/{ref}/connect",
        "connect",
        "Give a container or sandbox one more interface, on this network.",
        lambda engine, ref, asked: engine.connect(ref, asked),
        SandboxView,
        body=ConnectRequest,
        cost=Cost.LONG,
    ),
    Route(
        "POST",
        "/v1/networks/{ref}/disconnect",
        "disconnect",
        "Take a container's or sandbox's interface on this network away.",
        lambda engine, ref, asked: engine.disconnect(ref, asked.container),
        SandboxView,
        body=DisconnectRequest,
        cost=Cost.LONG,
    ),
    Route(
        "GET",
        "/v1/sandboxes",
        "listSandboxes",
        "Every network stack of ours: containers and attached namespaces.",
        lambda engine, _ref, _: engine.sandboxes(),
        tuple[SandboxView, ...],
    ),
    Route(
        "POST",
        "/v1/sandboxes",
        "attach",
        "Give a process or a namespace its network stack.",
        lambda engine, _, asked: engine.submit_attach(asked),
        SandboxView,
        body=AttachRequest,
        status=201,
        cost=Cost.QUEUED,
    ),
    Route(
        "GET",
        "/v1/sandboxes/{ref}",
        "getSandbox",
        "One network stack, by name, id or the start of its id.",
        lambda engine, ref, _: engine.sandbox(ref),
        SandboxView,
    ),
    Route(
        "DELETE",
        "/v1/sandboxes/{ref}",
        "detach",
        "Take away what attach gave; its links are gone when this is answered.",
        lambda engine, ref, _: engine.submit_detach(ref),
        SandboxView,
        cost=Cost.QUEUED,
    ),
    Route(
        "GET",
        "/v1/containers",
        "listContainers",
        "Every container of the embedded runtime, running or not.",
        _containers,
        tuple[SandboxView, ...],
    ),
    Route(
        "POST",
        "/v1/containers",
        "run",
        "Create and start a container.",
        lambda engine, _, asked: engine.run(asked),
        SandboxView,
        body=RunRequest,
        status=201,
        cost=Cost.LONG,
    ),
    Route(
        "GET",
        "/v1/containers/{ref}",
        "getContainer",
        "One container, by name, id or the start of its id.",
        _container,
        SandboxView,
    ),
    Route(
        "DELETE",
        "/v1/containers/{ref}",
        "removeContainer",
        "Remove a container that has ended; with force also a running one.",
        lambda engine, ref, asked: engine.remove(ref, force=asked.force),
        SandboxView,
        query=RemoveQuery,
        cost=Cost.LONG,
    ),
    Route(
        "POST",
        "/v1/containers/{ref}/start",
        "start",
        "Start a container that has ended.",
        lambda engine, ref, _: engine.start(ref),
        SandboxView,
        cost=Cost.LONG,
    ),
    Route(
        "POST",
        "/v1/containers/{ref}/stop",
        "stop",
        "Stop a container: SIGTERM, and SIGKILL when its time is up.",
        lambda engine, ref, asked: engine.stop(ref, asked.timeout),
        SandboxView,
        body=StopRequest,
        cost=Cost.LONG,
    ),
    Route(
        "POST",
        "/v1/containers/{ref}/wait",
        "wait",
        "Wait for the end of a container, for a while; null means ask again.",
        _wait,
        WaitAnswer,
        body=WaitRequest,
        cost=Cost.LONG,
    ),
)
