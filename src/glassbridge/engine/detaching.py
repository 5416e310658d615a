"""Use cases that pull a sandbox out: detach it whole, or disconnect it from one network."""

from msgspec.structs import replace

from glassbridge.engine.jobs import Job
from glassbridge.engine.state import State
from glassbridge.engine.views import sandbox_view
from glassbridge.errors import Conflict, NotFound
from glassbridge.kernel.executor import Executor
from glassbridge.model.endpoint import Endpoint, EndpointState, Sandbox, SandboxId
from glassbridge.model.views import SandboxView
from glassbridge.plan.endpoint import plan_detach, plan_gateway_move
from glassbridge.plan.gateway import choose_gateway
from glassbridge.plan.operations import DoomLink, Operation
from glassbridge.store.store import Store


class Detach(Job[SandboxView]):
    """Take all endpoints of a sandbox away; answered when its links are gone."""

    def __init__(self, sandbox: SandboxId | str) -> None:
        super().__init__()
        self._ref = sandbox
        self._sandbox: Sandbox | None = None
        self._view: SandboxView | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        self._sandbox = sandbox = state.sandbox(self._ref)
        endpoints = state.endpoints_of(sandbox.id)
        busy = [e for e in endpoints if e.state is not EndpointState.ATTACHED]
        if busy:
            raise Conflict(f"{sandbox.name} is {busy[0].state} just now", hint="try again")
        self._view = sandbox_view(state, sandbox.id)
        self.doomed = tuple(state.mark(e, state=EndpointState.DETACHING) for e in endpoints)
        operations = [o for e in endpoints for o in plan_detach(state.networks[e.network], e)]
        # what is doomed may be reaped with the batch before, so nothing that can fail comes after
        return tuple(sorted(operations, key=lambda o: isinstance(o, DoomLink)))

    def intend(self, state: State, store: Store) -> None:
        for endpoint in self.doomed:
            store.put_endpoint(endpoint)

    def abandon(self, state: State, store: Store) -> None:
        for endpoint in self.doomed:
            store.put_endpoint(state.mark(endpoint, state=EndpointState.ATTACHED))

    def settle(self, state: State, store: Store) -> None:
        if not self.doomed:
            self.reaped(state, store)

    def reaped(self, state: State, store: Store) -> None:
        assert self._sandbox is not None
        state.drop_sandbox(self._sandbox.id)
        store.delete_sandbox(self._sandbox.id)

    def result(self, state: State) -> SandboxView:
        assert self._view is not None
        return self._view


class Disconnect(Job[SandboxView]):
    """Pull a sandbox out of one network; the gateway moves to the next in order."""

    alone = True  # the gateway depends on every sibling endpoint

    def __init__(self, network_ref: str, sandbox_ref: str, *, again: bool = False) -> None:
        """Disconnect; `again` completes one that a crash may have left anywhere in between."""
        super().__init__()
        self._again = again
        self._network_ref = network_ref
        self._sandbox_ref = sandbox_ref
        self._sandbox: Sandbox | None = None
        self._before: tuple[Endpoint, ...] = ()
        self._heir: Endpoint | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        network = state.network(self._network_ref)
        self._sandbox = sandbox = state.sandbox(self._sandbox_ref)
        siblings = state.endpoints_of(sandbox.id)
        leaving = next((e for e in siblings if e.network == network.id), None)
        if leaving is None:
            raise NotFound(f"{sandbox.name} is not connected to network {network.name}")
        if leaving.state is not EndpointState.ATTACHED and not self._again:
            raise Conflict(f"{sandbox.name} is leaving network {network.name} just now")
        self._before = (leaving,)
        move = self._move_gateway(state, leaving, siblings, sandbox) if leaving.is_gateway else ()
        self.doomed = (state.mark(leaving, state=EndpointState.DETACHING),)
        return (*move, *plan_detach(network, leaving.without_ports() if move else leaving))

    def _move_gateway(
        self, state: State, leaving: Endpoint, siblings: tuple[Endpoint, ...], sandbox: Sandbox
    ) -> tuple[Operation, ...]:
        rest = [
            (state.networks[e.network], e)
            for e in siblings
            if e.id != leaving.id and e.state is EndpointState.ATTACHED
        ]
        heir = choose_gateway(rest)
        for network, endpoint in rest:
            if endpoint.id == heir:
                self._before = (*self._before, endpoint)
                self._heir = replace(endpoint, is_gateway=True, ports=leaving.ports)
                state.put_endpoint(self._heir)
                return plan_gateway_move(
                    (state.networks[leaving.network], leaving),
                    (network, self._heir),
                    sandbox.netns,
                    again=self._again,
                )
        return ()

    def intend(self, state: State, store: Store) -> None:
        for endpoint in (*self.doomed, *((self._heir,) if self._heir else ())):
            store.put_endpoint(endpoint)

    def abandon(self, state: State, store: Store) -> None:
        for endpoint in self._before:
            state.put_endpoint(endpoint)
            store.put_endpoint(endpoint)

    def result(self, state: State) -> SandboxView:
        assert self._sandbox is not None
        return sandbox_view(state, self._sandbox.id)
