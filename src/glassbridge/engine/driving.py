"""Jobs that bring an endpoint of Docker's to life: reserve its addresses, then make its cable."""

import re
import time
from concurrent.futures import Future

from msgspec.structs import replace

from glassbridge.engine.jobs import Job
from glassbridge.engine.leasing import Leases, choose_mac, host_mac_of
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, InvalidRequest, NotFound
from glassbridge.kernel.executor import Executor
from glassbridge.model.address import IPInterface
from glassbridge.model.driven import DrivenEndpoint, Joined
from glassbridge.model.endpoint import (
    Endpoint,
    EndpointId,
    EndpointState,
    Sandbox,
    SandboxId,
    SandboxKind,
)
from glassbridge.model.kernel_names import host_end_name, waiting_end_name
from glassbridge.model.names import SHORT_ID
from glassbridge.model.network import Ifname, Network
from glassbridge.plan.driven_endpoint import next_hops, plan_join, plan_waiting_cable
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store

_ENDPOINT_ID = re.compile(r"[0-9a-f]{64}")


class Reserve(Job[Endpoint]):
    """`CreateEndpoint`: hold the addresses and choose the rest; nothing of it is in the kernel."""

    def __init__(self, wish: DrivenEndpoint) -> None:
        super().__init__()
        self._wish = wish
        self._endpoint: Endpoint | None = None
        self._sandbox: Sandbox | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        wish = self._wish
        network = state.managed(wish.network)
        if network is None:
            raise NotFound(
                f"Docker's network {wish.network.key[:SHORT_ID]} is not known here",
                hint="remove it, and create it again",
            )
        known = state.endpoints.get(wish.id)
        if known is not None:
            self._endpoint = _refuse_another(known, network, wish)
            return ()
        self._sandbox = sandbox = _new_sandbox(state, wish.id)
        leases = Leases(state, time.monotonic())
        try:
            self._endpoint = _new_endpoint(state, executor, leases, sandbox, network, wish)
        except BaseException:
            leases.give_back()
            raise
        state.put_sandbox(sandbox)
        state.put_endpoint(self._endpoint)
        return ()

    def intend(self, state: State, store: Store) -> None:
        if self._sandbox is not None:
            assert self._endpoint is not None
            store.put_sandbox(self._sandbox)
            store.put_endpoint(self._endpoint)

    def abandon(self, state: State, store: Store) -> None:
        if self._sandbox is not None:
            assert self._endpoint is not None
            state.drop_endpoint(self._endpoint, time.monotonic())
            state.drop_sandbox(self._sandbox.id)

    def result(self, state: State) -> Endpoint:
        assert self._endpoint is not None
        return self._endpoint


class Join(Job[Joined]):
    """Make the cable, with the sandbox end waiting in the host's namespace; repeatable.

    It needs no intent: what a crash leaves bears our group and belongs to an endpoint that is
    still only reserved, so it is swept.
    """

    def __init__(self, endpoint: EndpointId, netns: str, realised: Future[Network]) -> None:
        """Join; `realised` is the job, queued ahead, that makes the bridge."""
        super().__init__()
        self._id = endpoint
        self._netns = netns
        self._realised = realised
        self._before: Endpoint | None = None
        self._joined: Joined | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        self._realised.result()
        self._before = before = find_endpoint(state, self._id)
        network = state.networks[before.network]
        self._joined = Joined(
            link=before.ifname,
            ifname_prefix=network.options.ifname_prefix,
            gateways=next_hops(network, before),
        )
        match before.state:
            case EndpointState.RESERVED:
                operations = plan_join(network, before)
            case EndpointState.ATTACHED if executor.has_link(before.host_end):
                return ()
            case EndpointState.ATTACHED:  # its elements stand
                operations = plan_waiting_cable(network, before)
            case EndpointState.ATTACHING | EndpointState.DETACHING:
                raise Conflict(
                    f"endpoint {self._id[:SHORT_ID]} is {before.state} just now", hint="try again"
                )
        state.mark(before, state=EndpointState.ATTACHING)
        return operations

    def settle(self, state: State, store: Store) -> None:
        endpoint = state.mark(state.endpoints[self._id], state=EndpointState.ATTACHED)
        sandbox = replace(state.sandboxes[endpoint.sandbox], netns=self._netns)
        state.put_sandbox(sandbox)
        store.put_sandbox(sandbox)
        store.put_endpoint(endpoint)

    def abandon(self, state: State, store: Store) -> None:
        assert self._before is not None
        state.put_endpoint(self._before)

    def result(self, state: State) -> Joined:
        assert self._joined is not None
        return self._joined


def find_endpoint(state: State, endpoint: EndpointId) -> Endpoint:
    """An endpoint of Docker's; raises NotFound."""
    known = state.endpoints.get(endpoint)
    if known is None or state.sandboxes[known.sandbox].kind is not SandboxKind.DOCKER:
        raise NotFound(
            f"no such endpoint: {endpoint[:SHORT_ID]}", hint="disconnect it, and connect it again"
        )
    return known


def _refuse_another(known: Endpoint, network: Network, wish: DrivenEndpoint) -> Endpoint:
    """The same order again is success."""
    same = (known.network, known.ipv4, known.ipv6) == (network.id, wish.ipv4, wish.ipv6)
    if same and wish.mac.lower() in ("", known.mac):
        return known
    raise Conflict(f"endpoint {wish.id[:SHORT_ID]} exists already, with other addresses")


def _new_sandbox(state: State, endpoint: EndpointId) -> Sandbox:
    if _ENDPOINT_ID.fullmatch(endpoint) is None:
        raise InvalidRequest(f"bad endpoint id {endpoint[:80]!r}: 64 hex digits are needed")
    name = f"docker-{endpoint[:SHORT_ID]}"
    try:
        state.check_name_is_free(name)
    except Conflict:
        name = f"docker-{endpoint}"
    return Sandbox(
        id=SandboxId(endpoint),
        name=name,
        netns="",
        netns_cookie=0,
        kind=SandboxKind.DOCKER,
        created=time.time(),
    )


def _new_endpoint(
    state: State,
    executor: Executor,
    leases: Leases,
    sandbox: Sandbox,
    network: Network,
    wish: DrivenEndpoint,
) -> Endpoint:
    host_end = _free_host_end(wish.id, executor)
    mac = choose_mac(state, network, wish.mac, wish.id, wish.ipv4)
    for given in (wish.ipv4, wish.ipv6):
        if given is not None:
            _hold(leases, network, given, sandbox.name)
    return Endpoint(
        id=wish.id,
        network=network.id,
        sandbox=sandbox.id,
        ifname=waiting_end_name(host_end),
        host_end=host_end,
        mac=mac,
        host_mac=host_mac_of(mac),
        ipv4=wish.ipv4,
        ipv6=wish.ipv6,
        state=EndpointState.RESERVED,
        created=time.time(),
    )


def _hold(leases: Leases, network: Network, given: IPInterface, holder: str) -> None:
    leases.address(network, given.version, str(given.ip), holder)


def _free_host_end(endpoint: EndpointId, executor: Executor) -> Ifname:
    """Seven hex digits may meet a foreign link by chance; the id is not ours to draw again."""
    name, salt = host_end_name(endpoint), 0
    while executor.has_link(name) or executor.has_link(waiting_end_name(name)):
        salt += 1
        name = host_end_name(f"{endpoint}/{salt}")
    return name
