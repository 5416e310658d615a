"""The job behind CNI's DEL and netavark's teardown: by our own state alone."""

from glassbridge.engine.jobs import Job
from glassbridge.engine.state import State
from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.executor import Executor
from glassbridge.model.attachment import Attachment, AttachmentKey
from glassbridge.model.endpoint import Endpoint, EndpointState, Sandbox
from glassbridge.plan.endpoint import plan_detach, plan_unwind
from glassbridge.plan.operations import DoomLink, Operation
from glassbridge.plan.sandbox_end import plan_remove_routes
from glassbridge.store.store import Store


class Unplug(Job[Attachment | None]):
    """Take one interface away; answered when its link is gone. None: it was unknown."""

    def __init__(self, key: AttachmentKey) -> None:
        super().__init__()
        self._key = key
        self._before: Attachment | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        self._before = found = find_attachment(state, self._key)
        if found is None:
            return ()
        endpoint, sandbox = found.endpoint, found.sandbox
        self.doomed = (state.mark(endpoint, state=EndpointState.DETACHING),)
        if endpoint.state is not EndpointState.ATTACHED:
            # a delete before this one is under way, or broke off behind its firewall elements
            return plan_unwind(endpoint)
        operations = plan_detach(found.network, endpoint)
        if is_alive(sandbox, executor):
            operations = (*plan_remove_routes(endpoint, sandbox.netns), *operations)
        return tuple(sorted(operations, key=lambda o: isinstance(o, DoomLink)))

    def intend(self, state: State, store: Store) -> None:
        for endpoint in self.doomed:
            store.put_endpoint(endpoint)

    def abandon(self, state: State, store: Store) -> None:
        if self._before is not None:
            endpoint = self._before.endpoint
            state.put_endpoint(endpoint)
            store.put_endpoint(endpoint)

    def reaped(self, state: State, store: Store) -> None:
        """The last of a namespace takes the sandbox along."""
        assert self._before is not None
        forget_empty_sandbox(state, store, self._before.endpoint)

    def result(self, state: State) -> Attachment | None:
        return self._before


def find_attachment(state: State, key: AttachmentKey) -> Attachment | None:
    """What stands under a key."""
    network = state.managed(key.network)
    if network is None:
        return None
    endpoint = state.keyed(network.id, key.container, key.ifname)
    if endpoint is None:
        return None
    sandbox = state.sandboxes.get(endpoint.sandbox)
    if sandbox is None:
        return None
    return Attachment(key=key, network=network, endpoint=endpoint, sandbox=sandbox)


def forget_empty_sandbox(state: State, store: Store, endpoint: Endpoint) -> None:
    """Forget a sandbox that has lost its last endpoint, unless it is a container of ours."""
    sandbox = endpoint.sandbox
    if not state.endpoints_of(sandbox) and sandbox not in state.containers:
        state.drop_sandbox(sandbox)
        store.delete_sandbox(sandbox)


def is_alive(sandbox: Sandbox, executor: Executor) -> bool:
    """Whether a sandbox's path still opens the namespace that it was."""
    try:
        return executor.cookie(sandbox.netns) == sandbox.netns_cookie
    except GlassbridgeError:
        return False
