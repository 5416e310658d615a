"""Use cases about networks: define, realise in the kernel, take away, remove."""

import re
import secrets
import time
from collections.abc import Sequence

from glassbridge.engine.bridges import choose_bridge
from glassbridge.engine.host import REALISED, Host, encode_realised
from glassbridge.engine.jobs import Job
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, Hint, InvalidRequest, Remedy
from glassbridge.ipam.subnets import plan_more_subnets, plan_subnets
from glassbridge.kernel.executor import Executor
from glassbridge.model.address import format_mac
from glassbridge.model.driven import AddressPool
from glassbridge.model.kernel_names import DEFAULT_BRIDGE, DEFAULT_NETWORK
from glassbridge.model.names import SHORT_ID, check_network_name, listed, new_id
from glassbridge.model.network import Managed, Manager, Network, NetworkId
from glassbridge.model.options import parse_options
from glassbridge.model.requests import NetworkRequest
from glassbridge.plan.network import plan_realise, plan_unrealise
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store


class CreateNetwork(Job[Network]):
    """Define a network, and make its bridge unless `realise` is false."""

    alone = True  # subnets are chosen around each other

    def __init__(self, request: NetworkRequest, host: Host, *, realise: bool = True) -> None:
        super().__init__()
        self._realise = realise
        self._request = request
        self._host = host
        self._network: Network | None = None
        self._pools: tuple[AddressPool, ...] = ()

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        name, managed = self._request.name, self._request.managed
        name = registry_name(state, managed, name) if managed else check_network_name(name)
        self._network = network = define_network(name, self._request, state, executor, self._host)
        state.add_network(network)
        self._pools = state.address_pools.taken_by(network)
        for pool in self._pools:
            state.address_pools.put(pool)
        if not self._realise:
            return ()
        operations = (*self._host.prepare(state, network), *plan_realise(network))
        state.realised.add(network.id)
        return operations

    def intend(self, state: State, store: Store) -> None:
        assert self._network is not None
        self._host.record(store)
        store.put_network(self._network)
        for pool in self._pools:
            store.put_address_pool(pool)
        store.set_setting(REALISED, encode_realised(state.realised))

    def abandon(self, state: State, store: Store) -> None:
        assert self._network is not None
        _free_pools(state, store, self._network)
        state.drop_network(self._network)
        store.set_setting(REALISED, encode_realised(state.realised))
        store.delete_network(self._network.id)

    def result(self, state: State) -> Network:
        assert self._network is not None
        return self._network


class RemoveNetwork(Job[Network]):
    """Take a network's bridge away and forget its definition."""

    alone = True  # nobody may join it meanwhile

    def __init__(self, ref: str) -> None:
        super().__init__()
        self._ref = ref
        self._network: Network | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        self._network = network = state.network(self._ref)
        if network.name == DEFAULT_NETWORK:
            raise InvalidRequest(
                f"{DEFAULT_NETWORK} is the default network and cannot be removed",
                hint="take its bridge away with everything else: glassbridge down",
            )
        refuse_members(state, network)
        if network.id not in state.realised:
            return ()
        return plan_unrealise(network, stands=executor.has_link(network.bridge))

    def intend(self, state: State, store: Store) -> None:
        """Keep the definition until the bridge is gone: the next start must know what it was.

        A bridge of ours is swept then; of an adopted one nothing else would tell that it was used.
        """
        assert self._network is not None
        if not self._network.adopted:
            store.set_setting(REALISED, encode_realised(state.realised - {self._network.id}))

    def settle(self, state: State, store: Store) -> None:
        assert self._network is not None
        _free_pools(state, store, self._network)
        state.drop_network(self._network)
        store.set_setting(REALISED, encode_realised(state.realised))
        store.delete_network(self._network.id)

    def abandon(self, state: State, store: Store) -> None:
        store.set_setting(REALISED, encode_realised(state.realised))

    def result(self, state: State) -> Network:
        assert self._network is not None
        return self._network


def define_network(
    name: str, request: NetworkRequest, state: State, executor: Executor, host: Host
) -> Network:
    """Choose everything about a new network that was not asked for; nothing is noted yet."""
    known = tuple(state.networks)
    if any(n.name == name for n in known):
        raise Conflict(
            f"a network named {name} exists already",
            hint=Hint(Remedy.LOOK_AT_NETWORK, network=name),
        )
    parsed = parse_options(request.options)
    network_id = _choose_id(state, request.managed)
    bridge, adopted = choose_bridge(
        name,
        network_id,
        parsed.bridge,
        known,
        executor,
        by=request.managed.by if request.managed else None,
    )
    in_use = host.in_use(
        known,
        adopted=bridge if adopted else None,
        pools=state.address_pools.in_the_way(request),
    )
    ipv4, ipv6 = plan_subnets(request, parsed.options, in_use, host.global_id)
    return Network(
        id=network_id,
        name=name,
        bridge=bridge,
        bridge_mac=format_mac(b"\x02\x42" + secrets.token_bytes(4)),
        adopted=adopted,
        ipv4=ipv4,
        ipv6=ipv6,
        more=plan_more_subnets(request, parsed.options, (ipv4, ipv6), in_use),
        internal=request.internal,
        options=parsed.options,
        labels=request.labels,
        managed=request.managed,
        names_port=state.names_port,
        created=time.time(),
    )


def _choose_id(state: State, managed: Managed | None) -> NetworkId:
    """Docker's id is the network's own, so that either's commands find it by the same digits."""
    if managed is None or managed.by is not Manager.DOCKER:
        return NetworkId(new_id(secrets.token_bytes(32)))
    if re.fullmatch(r"[0-9a-f]{64}", managed.key) is None:
        raise InvalidRequest(f"bad network id {managed.key[:80]!r}: 64 hex digits are needed")
    if managed.key in state.networks:
        raise Conflict(f"network {managed.key[:SHORT_ID]} exists already")
    return NetworkId(managed.key)


def _free_pools(state: State, store: Store, network: Network) -> None:
    for pool in state.address_pools.freed_by(network):
        state.address_pools.put(pool)
        store.put_address_pool(pool)


def registry_name(state: State, managed: Managed, wished: str) -> str:
    """The engine's own name for its network, or one that says whose it is where that is taken."""
    try:
        name = check_network_name(wished)
    except InvalidRequest:
        name = ""
    if name and state.networks.named(name) is None:
        return name
    return check_network_name(f"{managed.by}-{wished}")


def unused_networks(state: State) -> Sequence[Network]:
    """What `network prune` removes: every network without members but the default one."""
    busy = {e.network for e in tuple(state.endpoints.values())}
    wished = {w.network for c in state.containers for w in c.networks}
    return [
        n
        for n in state.networks
        if n.managed is None
        and n.id not in busy
        and n.name != DEFAULT_NETWORK
        and n.name not in wished
    ]


def default_network_request() -> NetworkRequest:
    """The network that a container joins when nobody says otherwise."""
    return NetworkRequest(
        name=DEFAULT_NETWORK, options={"com.docker.network.bridge.name": DEFAULT_BRIDGE}
    )


def refuse_members(state: State, network: Network) -> None:
    """Raise Conflict naming who is on a network."""
    members = state.members(network.id)
    if members:
        names = sorted(
            {state.sandboxes[e.sandbox].name for e in members if e.sandbox in state.sandboxes}
        )
        raise Conflict(
            f"network {network.name} has active endpoints: {listed(names)}",
            hint=Hint(
                Remedy.EMPTY_NETWORK, network=network.name, member=names[0] if names else "NAME"
            ),
        )
