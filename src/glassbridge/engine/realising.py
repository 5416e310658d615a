"""The use case that makes the bridge of a network which is defined already."""

from msgspec.structs import replace

from glassbridge.engine.host import REALISED, Host, encode_realised
from glassbridge.engine.jobs import Job
from glassbridge.engine.networks import default_network_request
from glassbridge.engine.state import State
from glassbridge.errors import Conflict
from glassbridge.ipam.address_space import InUse
from glassbridge.ipam.subnets import plan_subnets
from glassbridge.kernel.executor import Executor
from glassbridge.model.kernel_names import DEFAULT_NETWORK
from glassbridge.model.network import Network, NetworkId
from glassbridge.plan.network import plan_realise
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store


class Realise(Job[Network]):
    """Make the bridge of a defined network; done already is success.

    Since it was defined the host may have got an address that the bridge would hide: the default
    network then moves to another subnet, if nobody counts on the one that it has; for others that
    is a Conflict.
    """

    alone = True  # attaches behind it need the bridge

    def __init__(self, network: NetworkId, host: Host) -> None:
        super().__init__()
        self._id = network
        self._host = host
        self._before: Network | None = None

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        if self._id in state.realised:
            return ()
        network = before = state.networks[self._id]
        met = self._host.met_by(network, state.networks)
        if met is not None:
            network = self._choose_again(state, network, met)
        operations = (*self._host.prepare(state, network), *plan_realise(network))
        if network != before:
            self._before = before
            state.change_network(network)
        state.realised.add(self._id)
        return operations

    def intend(self, state: State, store: Store) -> None:
        self._host.record(store)
        if self._before is not None:
            store.put_network(state.networks[self._id])
        store.set_setting(REALISED, encode_realised(state.realised))

    def abandon(self, state: State, store: Store) -> None:
        state.realised.discard(self._id)
        if self._before is not None:
            state.change_network(self._before)
            store.put_network(self._before)
        store.set_setting(REALISED, encode_realised(state.realised))

    def result(self, state: State) -> Network:
        return state.networks[self._id]

    def _choose_again(self, state: State, network: Network, met: InUse) -> Network:
        if network.name != DEFAULT_NETWORK or _is_counted_on(state, network):
            subnets = ", ".join(str(s.prefix) for s in network.subnets)
            raise Conflict(
                f"network {network.name} ({subnets}) overlaps {met}, which the host got since",
                hint=f"take the address off {met.name}, or create the network again",
            )
        others = [n for n in state.networks if n.id != network.id]
        in_use = self._host.in_use(others, adopted=None, pools=state.address_pools)
        ipv4, ipv6 = plan_subnets(
            default_network_request(), network.options, in_use, self._host.global_id
        )
        return replace(network, ipv4=ipv4, ipv6=ipv6)


def _is_counted_on(state: State, network: Network) -> bool:
    """Whether somebody has an address of it, or a container is to have one when it starts."""
    wishes = (w for c in state.containers for w in c.networks if w.ipv4 or w.ipv6)
    return bool(state.members(network.id)) or any(
        w.network in {network.name, network.id} for w in wishes
    )
