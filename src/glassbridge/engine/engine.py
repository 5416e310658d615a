"""The engine: every use case, for every front-end; desired state in, frozen answers out."""

import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from glassbridge import __version__
from glassbridge.engine.address_pools import AddressPools
from glassbridge.engine.attaching import Attach
from glassbridge.engine.attachments import Attachments
from glassbridge.engine.bridges import refuse_bridge_of_others
from glassbridge.engine.container_stack import ContainerStacks
from glassbridge.engine.containers import Containers
from glassbridge.engine.detaching import Detach
from glassbridge.engine.driver import Driver
from glassbridge.engine.healing import Healer
from glassbridge.engine.holders import names_of
from glassbridge.engine.host import Host
from glassbridge.engine.jobs import Job
from glassbridge.engine.loading import load_state, netns_identity
from glassbridge.engine.management import refuse_managed, refuse_member, refuse_removal
from glassbridge.engine.name_files import NameFiles
from glassbridge.engine.names import Names
from glassbridge.engine.networks import (
    CreateNetwork,
    RemoveNetwork,
    default_network_request,
    unused_networks,
)
from glassbridge.engine.obstacles import find_obstacles
from glassbridge.engine.realising import Realise
from glassbridge.engine.shutdown import TakeDown
from glassbridge.engine.views import all_sandboxes, network_view, sandbox_view
from glassbridge.engine.wishes import foreign_sandbox
from glassbridge.engine.writer import Writer
from glassbridge.errors import Conflict, InvalidRequest, NotFound
from glassbridge.kernel.executor import Executor
from glassbridge.kernel.netns import unmake_shared_mount
from glassbridge.model.container import ContainerState, NetworkWish
from glassbridge.model.endpoint import EndpointId, SandboxKind
from glassbridge.model.kernel_names import DEFAULT_NETWORK
from glassbridge.model.names import listed
from glassbridge.model.network import Network
from glassbridge.model.requests import AttachRequest, ConnectRequest, NetworkRequest, RunRequest
from glassbridge.model.views import NetworkView, SandboxView, Status
from glassbridge.plan.operations import Operation
from glassbridge.runtime.runtime import Runtime
from glassbridge.store.store import Store

T = TypeVar("T")


class Engine:
    """Opened once per network namespace and state folder; thread-safe.

    All methods raise GlassbridgeError subclasses. Those that change something block until the
    writer has committed; `submit_attach` and `submit_detach` return a future instead.
    """

    def __init__(
        self,
        run_dir: Path,
        state_dir: Path,
        *,
        before: Callable[[Operation], None] | None = None,
    ) -> None:
        """Open the engine in the calling thread's namespace and recover what was left.

        `before` is called ahead of each kernel operation: tests refuse or kill there.
        Raises Conflict when another engine has the folders, Unavailable without libnftables.
        """
        self._run_dir, self._state_dir = run_dir, state_dir
        self._started = time.time()
        boot_id, cookie, self._netns = netns_identity()
        self._store = Store.open(run_dir, state_dir, boot_id, cookie)
        try:
            self._state = load_state(self._store)
            self._host = Host(self._store)
            self.names = Names(self._state, self._submit)
            self._writer = Writer(
                self._state, self._store, Executor(before), time.monotonic, self.names.follow
            )
        except BaseException:
            self._store.close()
            raise
        stacks = ContainerStacks(self._state, self._submit, self._realise, run_dir / "netns")
        runtime = Runtime(run_dir)
        files = NameFiles(self._state, runtime, self.names.servers_of)
        self._containers = Containers(self._state, self._submit, stacks, runtime, files)
        self._healer = Healer(self._state, self._submit, self._host)
        self.driver = Driver(self._state, self._submit, self._host)
        self.ipam = AddressPools(self._state, self._submit, self._host)
        self.attachments = Attachments(
            self._state, self._submit, self._host, lambda: self._healer.failures
        )
        self._writer.start()
        try:
            self._define_default()
            self._healer.start()
            self._containers.open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop serving; networks and containers stay as they are."""
        self._healer.stop()
        self._containers.close()
        self._writer.stop()
        self.attachments.close()
        self._host.close()
        self._store.close()

    def status(self) -> Status:
        """How the engine is doing."""
        last, failed = self._healer.last, self._healer.failures
        return Status(
            pid=os.getpid(),
            version=__version__,
            networks=len(self._state.networks),
            endpoints=len(self._state.endpoints),
            containers=len(self._state.containers),
            queue=self._writer.waiting,
            netns=self._netns,
            run_dir=str(self._run_dir),
            state_dir=str(self._state_dir),
            started=self._started,
            last_recovery=last,
            healthy=not failed,
            detail="; ".join(failed),
            obstacles=find_obstacles(self._state),
        )

    def up(self) -> Network:
        """Make the default network's bridge."""
        return self._realise(DEFAULT_NETWORK)

    def down(self, *, force: bool = False) -> tuple[str, ...]:
        """Take everything down; returns what was left alone, and why."""
        running = [c.id for c in self._state.containers if c.state is ContainerState.RUNNING]
        in_use = dict.fromkeys((*running, *(s.id for s in self._state.sandboxes)))
        if in_use and not force:
            raise Conflict(
                f"still in use: {listed(names_of(self._state, in_use))}",
                hint="stop and detach them first, or: glassbridge down --force",
            )
        for container in self._state.containers:
            self._containers.remove(container.id, force=True)
        for sandbox in self._state.sandboxes:
            if sandbox.kind is SandboxKind.DOCKER:
                self.driver.forget(EndpointId(sandbox.id))
        for future in [self._submit(Detach(s.id)) for s in self._state.sandboxes]:
            future.result()
        notes = self._submit(TakeDown(self._host)).result()
        unmake_shared_mount(str(self._run_dir / "netns"))
        return notes

    def create_network(self, request: NetworkRequest) -> Network:
        """Define a network and make its bridge."""
        if request.managed is not None:
            raise InvalidRequest(f"network {request.name}: only its engine can create it")
        refuse_bridge_of_others(request.options)
        return self._submit(CreateNetwork(request, self._host)).result()

    def networks(self, *, members: bool = True) -> tuple[NetworkView, ...]:
        """All networks by age, the default one first; with who is on them, or without."""
        known = sorted(self._state.networks, key=lambda n: n.created)
        if not members:
            return tuple(NetworkView(network=n) for n in known)
        return tuple(network_view(self._state, n) for n in known)

    def network(self, ref: str) -> NetworkView:
        """One network by name, id or unique prefix."""
        return network_view(self._state, self._state.network(ref))

    def remove_network(self, ref: str) -> Network:
        """Remove a network without endpoints."""
        network = refuse_removal(self._state, self._state.network(ref))
        return self._submit(RemoveNetwork(network.id)).result()

    def prune_networks(self) -> tuple[Network, ...]:
        """Remove every network that nothing uses."""
        removed = []
        for network in unused_networks(self._state):
            try:
                removed.append(self.remove_network(network.id))
            except (Conflict, NotFound):  # joined, or removed, meanwhile
                continue
        return tuple(removed)

    def connect(self, network_ref: str, request: ConnectRequest) -> SandboxView:
        """Plug a sandbox into one more network; a stopped container joins at its next start."""
        network = self._realise(network_ref)
        refuse_member(self._state, self._state.find(request.container))
        wish = replace(request.wish, network=network.name)
        return self._containers.connect(network, request.container, wish)

    def disconnect(self, network_ref: str, container_ref: str) -> SandboxView:
        """Pull a sandbox out of a network."""
        network = refuse_managed(self._state.network(network_ref))
        return self._containers.disconnect(network, container_ref)

    def attach(self, request: AttachRequest) -> SandboxView:
        """Give a process or a namespace its network stack."""
        return self.submit_attach(request).result()

    def detach(self, ref: str) -> SandboxView:
        """Take it away again; when this returns, the links are gone."""
        return self.submit_detach(ref).result()

    def submit_attach(self, request: AttachRequest) -> Future[SandboxView]:
        """Queue an attach."""
        wishes = request.networks or (NetworkWish(network=DEFAULT_NETWORK),)
        sandbox = foreign_sandbox(request)
        realised = [self._submit_realise(wish.network) for wish in wishes]
        return self._submit(Attach(sandbox, wishes, request.ports, realised))

    def submit_detach(self, ref: str) -> Future[SandboxView]:
        """Queue a detach; containers of the runtime are stopped instead."""
        sandbox = self._state.sandbox(ref)
        if sandbox.id in self._state.containers:
            raise Conflict(
                f"{sandbox.name} is a container of the runtime",
                hint=f"glassbridge stop {sandbox.name}, or: glassbridge network disconnect",
            )
        refuse_member(self._state, sandbox.id)
        return self._submit(Detach(sandbox.id))

    def sandboxes(self) -> tuple[SandboxView, ...]:
        """Everything with a network stack of ours, and stopped containers."""
        return all_sandboxes(self._state)

    def sandbox(self, ref: str) -> SandboxView:
        """One of them by name, id or unique prefix."""
        return sandbox_view(self._state, self._state.find(ref))

    def run(self, request: RunRequest) -> SandboxView:
        """Create and start a container."""
        return self._containers.run(request)

    def start(self, ref: str) -> SandboxView:
        """Start a stopped container."""
        return self._containers.start(ref)

    def stop(self, ref: str, timeout: float = 10.0) -> SandboxView:
        """Stop a container: SIGTERM, after `timeout` seconds SIGKILL."""
        return self._containers.stop(ref, timeout)

    def remove(self, ref: str, *, force: bool = False) -> SandboxView:
        """Remove a container."""
        return self._containers.remove(ref, force=force)

    def wait(self, ref: str, timeout: float | None = None) -> int | None:
        """Wait for a container's end; its exit code, or None when `timeout` seconds are over."""
        return self._containers.wait(ref, timeout)

    def _submit(self, job: Job[T]) -> Future[T]:
        return self._writer.submit(job)

    def _realise(self, ref: str) -> Network:
        """Find a network and see that its bridge stands."""
        return self._submit_realise(ref).result()

    def _submit_realise(self, ref: str) -> Future[Network]:
        """Whoever joins a network of ours comes by here."""
        network = refuse_managed(self._state.network(ref))
        if network.id not in self._state.realised:
            return self._submit(Realise(network.id, self._host))
        stands: Future[Network] = Future()
        stands.set_result(network)
        return stands

    def _define_default(self) -> None:
        """Docker's default network exists from the beginning, with the first subnet that is free.

        Its bridge comes with the first container: looking must not change the host.
        """
        if self._state.networks.named(DEFAULT_NETWORK) is None:
            request = default_network_request()
            self._submit(CreateNetwork(request, self._host, realise=False)).result()
