"""What the engine shows of its state: frozen answers, made on any thread."""

from glassbridge.engine.known_names import ENGINES
from glassbridge.engine.state import State
from glassbridge.errors import NotFound
from glassbridge.model.endpoint import Endpoint, Sandbox, SandboxId, SandboxKind
from glassbridge.model.network import GatewayMode, Network
from glassbridge.model.ruleset import Origin
from glassbridge.model.views import EndpointView, NetworkView, SandboxView


def sandbox_view(state: State, sandbox_id: SandboxId) -> SandboxView:
    """A sandbox with its endpoints; a container that does not run has no namespace."""
    container = state.containers.get(sandbox_id)
    sandbox = state.sandboxes.get(sandbox_id)
    if sandbox is None:
        if container is None:
            raise NotFound(f"no such container: {sandbox_id[:12]}")
        sandbox = Sandbox(
            id=sandbox_id,
            name=container.name,
            netns="",
            netns_cookie=0,
            kind=SandboxKind.CONTAINER,
            created=container.created,
        )
    endpoints = []
    engine = Origin.DOCKER if sandbox.kind is SandboxKind.DOCKER else Origin.GLASSBRIDGE
    for endpoint in state.endpoints_of(sandbox_id):
        network = state.networks.get(endpoint.network)
        if network is not None:
            if network.managed is not None:
                engine = ENGINES[network.managed.by]
            endpoints.append(
                EndpointView(
                    endpoint=endpoint,
                    network=network.name,
                    bridge=network.bridge,
                    routed=_routed_versions(network, endpoint),
                )
            )
    return SandboxView(
        sandbox=sandbox, endpoints=tuple(endpoints), container=container, engine=engine
    )


def _routed_versions(network: Network, endpoint: Endpoint) -> tuple[int, ...]:
    return tuple(
        a.version for a in endpoint.addresses if network.gateway_mode(a) is GatewayMode.ROUTED
    )


def all_sandboxes(state: State) -> tuple[SandboxView, ...]:
    """Everything with a name: containers, running or not, and attached namespaces, oldest first."""
    ids = dict.fromkeys((*(s.id for s in state.sandboxes), *(c.id for c in state.containers)))
    found = []
    for sandbox_id in ids:
        try:
            found.append(sandbox_view(state, sandbox_id))
        except NotFound:  # removed by the writer since the ids were listed
            continue
    return tuple(sorted(found, key=lambda v: v.sandbox.created))


def network_view(state: State, network: Network) -> NetworkView:
    """A network and the sandboxes on it."""
    members = {e.sandbox: None for e in state.members(network.id)}
    views = []
    for sandbox_id in members:
        try:
            views.append(sandbox_view(state, sandbox_id))
        except NotFound:
            continue
    return NetworkView(network=network, endpoints=tuple(views))
