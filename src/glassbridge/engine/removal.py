"""What jobs that take endpoints away have in common; each of them says only what goes."""

from typing import TypeVar

from msgspec.structs import replace

from glassbridge.engine.jobs import Job
from glassbridge.engine.state import State
from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.executor import Executor
from glassbridge.model.endpoint import Endpoint, EndpointState, Sandbox
from glassbridge.plan.operations import Operation
from glassbridge.plan.sandbox_end import plan_remove_routes
from glassbridge.store.store import Store

T = TypeVar("T")


class Removal(Job[T]):
    """Every endpoint that it changes is written before the kernel is touched, or put back."""

    def __init__(self) -> None:
        super().__init__()
        self._before: list[Endpoint] = []
        self._after: list[Endpoint] = []

    def _change(self, state: State, before: Endpoint, after: Endpoint) -> None:
        state.put_endpoint(after)
        self._before.append(before)
        self._after.append(after)

    def _doom(self, state: State, endpoint: Endpoint) -> None:
        """Its links are the reaper's once the kernel has done the rest."""
        leaving = replace(endpoint, state=EndpointState.DETACHING)
        self._change(state, endpoint, leaving)
        self.doomed = (*self.doomed, leaving)

    def intend(self, state: State, store: Store) -> None:
        for endpoint in self._after:
            store.put_endpoint(endpoint)

    def abandon(self, state: State, store: Store) -> None:
        for endpoint in self._before:
            state.put_endpoint(endpoint)
            store.put_endpoint(endpoint)


def remove_routes(
    sandbox: Sandbox | None, endpoint: Endpoint, executor: Executor
) -> tuple[Operation, ...]:
    """Plan the end of the routes that do not go with the link; those of a dead namespace did."""
    if sandbox is None or not is_alive(sandbox, executor):
        return ()
    return plan_remove_routes(endpoint, sandbox.netns)


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
