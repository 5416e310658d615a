"""An engine without a kernel: answers the API's calls from values in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_network

from glassbridge.errors import Conflict, GlassbridgeError, NotFound
from glassbridge.frontends.api.bodies import FreedAnswer, PluginAnswer
from glassbridge.model.address import Mac
from glassbridge.model.container import Container, ContainerSpec, ContainerState
from glassbridge.model.endpoint import (
    Endpoint,
    EndpointId,
    Protocol,
    PublishedPort,
    Sandbox,
    SandboxId,
    SandboxKind,
)
from glassbridge.model.network import Ifname, Network, NetworkId, Subnet
from glassbridge.model.requests import AttachRequest, ConnectRequest, NetworkRequest, RunRequest
from glassbridge.model.views import EndpointView, NetworkView, Recovery, SandboxView, Status

BRIDGE = Network(
    id=NetworkId("a" * 64),
    name="bridge",
    bridge=Ifname("gb0"),
    bridge_mac=Mac("02:42:00:00:00:01"),
    ipv4=Subnet(prefix=ip_network("172.17.0.0/16"), gateway=ip_address("172.17.0.1")),
    ipv6=Subnet(prefix=ip_network("fd00::/64"), gateway=ip_address("fd00::1")),
)


def endpoint_of(
    sandbox: SandboxId, number: int, *ports: PublishedPort, routed: tuple[int, ...] = ()
) -> EndpointView:
    endpoint = Endpoint(
        id=EndpointId(f"{number:064x}"),
        network=BRIDGE.id,
        sandbox=sandbox,
        ifname=Ifname("eth0"),
        host_end=Ifname(f"veth{number:07x}"),
        mac=Mac(f"02:42:ac:11:00:{number:02x}"),
        host_mac=Mac("0a:42:00:00:00:01"),
        ipv4=IPv4Interface(f"172.17.0.{number}/16"),
        ipv6=IPv6Interface(f"fd00::{number}/64"),
        ports=ports,
        is_gateway=True,
    )
    return EndpointView(endpoint=endpoint, network="bridge", bridge="gb0", routed=routed)


class EngineStandIn:
    """Holds sandboxes by name; `fault` makes every call fail with it."""

    def __init__(self) -> None:
        self.views: dict[str, SandboxView] = {}
        self.made: dict[str, Network] = {"bridge": BRIDGE}
        self.asked: dict[str, NetworkRequest] = {}
        self.fault: Exception | None = None
        self.routed: tuple[int, ...] = ()
        self.released = threading.Event()
        self.downs: list[bool] = []

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault

    def _put(self, name: str, container: Container | None, *ports: PublishedPort) -> SandboxView:
        if name in self.views:
            raise Conflict(f"name {name} is taken", hint="choose another")
        number = len(self.views) + 2
        sandbox_id = SandboxId(f"{number:x}" * 64)
        kind = SandboxKind.FOREIGN if container is None else SandboxKind.CONTAINER
        sandbox = Sandbox(
            id=sandbox_id, name=name, netns="/run/netns/x", netns_cookie=number, kind=kind
        )
        view = SandboxView(
            sandbox=sandbox,
            endpoints=(endpoint_of(sandbox_id, number, *ports, routed=self.routed),),
            container=container,
        )
        self.views[name] = view
        return view

    def status(self) -> Status:
        self._check()
        return Status(
            pid=1,
            version="1",
            networks=len(self.made),
            endpoints=len(self.views),
            containers=0,
            queue=0,
            netns="net:[1]",
            run_dir="/run/x",
            state_dir="/var/x",
            started=0.0,
            last_recovery=Recovery(at=0.0, trigger="start", restored=("gb0",)),
        )

    def up(self) -> Network:
        self._check()
        return BRIDGE

    def down(self, *, force: bool) -> tuple[str, ...]:
        self._check()
        self.downs.append(force)
        return ("ip_forward is left on: docker0 uses it",)

    def create_network(self, request: NetworkRequest) -> Network:
        self._check()
        network = Network(
            id=NetworkId("b" * 64),
            name=request.name,
            bridge=Ifname("gb-bbbbbbbb"),
            bridge_mac=Mac("02:42:00:00:00:02"),
            ipv4=Subnet(prefix=ip_network("10.9.0.0/24")),
        )
        self.made[request.name] = network
        self.asked[request.name] = request
        return network

    def networks(self, *, members: bool = True) -> tuple[NetworkView, ...]:
        self._check()
        there = tuple(self.views.values()) if members else ()
        return tuple(
            NetworkView(network=n, endpoints=there if n is BRIDGE else ())
            for n in self.made.values()
        )

    def plugin(self) -> PluginAnswer:
        self._check()
        return PluginAnswer(enabled=True, socket="/run/x.sock", serving=True)

    def enable_plugin(self) -> PluginAnswer:
        return self.plugin()

    def disable_plugin(self, *, force: bool) -> PluginAnswer:
        assert force
        return self.plugin()

    def free_orphans(self) -> FreedAnswer:
        self._check()
        return FreedAnswer(freed=("subnet 10.1.0.0/24",))

    def network(self, ref: str) -> NetworkView:
        self._check()
        for view in self.networks():
            if ref in {view.network.name, view.network.id}:
                return view
        raise NotFound(f"no such network: {ref}", hint="glassbridge network ls")

    def remove_network(self, ref: str) -> Network:
        return self.made.pop(self.network(ref).network.name)

    def prune_networks(self) -> tuple[Network, ...]:
        self._check()
        return tuple(self.made.pop(n) for n in list(self.made) if n != "bridge")

    def connect(self, network_ref: str, request: ConnectRequest) -> SandboxView:
        self.network(network_ref)
        return self.sandbox(request.container)

    def disconnect(self, network_ref: str, container_ref: str) -> SandboxView:
        self.network(network_ref)
        return self.sandbox(container_ref)

    def submit_attach(self, request: AttachRequest) -> Future[SandboxView]:
        return _later(lambda: self._attach(request))

    def _attach(self, request: AttachRequest) -> SandboxView:
        self._check()
        return self._put(request.name, None)

    def submit_detach(self, ref: str) -> Future[SandboxView]:
        return _later(lambda: self.views.pop(self.sandbox(ref).sandbox.name))

    def sandboxes(self) -> tuple[SandboxView, ...]:
        self._check()
        return tuple(self.views.values())

    def sandbox(self, ref: str) -> SandboxView:
        self._check()
        for view in self.views.values():
            if ref in {view.sandbox.name, view.sandbox.id}:
                return view
        raise NotFound(f"no such container: {ref}")

    def run(self, request: RunRequest) -> SandboxView:
        self._check()
        container = Container(
            id=SandboxId("c" * 64),
            name=request.name,
            spec=request.spec,
            state=ContainerState.RUNNING,
            ports=request.ports,
        )
        published = [
            PublishedPort(
                host_address=ip_address(any_address),
                host_port=8080,
                container_port=wish.container_port,
                protocol=Protocol.TCP,
            )
            for wish in request.ports
            for any_address in ("0.0.0.0", "::")
        ]
        return self._put(request.name, container, *published)

    def start(self, ref: str) -> SandboxView:
        return self.sandbox(ref)

    def stop(self, ref: str, timeout: float) -> SandboxView:
        assert timeout >= 0
        return self.sandbox(ref)

    def remove(self, ref: str, *, force: bool) -> SandboxView:
        view = self.sandbox(ref)
        if not force:
            raise Conflict(f"container {ref} is running", hint=f"glassbridge rm -f {ref}")
        return self.views.pop(view.sandbox.name)

    def wait(self, ref: str, timeout: float) -> int | None:
        self.sandbox(ref)
        return 3 if self.released.wait(timeout) else None


def _later(call: Callable[[], SandboxView]) -> Future[SandboxView]:
    future: Future[SandboxView] = Future()
    try:
        future.set_result(call())
    except GlassbridgeError as error:
        future.set_exception(error)
    return future


def spec(*command: str) -> ContainerSpec:
    return ContainerSpec(rootfs="/", command=command)
