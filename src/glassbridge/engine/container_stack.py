"""The network stack of a container of the runtime: a namespace that we make, and its endpoints."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from glassbridge.engine.attaching import Attach
from glassbridge.engine.detaching import Detach
from glassbridge.engine.jobs import Submit
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, NotFound
from glassbridge.kernel.netns import create_netns, delete_netns
from glassbridge.model.container import Container, ContainerState
from glassbridge.model.endpoint import Sandbox, SandboxId, SandboxKind


class ContainerStacks:
    """Makes and drops them; blocks until the writer has answered."""

    def __init__(
        self,
        state: State,
        submit: Submit,
        realise: Callable[[str], object],
        folder: Path,
    ) -> None:
        self._state = state
        self._submit = submit
        self._realise = realise
        self._folder = folder

    def make(self, container: Container) -> str | None:
        """Return the path of the container's namespace; None is the host's own."""
        mode = container.network_mode
        if mode == "host":
            return None
        if mode.startswith("container:"):
            return self._shared(SandboxId(mode.partition(":")[2]))
        path = self.path_of(container)
        wishes = container.networks if mode == "default" else ()
        for wish in wishes:
            self._realise(wish.network)
        create_netns(path)
        try:
            # on no network there is no address to publish
            job = Attach(sandbox_of(container, path), wishes, container.ports if wishes else ())
            self._submit(job).result()
        except BaseException:
            delete_netns(path)
            raise
        return path

    def drop(self, container: Container) -> None:
        """Detach the container and delete its namespace; done already is success."""
        if container.id in self._state.sandboxes:
            with suppress(NotFound):
                self._submit(Detach(container.id)).result()
        delete_netns(self.path_of(container))

    def path_of(self, container: Container) -> str:
        """Where the namespace of a container is bound."""
        return str(self._folder / container.id[:12])

    def strays(self) -> tuple[str, ...]:
        """Paths below our folder that belong to no container."""
        known = {self.path_of(c) for c in self._state.containers}
        if not self._folder.is_dir():
            return ()
        return tuple(p for p in map(str, self._folder.iterdir()) if p not in known)

    def _shared(self, owner: SandboxId) -> str | None:
        shared = self._state.containers.get(owner)
        if shared is None or shared.state is not ContainerState.RUNNING:
            name = shared.name if shared else owner[:12]
            raise Conflict(
                f"container {name}, whose network is to be shared, is not running",
                hint=f"start it first: glassbridge start {name}",
            )
        if shared.network_mode == "host":
            return None
        if shared.network_mode.startswith("container:"):
            return self._shared(SandboxId(shared.network_mode.partition(":")[2]))
        sandbox = self._state.sandboxes.get(shared.id)
        if sandbox is None:
            raise Conflict(f"container {shared.name}, whose network is to be shared, is ending")
        return sandbox.netns


def sandbox_of(container: Container, path: str) -> Sandbox:
    """The sandbox that a container's namespace is."""
    return Sandbox(
        id=container.id,
        name=container.name,
        netns=path,
        netns_cookie=0,
        kind=SandboxKind.CONTAINER,
        created=container.created,
    )
