"""What our own commands may not touch: networks whose members come and go by another engine."""

from glassbridge.engine.state import State
from glassbridge.errors import Conflict
from glassbridge.model.endpoint import SandboxId
from glassbridge.model.names import SHORT_ID
from glassbridge.model.network import Managed, Manager, Network

_OWNERS = {Manager.DOCKER: "Docker", Manager.CNI: "CNI", Manager.NETAVARK: "Podman"}


def refuse_managed(network: Network) -> Network:
    """Return a network that is ours to change; raises Conflict naming its engine's command."""
    if network.managed is None:
        return network
    raise Conflict(
        f"network {network.name} belongs to {_OWNERS[network.managed.by]}",
        hint=_how_to_change(network.managed),
    )


def refuse_removal(state: State, network: Network) -> Network:
    """Return a network that may go at our command; raises Conflict naming its engine's.

    CNI cannot remove a network, and Podman tells nobody that it did: what nobody is on may go.
    """
    by = None if network.managed is None else network.managed.by
    if by in {Manager.CNI, Manager.NETAVARK} and not state.members(network.id):
        return network
    return refuse_managed(network)


def refuse_member(state: State, sandbox: SandboxId) -> None:
    """Raise Conflict, naming its engine's command, for a sandbox that another engine plugged in."""
    for endpoint in state.endpoints_of(sandbox):
        network = state.networks.get(endpoint.network)
        if network is not None:
            refuse_managed(network)


def _how_to_change(managed: Managed) -> str:
    match managed.by:
        case Manager.DOCKER:
            network = managed.key[:SHORT_ID]
            return f"use docker network connect, disconnect or rm; its id there is {network}"
        case Manager.CNI:
            return "its containers join and leave by its CNI configuration, in /etc/cni/net.d"
        case Manager.NETAVARK:
            return "use podman network connect, disconnect or rm"
