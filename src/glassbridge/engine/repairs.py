"""Jobs that put back what vanished and take away what belongs to nobody.

Each looks again before it acts: between the healer's look and the writer's turn things change.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence

from glassbridge.engine.host import Host
from glassbridge.engine.jobs import Job
from glassbridge.engine.removal import forget_empty_sandbox, is_alive, remove_routes
from glassbridge.engine.state import State
from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.executor import Executor
from glassbridge.model.endpoint import Endpoint, EndpointId, EndpointState, SandboxKind
from glassbridge.model.firewall import Element
from glassbridge.model.kernel_names import shaper_name
from glassbridge.model.network import Ifname, NetworkId
from glassbridge.plan.endpoint import held_ports, plan_cable, plan_plug, plan_unwind
from glassbridge.plan.firewall import endpoint_elements, network_elements
from glassbridge.plan.foreign_firewall import ForeignChain
from glassbridge.plan.network import plan_realise, plan_restore_bridge
from glassbridge.plan.operations import (
    DeleteRuleset,
    DoomLink,
    LoadRuleset,
    OpenPath,
    Operation,
)
from glassbridge.store.store import Store


class LoadFirewall(Job[bool]):
    """Load both tables whole, in one transaction: cheaper than a comparison, and never wrong.

    False: no network is realised, so no table is needed; one that was left goes.
    """

    alone = True  # elements of a job in the same batch would be lost

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        if not state.realised:
            # whoever took the last network away was killed between its bridge and its elements
            return (DeleteRuleset(),) if executor.has_tables() else ()
        return (LoadRuleset((*self._host.elements(), *_all_elements(state))),)

    def result(self, state: State) -> bool:
        return bool(state.realised)


class OpenClosedPath(Job[bool]):
    """Let our bridges pass a chain of others that drops what it does not know.

    False: it was open already, or nothing of ours needs it.
    """

    def __init__(self, closed: ForeignChain) -> None:
        super().__init__()
        self._closed = closed

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        return (OpenPath(self._closed),) if state.realised else ()

    def result(self, state: State) -> bool:
        return False


class HoldPorts(Job[tuple[str, ...]]):
    """Hold every published port again; returns why some could not be held.

    Such a port is still translated: packets that come for it never reach who took it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._failed: list[str] = []

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        for endpoint in state.endpoints.values():
            # one that is being attached holds its own already, one being detached lets go of them
            if endpoint.state is EndpointState.ATTACHED:
                for port in held_ports(state.networks[endpoint.network], endpoint):
                    try:
                        executor.ports.hold(port)
                    except GlassbridgeError as error:
                        self._failed.append(f"{state.sandboxes[endpoint.sandbox].name}: {error}")
        return ()

    def result(self, state: State) -> tuple[str, ...]:
        return tuple(self._failed)


class Repair(Job[bool]):
    """Do what is missing; true if anything was."""

    def __init__(self) -> None:
        super().__init__()
        self._needed = False

    @abstractmethod
    def missing(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        """What brings it back; nothing if it stands."""

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        operations = self.missing(state, executor)
        self._needed = bool(operations)
        return operations

    def result(self, state: State) -> bool:
        return self._needed


class RestoreNetwork(Repair):
    """Make a realised network's bridge what it was: there, up, with its addresses."""

    alone = True  # endpoints behind it need the bridge

    def __init__(self, network: NetworkId) -> None:
        super().__init__()
        self._id = network

    def missing(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        network = state.networks.get(self._id)
        if network is None or self._id not in state.realised:
            return ()
        if not executor.has_link(network.bridge):
            return plan_realise(network)
        held = executor.addresses_of(network.bridge)
        link = executor.link(network.bridge)
        return plan_restore_bridge(
            network, held, is_up=link.is_up, is_promiscuous=link.is_promiscuous
        )


class RestoreEndpoint(Repair):
    """Put a vanished cable back, or plug a loose one in.

    The namespace may be gone as well: then there is nothing to be restored. Nor where the other
    end would have to be made in a namespace of dockerd's.
    """

    def __init__(self, endpoint: EndpointId) -> None:
        super().__init__()
        self._id = endpoint

    def missing(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        endpoint = attached(state, self._id)
        if endpoint is None:
            return ()
        sandbox = state.sandboxes[endpoint.sandbox]
        network = state.networks[endpoint.network]
        stands = executor.has_link(endpoint.host_end)
        mendable = stands if sandbox.kind is SandboxKind.DOCKER else is_alive(sandbox, executor)
        if not mendable or executor.is_plugged(endpoint.host_end, network.bridge):
            return ()
        if stands:
            return plan_plug(network, endpoint)
        return plan_cable(network, endpoint, sandbox.netns)


class Unwind(Job[None]):
    """Remove an endpoint that a crash left half made or half taken away."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        endpoint = self._endpoint
        self.doomed = (endpoint,)
        sandbox = state.sandboxes.get(endpoint.sandbox)
        return (*remove_routes(sandbox, endpoint, executor), *plan_unwind(endpoint))

    def reaped(self, state: State, store: Store) -> None:
        forget_empty_sandbox(state, store, self._endpoint)

    def result(self, state: State) -> None:
        return


class Sweep(Job[tuple[Ifname, ...]]):
    """Delete links that bear our mark and belong to no endpoint and no network; returns them."""

    alone = True  # a link of an endpoint in the same batch is not a stray

    def __init__(self, strays: Sequence[Ifname]) -> None:
        super().__init__()
        self._strays = strays

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        known = {e.host_end for e in state.endpoints.values() if has_link(e)}
        known |= {shaper_name(e.id) for e in state.endpoints.values() if e.has_shaper}
        known |= {state.networks[n].bridge for n in state.realised}
        self.swept = tuple(s for s in self._strays if s not in known)
        return tuple(DoomLink(s) for s in self.swept)

    def result(self, state: State) -> tuple[Ifname, ...]:
        return self.swept


def attached(state: State, endpoint: EndpointId) -> Endpoint | None:
    """An endpoint that stands: neither half made nor on its way out."""
    known = state.endpoints.get(endpoint)
    return known if known is not None and known.state is EndpointState.ATTACHED else None


def has_link(endpoint: Endpoint) -> bool:
    """Whether there is a cable, or will be, or was: one that is only reserved has none."""
    return endpoint.state is not EndpointState.RESERVED


def _all_elements(state: State) -> Iterable[Element]:
    for network_id in state.realised:
        yield from network_elements(state.networks[network_id])
    for endpoint in state.endpoints.values():
        # one that is being attached gets its elements by its own plan; one being detached lost them
        if endpoint.state is EndpointState.ATTACHED:
            yield from endpoint_elements(state.networks[endpoint.network], endpoint)
