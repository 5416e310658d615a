"""Use cases that pull a sandbox out: detach it whole, or disconnect it from one network."""

from msgspec.structs import replace

from glassbridge.engine.removal import Removal
from glassbridge.engine.state import State
from glassbridge.engine.views import sandbox_view
from glassbridge.errors import Conflict, NotFound
from glassbridge.kernel.executor import Executor
from glassbridge.model.endpoint import Endpoint, EndpointState, Sandbox, SandboxId
from glassbridge.model.views import SandboxView
from glassbridge.plan.endpoint import plan_detach, plan_detach_all, plan_gateway_move
from glassbridge.plan.gateway import choose_gateway
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store


class Detach(Removal[SandboxView]):
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
        for endpoint in endpoints:
            self._doom(state, endpoint)
        return plan_detach_all((state.networks[e.network], e) for e in endpoints)

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


class Disconnect(Removal[SandboxView]):
    """Pull a sandbox out of one network; the gateway moves to the next in order."""

    alone = True  # the gateway depends on every sibling endpoint

    def __init__(self, network_ref: str, sandbox_ref: str, *, again: bool = False) -> None:
        """Disconnect; `again` completes one that a crash may have left anywhere in between."""
        super().__init__()
        self._again = again
        self._network_ref = network_ref
        self._sandbox_ref = sandbox_ref
        self._sandbox: Sandbox | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        network = state.network(self._network_ref)
        self._sandbox = sandbox = state.sandbox(self._sandbox_ref)
        siblings = state.endpoints_of(sandbox.id)
        leaving = next((e for e in siblings if e.network == network.id), None)
        if leaving is None:
            raise NotFound(f"{sandbox.name} is not connected to network {network.name}")
        if leaving.state is not EndpointState.ATTACHED and not self._again:
            raise Conflict(f"{sandbox.name} is leaving network {network.name} just now")
        move = self._move_gateway(state, leaving, siblings, sandbox) if leaving.is_gateway else ()
        self._doom(state, leaving)
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
                arriving = replace(endpoint, is_gateway=True, ports=leaving.ports)
                self._change(state, endpoint, arriving)
                return plan_gateway_move(
                    (state.networks[leaving.network], leaving),
                    (network, arriving),
                    sandbox.netns,
                    again=self._again,
                )
        return ()

    def result(self, state: State) -> SandboxView:
        assert self._sandbox is not None
        return sandbox_view(state, self._sandbox.id)
