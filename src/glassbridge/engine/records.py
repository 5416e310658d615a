"""Jobs that change only what is known of a container, not the kernel."""

from glassbridge.engine.jobs import Job
from glassbridge.engine.state import State
from glassbridge.kernel.executor import Executor
from glassbridge.model.container import Container
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store


class RecordContainer(Job[None]):
    """Write a container as it is now; a new one's name must be free."""

    def __init__(self, container: Container, *, is_new: bool = False) -> None:
        super().__init__()
        self._container = container
        self._is_new = is_new

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        if self._is_new:
            state.check_name_is_free(self._container.name)
        state.containers.put(self._container)
        return ()

    def settle(self, state: State, store: Store) -> None:
        store.put_container(self._container)

    def result(self, state: State) -> None:
        return


class ForgetContainer(Job[None]):
    """Forget a container that is removed."""

    def __init__(self, container: Container) -> None:
        super().__init__()
        self._container = container

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        return ()

    def settle(self, state: State, store: Store) -> None:
        state.containers.drop(self._container.id)
        store.delete_container(self._container.id)

    def result(self, state: State) -> None:
        return
