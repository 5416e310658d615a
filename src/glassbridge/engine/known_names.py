"""What our own daemon says of its containers and networks, as a snapshot holds it."""

from collections.abc import Iterable, Iterator, Sequence

from glassbridge.model.container import ContainerState
from glassbridge.model.endpoint import Protocol, SandboxKind
from glassbridge.model.network import Manager, Network
from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Name, NamedNetwork, Published, Unserved
from glassbridge.model.views import SandboxView

_TRANSPORTS = {Protocol.TCP: Transport.TCP, Protocol.UDP: Transport.UDP}
"""What a walk can be asked of; SCTP cannot."""

ENGINES = {
    Manager.DOCKER: Origin.DOCKER,
    Manager.CNI: Origin.CNI,
    Manager.NETAVARK: Origin.PODMAN,
}
"""Who asks through which of our front-ends, as far as that alone tells."""


def names_of_sandboxes(known: Sequence[SandboxView], home: int) -> Iterator[Name]:
    """A name for each sandbox that has a namespace: its own, another's, or the host's."""
    by_id = {str(view.sandbox.id): view for view in known}
    for view in known:
        cookie, pid = _cookie_of(view, by_id, home), view.sandbox.pid
        if view.container is not None:
            pid = view.container.pid
        if cookie:
            yield Name(
                name=view.sandbox.name,
                origin=view.engine,
                cookie=cookie,
                id=view.sandbox.id,
                pid=pid,
                addresses=tuple(a for e in view.endpoints for a in e.endpoint.addresses),
            )


def networks_of_ours(networks: Iterable[Network]) -> Iterator[NamedNetwork]:
    """Networks on our bridges."""
    for network in networks:
        by = network.managed.by if network.managed is not None else None
        yield NamedNetwork(
            name=network.name,
            origin=ENGINES[by] if by is not None else Origin.GLASSBRIDGE,
            bridge=network.bridge,
            internal=network.internal,
            icc=network.options.icc,
            subnets=tuple(s.prefix for s in network.subnets),
            driver=Origin.UNKNOWN if by is None else Origin.GLASSBRIDGE,
            name_servers=network.name_servers if network.names_port else (),
        )


def published_by_ours(known: Iterable[SandboxView]) -> Iterator[Published]:
    """Host ports that lead to our containers, one for each address they are published on."""
    for view in known:
        for member in view.endpoints:
            if not member.endpoint.ports:
                continue
            own = {a.version: a for a in member.endpoint.addresses}
            for port in member.ports:
                transport = _TRANSPORTS.get(port.protocol)
                address = own.get(port.host_address.version)
                if transport is not None and address is not None:
                    yield Published(
                        host_address=port.host_address,
                        host_port=port.host_port,
                        transport=transport,
                        container_address=address,
                        container_port=port.container_port,
                        origin=Origin.GLASSBRIDGE,
                        name=view.sandbox.name,
                    )


def unserved_by_ours(known: Iterable[SandboxView]) -> Iterator[Unserved]:
    """Host ports that our stopped containers asked for; of a range its first."""
    for view in known:
        container = view.container
        if container is None or container.state is ContainerState.RUNNING:
            continue
        for wish in container.ports:
            transport = _TRANSPORTS.get(wish.protocol)
            if transport is not None and wish.host_ports is not None:
                yield Unserved(
                    name=container.name,
                    origin=Origin.GLASSBRIDGE,
                    host_port=wish.host_ports[0],
                    transport=transport,
                    container_port=wish.container_port,
                )


def stopped(known: Iterable[SandboxView]) -> Iterator[str]:
    """Names and ids of containers that have no network stack because they do not run."""
    for view in known:
        running = view.container is not None and view.container.state is ContainerState.RUNNING
        if not (view.sandbox.netns or running) and view.sandbox.kind is SandboxKind.CONTAINER:
            yield view.sandbox.name
            yield view.sandbox.id


def _cookie_of(view: SandboxView, by_id: dict[str, SandboxView], home: int) -> int:
    """0 where there is none."""
    if view.sandbox.netns:
        return view.sandbox.netns_cookie
    if view.container is None or view.container.state is not ContainerState.RUNNING:
        return 0
    mode, _, other = view.container.network_mode.partition(":")
    if mode == "host":
        return home
    shared = by_id.get(other) if mode == "container" else None
    return _cookie_of(shared, by_id, home) if shared is not None else 0
