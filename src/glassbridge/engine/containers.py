"""Use cases about containers of our own runtime: create, start, stop, remove, notice their end.

The steps that wait (a process to start, to stop) run in the caller's thread under the container's
own lock; only the short ones pass the writer.
"""

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress

from msgspec.structs import replace

from glassbridge.engine.attaching import Connect
from glassbridge.engine.container_stack import ContainerStacks, sandbox_of
from glassbridge.engine.detaching import Disconnect
from glassbridge.engine.exits import ExitWatcher
from glassbridge.engine.jobs import Submit
from glassbridge.engine.name_files import NameFiles
from glassbridge.engine.records import CreateContainer, ForgetContainer, RecordContainer
from glassbridge.engine.state import State
from glassbridge.engine.views import sandbox_view
from glassbridge.engine.wishes import container_spec, network_mode
from glassbridge.errors import Conflict, GlassbridgeError, NotFound, Unavailable
from glassbridge.kernel.netns import delete_netns
from glassbridge.model.container import Container, ContainerState, NetworkWish
from glassbridge.model.endpoint import SandboxId
from glassbridge.model.kernel_names import DEFAULT_NETWORK
from glassbridge.model.names import check_name, new_id
from glassbridge.model.network import Network
from glassbridge.model.requests import RunRequest
from glassbridge.model.views import SandboxView
from glassbridge.runtime.runtime import Runtime

_log = logging.getLogger(__name__)


class Containers:
    """Drives the runtime and the writer."""

    def __init__(
        self,
        state: State,
        submit: Submit,
        stacks: ContainerStacks,
        runtime: Runtime,
        files: NameFiles,
    ) -> None:
        self._state = state
        self._submit = submit
        self._stacks = stacks
        self._runtime = runtime
        self._files = files
        self._locks: dict[SandboxId, threading.RLock] = {}
        self._ends: dict[SandboxId, Future[int]] = {}
        self._watcher = ExitWatcher(self._ended)

    def open(self) -> None:
        """Adopt what runs and remove what a crash left half made; nobody was told of that."""
        self._watcher.start()
        for container in self._state.containers:
            if container.state is ContainerState.RUNNING:
                self._ends[container.id] = Future()
                self._watch(container)
                continue
            # a process of its own runs where a crash came ahead of the record of it
            self._runtime.kill(container)
            self._stacks.drop(container)
            if container.state is ContainerState.CREATED:
                self._forget(container)
        for path in self._stacks.strays():
            delete_netns(path)

    def close(self) -> None:
        """Stop watching; the containers go on, and who waits for one is told."""
        self._watcher.stop()
        for end in self._ends.values():
            end.set_exception(Unavailable("the engine is closing"))

    def run(self, request: RunRequest) -> SandboxView:
        """Create and start a container; a failure leaves nothing of it."""
        container = self._create(request)
        with self._lock(container.id):
            try:
                self._start(container)
            except BaseException:
                self._forget(container)
                raise
        return self._view(container)

    def start(self, ref: str) -> SandboxView:
        """Start a stopped container again, with the same wishes for its networks."""
        container = self._state.container(ref)
        with self._lock(container.id):
            container = self._state.container(container.id)
            if container.state is ContainerState.RUNNING:
                raise Conflict(f"container {container.name} is running already")
            self._start(container)
        return self._view(container)

    def stop(self, ref: str, timeout: float) -> SandboxView:
        """SIGTERM, then SIGKILL after `timeout` seconds; stopped already is success."""
        container = self._state.container(ref)
        if container.state is ContainerState.RUNNING:
            with suppress(NotFound):  # it has ended meanwhile
                self._runtime.terminate(container)
            if self._await_end(container, timeout) is None:
                self._runtime.kill(container)
                self._await_end(container, None)
        return self._view(container)

    def remove(self, ref: str, *, force: bool) -> SandboxView:
        """Remove a container with its log; a running one only with `force`."""
        container = self._state.container(ref)
        view = self._view(container)
        if container.state is ContainerState.RUNNING:
            if not force:
                raise Conflict(
                    f"container {container.name} is running",
                    hint=f"stop it first, or: glassbridge rm -f {container.name}",
                )
            self._runtime.kill(container)
            self._await_end(container, None)
        with self._lock(container.id):
            if container.id in self._state.containers:
                self._forget(container)
        return view

    def wait(self, ref: str, timeout: float | None) -> int | None:
        """Wait for a container's end; returns its exit code, None when time is up first."""
        return self._await_end(self._state.container(ref), timeout)

    def _await_end(self, container: Container, timeout: float | None) -> int | None:
        end = self._ends.get(container.id)
        if end is None:
            return (self._state.containers.get(container.id) or container).exit_code
        try:
            return end.result(timeout)
        except TimeoutError:
            return None

    def connect(self, network: Network, ref: str, wish: NetworkWish) -> SandboxView:
        """Plug in what is running; a container does the same at each later start."""
        with self._held(ref) as container:
            if container is None:
                return self._submit(Connect(network.id, ref, wish)).result()
            if container.network_mode != "default":
                raise Conflict(
                    f"{container.name} cannot join networks: it runs with "
                    f"--network {container.network_mode}",
                    hint=f"run another with --network {network.name}",
                )
            rest = _without(container, network)
            if container.state is ContainerState.RUNNING:
                self._submit(Connect(network.id, container.id, wish)).result()
                self._files.write_anew(container)
            elif len(rest) < len(container.networks):
                raise Conflict(f"{container.name} is already connected to network {network.name}")
            return self._change(container, networks=(*rest, wish))

    def disconnect(self, network: Network, ref: str) -> SandboxView:
        """Pull out what is running; a container does without the network at later starts, too."""
        with self._held(ref) as container:
            if container is None:
                return self._submit(Disconnect(network.id, ref)).result()
            rest = _without(container, network)
            if container.state is ContainerState.RUNNING:
                self._submit(Disconnect(network.id, container.id)).result()
                self._files.write_anew(container)
            elif len(rest) == len(container.networks):
                raise NotFound(f"{container.name} is not connected to network {network.name}")
            return self._change(container, networks=rest)

    @contextmanager
    def _held(self, ref: str) -> Iterator[Container | None]:
        """The container meant, which neither starts nor ends meanwhile; None: no container."""
        container_id = self._state.find(ref)
        if container_id not in self._state.containers:
            yield None
            return
        with self._lock(container_id):
            yield self._state.container(container_id)

    def _create(self, request: RunRequest) -> Container:
        wished = Container(
            id=SandboxId(new_id(secrets.token_bytes(32))),
            name=check_name(request.name) if request.name else "",
            spec=container_spec(request.spec),
            network_mode=network_mode(self._state, request),
            networks=self._by_name(request.networks or (NetworkWish(network=DEFAULT_NETWORK),)),
            ports=request.ports,
            created=time.time(),
        )
        return self._submit(CreateContainer(wished)).result()

    def _by_name(self, wishes: Sequence[NetworkWish]) -> tuple[NetworkWish, ...]:
        return tuple(replace(w, network=self._state.network(w.network).name) for w in wishes)

    def _start(self, container: Container) -> None:
        # before anything is made: a misspelt program must not cost an address its rest
        self._runtime.check(container)
        path = self._stacks.make(container)
        try:
            files = self._files
            self._runtime.prepare(container, files.hosts(container), files.servers(container))
            process = self._runtime.start(container, path)
            running = replace(
                container,
                state=ContainerState.RUNNING,
                pid=process.pid,
                pid_started=process.started_ticks,
                exit_code=None,
                started=time.time(),
                finished=0.0,
            )
            self._ends[container.id] = Future()
            self._submit(RecordContainer(running)).result()
        except BaseException:
            # nobody would know of a process that is not recorded
            self._runtime.kill(container)
            self._ends.pop(container.id, None)
            self._stacks.drop(container)
            raise
        self._watch(running)

    def _watch(self, container: Container) -> None:
        descriptor = self._runtime.open_pidfd(container)
        if descriptor is None:
            self._ended(container.id)
        else:
            self._watcher.watch(container.id, descriptor)

    def _ended(self, container_id: SandboxId) -> None:
        """Give back what an ended container held, then say so: waiters find its address free."""
        with self._lock(container_id):
            container = self._state.containers.get(container_id)
            if container is None or container.state is not ContainerState.RUNNING:
                return
            code = self._runtime.exit_code(container)
            try:
                self._give_back(container, code)
            except Exception:  # noqa: BLE001 - who waits for the end must hear of it all the same
                _log.exception("container %s ended", container.name)
            # under the lock: the next start brings another future
            self._ends.pop(container_id).set_result(code or 0)

    def _give_back(self, container: Container, code: int | None) -> None:
        try:
            self._stacks.drop(container)
        except GlassbridgeError as error:
            _log.warning("container %s ended: %s", container.name, error)
        if container.spec.auto_remove:
            self._forget(container)
        else:
            self._change(
                container,
                state=ContainerState.EXITED,
                pid=None,
                exit_code=code,
                finished=time.time(),
            )

    def _change(self, container: Container, **changes: object) -> SandboxView:
        changed = replace(container, **changes)
        self._submit(RecordContainer(changed)).result()
        return self._view(changed)

    def _forget(self, container: Container) -> None:
        self._runtime.remove(container)
        self._submit(ForgetContainer(container)).result()
        self._locks.pop(container.id, None)

    def _view(self, container: Container) -> SandboxView:
        """As it is now, or as it was if it removed itself."""
        try:
            return sandbox_view(self._state, container.id)
        except NotFound:
            return SandboxView(sandbox=sandbox_of(container, ""), container=container)

    def _lock(self, container_id: SandboxId) -> threading.RLock:
        return self._locks.setdefault(container_id, threading.RLock())


def _without(container: Container, network: Network) -> tuple[NetworkWish, ...]:
    return tuple(w for w in container.networks if w.network != network.name)
