"""Use cases that plug a sandbox in: attach it whole, or connect it to one more network."""

import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future

from msgspec.structs import replace

from glassbridge.engine.jobs import Job
from glassbridge.engine.leasing import Leases, choose_ifname, new_endpoint
from glassbridge.engine.publishing import publish
from glassbridge.engine.state import State
from glassbridge.engine.views import sandbox_view
from glassbridge.engine.wishes import choose_name
from glassbridge.errors import Conflict, InvalidRequest
from glassbridge.kernel.executor import Executor
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import Endpoint, EndpointState, PortWish, Sandbox
from glassbridge.model.network import Network
from glassbridge.model.views import SandboxView
from glassbridge.plan.endpoint import plan_attach, plan_gateway_move
from glassbridge.plan.gateway import choose_gateway
from glassbridge.plan.operations import BringUp, Operation
from glassbridge.plan.sandbox_end import LOOPBACK
from glassbridge.store.store import Store


class Attach(Job[SandboxView]):
    """Give a namespace its endpoints."""

    def __init__(
        self,
        sandbox: Sandbox,
        wishes: Sequence[NetworkWish],
        ports: Sequence[PortWish],
        realised: Sequence[Future[Network]] = (),
    ) -> None:
        """Attach; `realised` are jobs that were queued ahead, for bridges that it needs."""
        super().__init__()
        self._realised = realised
        self._sandbox = sandbox
        self._wishes = wishes
        self._ports = ports
        self._endpoints: tuple[Endpoint, ...] = ()
        self._executor: Executor | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        for bridge in self._realised:
            bridge.result()
        self._executor = executor
        self._sandbox = _identify(state, executor, self._sandbox)
        leases = Leases(state, time.monotonic())
        try:
            pairs = _choose_endpoints(state, executor, leases, self._sandbox, self._wishes)
            pairs = _give_gateway(state, executor, pairs, self._ports)
        except BaseException:
            leases.give_back()
            raise
        self._endpoints = tuple(e for _, e in pairs)
        state.put_sandbox(self._sandbox)
        if not pairs:
            return (BringUp(LOOPBACK, self._sandbox.netns),)
        for endpoint in self._endpoints:
            state.put_endpoint(endpoint)
        return tuple(
            operation
            for network, endpoint in pairs
            for operation in plan_attach(
                network,
                endpoint,
                self._sandbox.netns,
                announce=state.mac_may_have_changed(endpoint),
            )
        )

    def settle(self, state: State, store: Store) -> None:
        """Write it once, when it stands.

        An attach needs no intent: its links bear our group from their creation, elements are
        loaded whole, and ports are held by sockets, so whatever a crash leaves is swept.
        """
        store.put_sandbox(self._sandbox)
        for endpoint in self._endpoints:
            store.put_endpoint(state.mark(endpoint, state=EndpointState.ATTACHED))

    def abandon(self, state: State, store: Store) -> None:
        assert self._executor is not None
        for endpoint in self._endpoints:
            for port in endpoint.ports:
                # held when it was chosen, ahead of the plan whose undo releases it otherwise
                self._executor.ports.release(port)
            state.drop_endpoint(endpoint, time.monotonic())
        state.drop_sandbox(self._sandbox.id)

    def result(self, state: State) -> SandboxView:
        return sandbox_view(state, self._sandbox.id)


class Connect(Job[SandboxView]):
    """Plug a sandbox into one more network; the gateway may move there."""

    alone = True  # the gateway depends on every sibling endpoint

    def __init__(self, network_ref: str, sandbox_ref: str, wish: NetworkWish) -> None:
        super().__init__()
        self._network_ref = network_ref
        self._sandbox_ref = sandbox_ref
        self._wish = wish
        self._changed: list[tuple[Endpoint, Endpoint]] = []
        self._new: Endpoint | None = None
        self._sandbox: Sandbox | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        network = state.network(self._network_ref)
        self._sandbox = sandbox = state.sandbox(self._sandbox_ref)
        siblings = state.endpoints_of(sandbox.id)
        staying = [e for e in siblings if e.state is EndpointState.ATTACHED]
        if any(e.network == network.id for e in siblings):
            raise Conflict(f"{sandbox.name} is already connected to network {network.name}")
        leases = Leases(state, time.monotonic())
        try:
            new = _choose_endpoint(
                state, executor, leases, sandbox, self._wish, {e.ifname for e in siblings}
            )
        except BaseException:
            leases.give_back()
            raise
        pairs = [(state.networks[e.network], e) for e in staying]
        winner = choose_gateway([*pairs, (network, new)])
        old = next((p for p in pairs if p[1].is_gateway), None)
        move: tuple[Operation, ...] = ()
        if winner == new.id:
            ports = old[1].ports if old else ()
            self._new = replace(new, is_gateway=True, ports=ports)
            if old is not None:
                self._changed.append((old[1], old[1].without_ports()))
                move = plan_gateway_move(old, None, sandbox.netns)
        else:
            self._new = new
        state.put_endpoint(self._new)
        for _, after in self._changed:
            state.put_endpoint(after)
        return (*move, *plan_attach(network, self._new, sandbox.netns, announce=True))

    def intend(self, state: State, store: Store) -> None:
        assert self._new is not None
        for _, after in self._changed:
            store.put_endpoint(after)
        store.put_endpoint(self._new)

    def settle(self, state: State, store: Store) -> None:
        assert self._new is not None
        store.put_endpoint(state.mark(self._new, state=EndpointState.ATTACHED))

    def abandon(self, state: State, store: Store) -> None:
        assert self._new is not None
        state.drop_endpoint(self._new, time.monotonic())
        store.delete_endpoint(self._new.id)
        for before, _ in self._changed:
            state.put_endpoint(before)
            store.put_endpoint(before)

    def result(self, state: State) -> SandboxView:
        assert self._sandbox is not None
        return sandbox_view(state, self._sandbox.id)


def _identify(state: State, executor: Executor, sandbox: Sandbox) -> Sandbox:
    """Open the namespace, and refuse one that has a network stack of ours already."""
    cookie = executor.cookie(sandbox.netns)
    name = sandbox.name
    if sandbox.id not in state.containers:
        name = choose_name(state, name)
    if cookie == executor.own_cookie:
        raise InvalidRequest(
            f"{sandbox.netns} is the host's own network namespace",
            hint="name a container's namespace, or a process that runs in one",
        )
    same = state.sandbox_in(cookie)
    if same is not None:
        raise Conflict(
            f"namespace {sandbox.netns} is attached already, as {same.name}",
            hint=f"glassbridge network connect NETWORK {same.name}",
        )
    return replace(sandbox, name=name, netns_cookie=cookie)


def _choose_endpoints(
    state: State,
    executor: Executor,
    leases: Leases,
    sandbox: Sandbox,
    wishes: Sequence[NetworkWish],
) -> list[tuple[Network, Endpoint]]:
    pairs: list[tuple[Network, Endpoint]] = []
    for wish in wishes:
        taken = {e.ifname for _, e in pairs}
        endpoint = _choose_endpoint(state, executor, leases, sandbox, wish, taken)
        network = state.networks[endpoint.network]
        if any(n.id == network.id for n, _ in pairs):
            raise InvalidRequest(f"network {network.name} is named twice")
        pairs.append((network, endpoint))
    return pairs


def _choose_endpoint(
    state: State,
    executor: Executor,
    leases: Leases,
    sandbox: Sandbox,
    wish: NetworkWish,
    taken: Collection[str],
) -> Endpoint:
    network = state.network(wish.network)
    ifname = choose_ifname(
        network,
        wish.ifname,
        taken,
        lambda name: executor.has_link(name, sandbox.netns),
    )
    return new_endpoint(
        state,
        leases,
        sandbox,
        network,
        wish,
        ifname,
        lambda name: not executor.has_link(name),
        time.time(),
    )


def _give_gateway(
    state: State,
    executor: Executor,
    pairs: list[tuple[Network, Endpoint]],
    ports: Sequence[PortWish],
) -> list[tuple[Network, Endpoint]]:
    """The endpoint that carries the default route carries the published ports too."""
    winner = choose_gateway(pairs)
    if ports and winner is None:
        raise InvalidRequest(
            "ports cannot be published: every network of the container is internal or isolated"
        )
    chosen = []
    for network, endpoint in pairs:
        if endpoint.id == winner:
            published = publish(state, executor, network, endpoint, ports)
            chosen.append((network, replace(endpoint, is_gateway=True, ports=published)))
        else:
            chosen.append((network, endpoint))
    return chosen
