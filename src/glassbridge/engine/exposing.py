"""The job that publishes ports at an endpoint of Docker's, in place of those that it has."""

from collections.abc import Sequence

from msgspec.structs import replace

from glassbridge.engine.driving import find_endpoint
from glassbridge.engine.jobs import Job
from glassbridge.engine.publishing import publish
from glassbridge.engine.state import State
from glassbridge.errors import Conflict
from glassbridge.kernel.executor import Executor
from glassbridge.model.endpoint import Endpoint, EndpointId, EndpointState, PortWish, PublishedPort
from glassbridge.model.names import SHORT_ID
from glassbridge.model.network import Network
from glassbridge.plan.driven_endpoint import plan_publish
from glassbridge.plan.endpoint import held_ports
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store


class Expose(Job[Endpoint]):
    """Publish ports and become its container's gateway, or with None end being that.

    It needs no intent: elements are loaded whole after a crash, ports are held by sockets, and the
    flag of the bridge port is set by whoever tries again.
    """

    alone = True  # a leave in the same batch would not know of the ports

    def __init__(self, endpoint: EndpointId, wishes: Sequence[PortWish] | None) -> None:
        super().__init__()
        self._id = endpoint
        self._wishes = wishes
        self._before: Endpoint | None = None
        self._after: Endpoint | None = None
        self._executor: Executor | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        self._executor = executor
        self._before = before = find_endpoint(state, self._id)
        if before.state is not EndpointState.ATTACHED:
            if self._wishes is None:
                self._after = before
                return ()
            raise Conflict(
                f"cannot publish ports of endpoint {self._id[:SHORT_ID]}: it is {before.state}"
            )
        network = state.networks[before.network]
        state.put_endpoint(before.without_ports())  # its own ports are in nobody's way
        try:
            ports = _choose_anew(state, executor, network, before, self._wishes or ())
        except BaseException:
            self._restore(state)
            raise
        self._after = replace(before, ports=ports, is_gateway=self._wishes is not None)
        state.put_endpoint(self._after)
        return plan_publish(network, before, self._after)

    def settle(self, state: State, store: Store) -> None:
        assert self._after is not None
        store.put_endpoint(self._after)

    def abandon(self, state: State, store: Store) -> None:
        assert self._after is not None
        assert self._executor is not None
        for port in self._after.ports:
            # held when it was chosen, ahead of the plan whose undo releases it otherwise
            self._executor.ports.release(port)
        self._restore(state)

    def _restore(self, state: State) -> None:
        assert self._before is not None
        assert self._executor is not None
        state.put_endpoint(self._before)
        for port in held_ports(state.networks[self._before.network], self._before):
            self._executor.ports.hold(port)

    def result(self, state: State) -> Endpoint:
        assert self._after is not None
        return self._after


def _choose_anew(
    state: State,
    executor: Executor,
    network: Network,
    before: Endpoint,
    wishes: Sequence[PortWish],
) -> tuple[PublishedPort, ...]:
    """Choose ports while those of before are held: a port that stays is free at no moment."""
    try:
        return _choose(state, executor, network, before, wishes)
    except Conflict:
        # its own socket may be in the way, where the same port is wished for on another address
        for port in held_ports(network, before):
            executor.ports.release(port)
        return _choose(state, executor, network, before, wishes)


def _choose(
    state: State,
    executor: Executor,
    network: Network,
    before: Endpoint,
    wishes: Sequence[PortWish],
) -> tuple[PublishedPort, ...]:
    """An internal network has no way in from outside: as with Docker, its ports are left out."""
    if network.internal:
        return ()
    return publish(state, executor, network, before.without_ports(), wishes)
