"""The job behind CNI's DEL and netavark's teardown: by our own state alone."""

from glassbridge.engine.removal import Removal, forget_empty_sandbox, remove_routes
from glassbridge.engine.state import State
from glassbridge.kernel.executor import Executor
from glassbridge.model.attachment import Attachment, AttachmentKey
from glassbridge.model.endpoint import EndpointState
from glassbridge.plan.endpoint import plan_detach, plan_unwind
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store


class Unplug(Removal[Attachment | None]):
    """Take one interface away; answered when its link is gone. None: it was unknown."""

    def __init__(self, key: AttachmentKey) -> None:
        super().__init__()
        self._key = key
        self._found: Attachment | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        self._found = found = find_attachment(state, self._key)
        if found is None:
            return ()
        endpoint = found.endpoint
        self._doom(state, endpoint)
        if endpoint.state is not EndpointState.ATTACHED:
            # a delete before this one is under way, or broke off behind its firewall elements
            return plan_unwind(endpoint)
        routes = remove_routes(found.sandbox, endpoint, executor)
        return (*routes, *plan_detach(found.network, endpoint))

    def reaped(self, state: State, store: Store) -> None:
        """The last of a namespace takes the sandbox along."""
        assert self._found is not None
        forget_empty_sandbox(state, store, self._found.endpoint)

    def result(self, state: State) -> Attachment | None:
        return self._found


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
