"""Jobs that change only what is known of a container, not the kernel."""

from msgspec.structs import replace

from glassbridge.engine.jobs import Job
from glassbridge.engine.state import State
from glassbridge.engine.wishes import choose_name
from glassbridge.kernel.executor import Executor
from glassbridge.model.container import Container
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store


class CreateContainer(Job[Container]):
    """Write a new container, under the name that it wishes or a free one."""

    def __init__(self, container: Container) -> None:
        super().__init__()
        self._container = container

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        name = choose_name(state, self._container.name)
        self._container = replace(self._container, name=name)
        state.containers.put(self._container)
        return ()

    def settle(self, state: State, store: Store) -> None:
        store.put_container(self._container)

    def result(self, state: State) -> Container:
        return self._container


class RecordContainer(Job[None]):
    """Write a container as it is now."""

    def __init__(self, container: Container) -> None:
        super().__init__()
        self._container = container

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
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
