"""A container's /etc/hosts and /etc/resolv.conf: what they say, and when they are written anew."""

from collections.abc import Callable, Iterable

from glassbridge.engine.state import State
from glassbridge.errors import InvalidRequest
from glassbridge.model.address import IPAddress
from glassbridge.model.container import Container, ContainerState
from glassbridge.model.container_flags import HOST_GATEWAY
from glassbridge.model.endpoint import Endpoint, SandboxId
from glassbridge.runtime.runtime import Runtime


class NameFiles:
    """Tells the runtime what to write."""

    def __init__(
        self,
        state: State,
        runtime: Runtime,
        servers_of: Callable[[SandboxId], tuple[IPAddress, ...]],
    ) -> None:
        self._state = state
        self._runtime = runtime
        self._servers_of = servers_of

    def write_anew(self, container: Container) -> None:
        """Its networks changed, and so did they for whoever shares its stack."""
        for other in self._state.containers:
            if other.state is ContainerState.RUNNING and self._owner(other).id == container.id:
                self._runtime.write_hosts(other, self.hosts(other))
                self._runtime.write_resolv_conf(other, self.servers(other))

    def servers(self, container: Container) -> tuple[IPAddress, ...]:
        """Which name servers it asks; none: those of the host.

        None for a sharer with servers of its own: our server would take it for the owner.
        """
        owner = self._owner(container)
        if container.spec.dns and owner.id != container.id:
            return ()
        return self._servers_of(owner.id)

    def hosts(self, container: Container) -> dict[str, tuple[str, ...]]:
        """What /etc/hosts says beside localhost: the container's own addresses, and --add-host."""
        owner = self._owner(container)
        name = owner.spec.hostname or owner.id[:12]
        names = (name,) if name == owner.name else (name, owner.name)
        lines: dict[str, tuple[str, ...]] = {}
        endpoints = self._state.endpoints_of(owner.id)
        for address in (a for e in endpoints for a in e.addresses):
            lines[str(address)] = names
        for extra, wished in container.spec.extra_hosts.items():
            where = self._gateway(endpoints) if wished == HOST_GATEWAY else wished
            lines[where] = (*lines.get(where, ()), extra)
        return lines

    def _owner(self, container: Container) -> Container:
        """The container whose network stack it is: with `container:X`, X."""
        mode = container.network_mode
        shared = self._state.containers.get(mode.partition(":")[2])
        return container if shared is None else self._owner(shared)

    def _gateway(self, endpoints: Iterable[Endpoint]) -> str:
        """The host as the container reaches it: the address of its bridge."""
        for endpoint in sorted(endpoints, key=lambda e: not e.is_gateway):
            for address in self._state.networks[endpoint.network].gateway_interfaces:
                return str(address.ip)
        raise InvalidRequest(
            f"{HOST_GATEWAY} means nothing here: no network of the container has the host on it",
            hint="name an address instead",
        )
