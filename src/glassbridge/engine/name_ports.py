"""Jobs that choose at which port of the host names are asked: another program may have it."""

from msgspec.structs import replace

from glassbridge.engine.jobs import Job
from glassbridge.engine.state import State
from glassbridge.kernel.executor import Executor
from glassbridge.kernel.name_sockets import free_port
from glassbridge.model.kernel_names import NAMES_PORT
from glassbridge.model.network import Network, NetworkId
from glassbridge.plan.firewall import name_elements
from glassbridge.plan.operations import AddElements, Operation, RemoveElements
from glassbridge.store.store import Store


class ChoosePort(Job[int]):
    """Where networks that are yet to come will be asked."""

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        state.names_port = free_port(NAMES_PORT)
        return ()

    def result(self, state: State) -> int:
        return state.names_port


class MovePort(Job[None]):
    """Have a network asked at another port than the one that it has, or at a first one."""

    alone = True  # whoever joins meanwhile reads the network as it was

    def __init__(self, network: NetworkId, taken: int) -> None:
        super().__init__()
        self._id = network
        self._taken = taken
        self._before: Network | None = None
        self._after: Network | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        network = state.networks.get(self._id)
        if network is None or network.names_port != self._taken:
            return ()
        if state.names_port in (0, self._taken):
            state.names_port = free_port(max(self._taken + 1, NAMES_PORT))
        self._before = network
        self._after = replace(network, names_port=state.names_port)
        state.change_network(self._after)
        if self._id not in state.realised:
            return ()
        return (
            RemoveElements(name_elements(self._before)),
            AddElements(name_elements(self._after)),
        )

    def settle(self, state: State, store: Store) -> None:
        if self._after is not None:
            store.put_network(self._after)

    def abandon(self, state: State, store: Store) -> None:
        if self._before is not None:
            state.change_network(self._before)

    def result(self, state: State) -> None:
        return
