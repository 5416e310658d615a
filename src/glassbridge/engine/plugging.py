"""The job behind CNI's ADD and netavark's setup: one interface, whole or not at all."""

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Future

from msgspec.structs import replace

from glassbridge.engine.jobs import Job
from glassbridge.engine.keyed_endpoint import KeyedEndpoint
from glassbridge.engine.leasing import Leases
from glassbridge.engine.publishing import publish
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, InvalidRequest, NotFound
from glassbridge.kernel.executor import Executor
from glassbridge.model.attachment import Attachment, AttachmentRequest
from glassbridge.model.endpoint import Endpoint, EndpointState, Sandbox, SandboxId
from glassbridge.model.names import check_name, new_id
from glassbridge.model.network import Network
from glassbridge.plan.endpoint import plan_attach
from glassbridge.plan.operations import Operation
from glassbridge.plan.sandbox_end import leaves_traces
from glassbridge.store.store import Store


class Plug(Job[Attachment]):
    """Give a namespace one interface on one network."""

    def __init__(
        self, request: AttachmentRequest, realised: Sequence[Future[Network]] = ()
    ) -> None:
        """Plug; `realised` are jobs that were queued ahead, for the bridge that it needs."""
        super().__init__()
        self._request = request
        self._realised = realised
        self._executor: Executor | None = None
        self._network: Network | None = None
        self._sandbox: Sandbox | None = None
        self._endpoint: Endpoint | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        for bridge in self._realised:
            bridge.result()
        request, self._executor = self._request, executor
        self._network = network = _network_of(state, request)
        sandbox = _sandbox_of(state, executor, request)
        leases = Leases(state, time.monotonic())
        try:
            chosen = KeyedEndpoint(state, executor, leases, network, sandbox, request)
            endpoint = chosen.choose()
            found = chosen.found(endpoint)
            ports = publish(state, executor, network, endpoint, request.ports)
        except BaseException:
            leases.give_back()
            raise
        self._sandbox = sandbox
        self._endpoint = endpoint = replace(endpoint, ports=ports)
        if sandbox.id not in state.sandboxes:
            state.put_sandbox(sandbox)
        state.put_endpoint(endpoint)
        return plan_attach(
            network,
            endpoint,
            request.netns,
            announce=state.mac_may_have_changed(endpoint),
            found=found,
        )

    def intend(self, state: State, store: Store) -> None:
        """Write what a sweep by our link group would not find; else nothing, as with an attach."""
        assert self._endpoint is not None
        assert self._sandbox is not None
        if leaves_traces(self._endpoint):
            store.put_sandbox(self._sandbox)
            store.put_endpoint(self._endpoint)

    def settle(self, state: State, store: Store) -> None:
        assert self._endpoint is not None
        assert self._sandbox is not None
        self._endpoint = state.mark(self._endpoint, state=EndpointState.ATTACHED)
        store.put_sandbox(self._sandbox)
        store.put_endpoint(self._endpoint)

    def abandon(self, state: State, store: Store) -> None:
        assert self._executor is not None
        assert self._endpoint is not None
        assert self._sandbox is not None
        for port in self._endpoint.ports:
            # held when it was chosen, ahead of the plan whose undo releases it otherwise
            self._executor.ports.release(port)
        state.drop_endpoint(self._endpoint, time.monotonic())
        store.delete_endpoint(self._endpoint.id)
        if not state.endpoints_of(self._sandbox.id):
            state.drop_sandbox(self._sandbox.id)
            store.delete_sandbox(self._sandbox.id)

    def result(self, state: State) -> Attachment:
        assert self._network is not None
        assert self._endpoint is not None
        assert self._sandbox is not None
        return Attachment(
            key=self._request.key,
            network=self._network,
            endpoint=self._endpoint,
            sandbox=self._sandbox,
        )


def _network_of(state: State, request: AttachmentRequest) -> Network:
    key = request.key
    network = state.managed(key.network)
    if network is None:
        raise NotFound(f"no such network: {key.network}")
    if (present := state.keyed(network.id, key.container, key.ifname)) is not None:
        raise Conflict(f"{key} is {present.state} already", hint="delete it first")
    return network


def _sandbox_of(state: State, executor: Executor, request: AttachmentRequest) -> Sandbox:
    """The sandbox that the namespace is, or a new one under the container's id."""
    cookie = executor.cookie(request.netns)
    if cookie == executor.own_cookie:
        raise InvalidRequest(
            f"{request.netns} is the host's own network namespace",
            hint="name a container's namespace",
        )
    known = state.sandbox_in(cookie)
    if known is not None:
        return known
    container = request.key.container
    taken = container in state.sandboxes or container in state.containers
    sandbox_id = SandboxId(new_id(secrets.token_bytes(32)) if taken else container)
    return Sandbox(
        id=sandbox_id,
        name=_name_for(state, request.name, container, sandbox_id),
        netns=request.netns,
        netns_cookie=cookie,
        created=time.time(),
    )


def _name_for(state: State, wish: str, container: str, sandbox_id: SandboxId) -> str:
    """The container's name; two pods may share theirs, which must not keep one from starting."""
    for name in (wish, container[:12] if not wish else f"{wish}-{container[:12]}", container):
        try:
            state.check_name_is_free(check_name(name))
        except (Conflict, InvalidRequest):
            continue
        return name
    return sandbox_id
