"""Jobs that end an endpoint of Docker's: leave, forget, and what is found dead."""

import time
from abc import abstractmethod
from collections.abc import Callable

from msgspec.structs import replace

from glassbridge.engine.removal import Removal
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, GlassbridgeError
from glassbridge.kernel.executor import Executor
from glassbridge.model.endpoint import Endpoint, EndpointId, EndpointState, Sandbox
from glassbridge.model.names import SHORT_ID
from glassbridge.plan.endpoint import plan_detach, plan_unwind
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store

Applies = Callable[[Sandbox, Endpoint, Executor], bool]

MOVING_SECONDS = 60.0
"""Long after `Join`, dockerd has moved the cable in."""


class _Departure(Removal[None]):
    """Take cable and ports away; answered when the link is gone, or was so already."""

    def __init__(self, endpoint: EndpointId) -> None:
        super().__init__()
        self._id = endpoint
        self._found: Endpoint | None = None

    @abstractmethod
    def applies(self, state: State, executor: Executor, endpoint: Endpoint) -> bool:
        """Whether there is anything to be done at this endpoint, as it is now."""

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        endpoint = state.endpoints.get(self._id)
        if endpoint is None or not self.applies(state, executor, endpoint):
            return ()
        self._found = endpoint
        match endpoint.state:
            case EndpointState.RESERVED:
                return ()
            case EndpointState.ATTACHED:
                self._doom(state, endpoint)
                return plan_detach(state.networks[endpoint.network], endpoint)
            case EndpointState.DETACHING:
                # another job has pulled it out, or broke off: its end is waited for here as well
                self._doom(state, endpoint)
                return plan_unwind(endpoint)
            case EndpointState.ATTACHING:
                raise Conflict(
                    f"endpoint {self._id[:SHORT_ID]} is being joined just now", hint="try again"
                )

    def result(self, state: State) -> None:
        return


class Leave(_Departure):
    """`Leave`: its addresses stay reserved until it is forgotten."""

    def applies(self, state: State, executor: Executor, endpoint: Endpoint) -> bool:
        return endpoint.state is not EndpointState.RESERVED

    def reaped(self, state: State, store: Store) -> None:
        assert self._found is not None
        sandbox = state.sandboxes.get(self._found.sandbox)
        if sandbox is None:  # somebody else has forgotten it meanwhile
            return
        rests = replace(self._found.without_ports(), state=EndpointState.RESERVED)
        for address in rests.addresses:
            pool = state.pool_of(state.networks[rests.network], address)
            if pool is not None:
                pool.reserve(address, sandbox.name)
        state.put_endpoint(rests)
        store.put_endpoint(rests)


class Forget(_Departure):
    """`DeleteEndpoint`, and the end of what is found dead."""

    def __init__(self, endpoint: EndpointId, only: Applies = lambda *_: True) -> None:
        """Forget; `only` is asked at the writer's turn, for between a look and that things change.

        It is given sandbox, endpoint and executor.
        """
        super().__init__(endpoint)
        self._only = only

    def applies(self, state: State, executor: Executor, endpoint: Endpoint) -> bool:
        return self._only(state.sandboxes[endpoint.sandbox], endpoint, executor)

    def settle(self, state: State, store: Store) -> None:
        if self._found is not None and not self.doomed:
            state.drop_endpoint(self._found, time.monotonic())
            store.delete_endpoint(self._found.id)
            self.reaped(state, store)

    def reaped(self, state: State, store: Store) -> None:
        assert self._found is not None
        state.drop_sandbox(self._found.sandbox)
        store.delete_sandbox(self._found.sandbox)


def has_lost_its_cable(_: Sandbox, endpoint: Endpoint, executor: Executor) -> bool:
    """Whether a joined endpoint's namespace ended, and its cable with it."""
    return endpoint.state is EndpointState.ATTACHED and not executor.has_link(endpoint.host_end)


def was_given_back(sandbox: Sandbox, endpoint: Endpoint, executor: Executor) -> bool:
    """Whether dockerd took a cable out of a namespace that ended, and its `Leave` never came.

    One that waits to be moved in looks the same, for its namespace may be made later: age tells.
    """
    return (
        endpoint.state is EndpointState.ATTACHED
        and time.time() - endpoint.created > MOVING_SECONDS
        and executor.has_link(endpoint.ifname)
        and not _opens(sandbox, executor)
    )


def is_dead(sandbox: Sandbox, endpoint: Endpoint, executor: Executor) -> bool:
    """Whether an endpoint may go when dockerd acts as if there were none.

    One that is only reserved has broken off there; one whose namespace is gone has ended.
    """
    match endpoint.state:
        case EndpointState.RESERVED:
            return True
        case EndpointState.ATTACHED:
            return not executor.has_link(endpoint.host_end) or not _opens(sandbox, executor)
        case EndpointState.ATTACHING | EndpointState.DETACHING:
            return endpoint.state is EndpointState.DETACHING


def _opens(sandbox: Sandbox, executor: Executor) -> bool:
    """Whether the namespace is bound below /run/docker/netns: dockerd unbinds it when it ends."""
    try:
        executor.cookie(sandbox.netns)
    except GlassbridgeError:
        return False
    return True
