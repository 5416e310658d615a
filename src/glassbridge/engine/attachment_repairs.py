"""Jobs that mend what attachments of CNI and netavark have beyond a cable of ours."""

from glassbridge.engine.removal import Removal, forget_empty_sandbox
from glassbridge.engine.repairs import Repair, attached
from glassbridge.engine.state import State
from glassbridge.kernel.executor import Executor
from glassbridge.model.endpoint import EndpointId
from glassbridge.model.kernel_names import shaper_name
from glassbridge.plan.endpoint import plan_detach
from glassbridge.plan.operations import Operation
from glassbridge.plan.shaping import plan_reshape
from glassbridge.store.store import Store


class RestoreShaping(Repair):
    """Put a vanished ifb device back: what leads into nothing is dropped by the kernel."""

    def __init__(self, endpoint: EndpointId) -> None:
        super().__init__()
        self._id = endpoint

    def missing(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        endpoint = attached(state, self._id)
        if (
            endpoint is None
            or executor.has_link(shaper_name(endpoint.id))
            or not executor.has_link(endpoint.host_end)
        ):
            return ()
        return tuple(plan_reshape(endpoint))


class DropUncabled(Removal[bool]):
    """Forget an endpoint whose cable, an earlier plugin's, is gone; true if it was so."""

    def __init__(self, endpoint: EndpointId) -> None:
        super().__init__()
        self._id = endpoint

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        endpoint = attached(state, self._id)
        if endpoint is None or executor.has_link(endpoint.host_end):
            return ()
        self._doom(state, endpoint)
        return plan_detach(state.networks[endpoint.network], endpoint)

    def reaped(self, state: State, store: Store) -> None:
        for endpoint in self.doomed:
            forget_empty_sandbox(state, store, endpoint)

    def result(self, state: State) -> bool:
        return bool(self.doomed)
