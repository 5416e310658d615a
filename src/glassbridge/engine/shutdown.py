"""`down`: everything of ours leaves the kernel, and the host gets back what it had."""

from glassbridge.engine.host import REALISED, Host, encode_realised
from glassbridge.engine.jobs import Job
from glassbridge.engine.state import State
from glassbridge.errors import Conflict
from glassbridge.kernel.executor import Executor
from glassbridge.plan.network import plan_unrealise
from glassbridge.plan.operations import DeleteRuleset, Operation
from glassbridge.store.store import Store


class TakeDown(Job[tuple[str, ...]]):
    """Bridges, tables and sysctls, once no endpoint is left; definitions of networks stay."""

    alone = True  # nothing may join a network meanwhile

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host
        self._notes: tuple[str, ...] = ()

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        if state.endpoints:
            raise Conflict(f"{len(state.endpoints)} endpoints are still attached")
        restore, self._notes = self._host.restore(state)
        networks = [state.networks[n] for n in sorted(state.realised)]
        bridges = [
            operation
            for network in networks
            for operation in plan_unrealise(network, stands=executor.has_link(network.bridge))
        ]
        # bridges first: with forwarding off and rules gone there must be nothing left to reach
        return (*bridges, *restore, *self._host.close_paths(), DeleteRuleset())

    def settle(self, state: State, store: Store) -> None:
        state.realised.clear()
        store.set_setting(REALISED, encode_realised(()))
        self._host.forget(store)

    def result(self, state: State) -> tuple[str, ...]:
        return self._notes
