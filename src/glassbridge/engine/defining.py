"""Use cases about networks that CNI or netavark manages: define, bring up to date."""

from collections.abc import Callable, Collection, Iterable
from ipaddress import IPv4Interface

from msgspec.structs import replace

from glassbridge.engine.bridges import adopts, is_there
from glassbridge.engine.host import REALISED, Host, encode_realised
from glassbridge.engine.jobs import Job
from glassbridge.engine.networks import define_network, registry_name
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, GlassbridgeError
from glassbridge.ipam.address_space import InUse
from glassbridge.ipam.subnets import plan_more_subnets, plan_subnets
from glassbridge.kernel.executor import Executor
from glassbridge.model.address import IPInterface, IPNetwork
from glassbridge.model.network import GatewayMode, Managed, Network, NetworkOptions, Subnet
from glassbridge.model.options import parse_options
from glassbridge.model.requests import NetworkRequest, OtherAddresses, SubnetWish
from glassbridge.plan.network import plan_redefine, plan_unrealise
from glassbridge.plan.operations import Operation, RemoveAddress
from glassbridge.store.store import Store


class DefineNetwork(Job[Network]):
    """Define a managed network, or bring its definition up to date; its bridge is made later."""

    alone = True  # subnets are chosen around each other, and members must not come meanwhile

    def __init__(self, request: NetworkRequest, managed: Managed, host: Host) -> None:
        super().__init__()
        self._request = request
        self._managed = managed
        self._host = host
        self._before: Network | None = None
        self._after: Network | None = None
        self._was_realised = False
        self._leaves_foreign_bridge = False

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        self._before = before = state.managed(self._managed)
        if before is None:
            name = registry_name(state, self._managed, self._request.name)
            new = define_network(name, self._request, state, executor, self._host)
            self._after = _as_found(new, executor)
            operations = _clear(self._after, self._request, (), executor)
            state.add_network(self._after)
            return operations
        self._was_realised = before.id in state.realised
        self._after = after = self._renewed(before, state, executor)
        ours = before.gateway_interfaces if self._was_realised else ()
        cleared = _clear(after, self._request, ours, executor)
        if after == before:
            return cleared
        members = state.members(before.id)
        if members:
            _refuse_change(before, after)
        state.change_network(after)
        if not self._was_realised:
            return cleared
        if members or _keeps_bridge(before, after):
            return (*cleared, *plan_redefine(before, after, members))
        state.realised.discard(before.id)
        self._leaves_foreign_bridge = before.adopted
        return (*cleared, *plan_unrealise(before, stands=executor.has_link(before.bridge)))

    def _renewed(self, before: Network, state: State, executor: Executor) -> Network:
        """What the request makes of the network now; what it leaves open stays as it was."""
        request = _named_subnets(self._request, before)
        parsed = parse_options(request.options)
        bridge = parsed.bridge or before.bridge
        adopted = before.adopted
        others = tuple(n for n in state.networks if n.id != before.id)
        if bridge != before.bridge:
            adopted = adopts(bridge, others, executor, self._managed.by)
        elif not self._was_realised:
            adopted = is_there(bridge, others, executor)
        ipv4, ipv6, more = before.ipv4, before.ipv6, before.more
        wished = self._subnets(request, parsed.options, ())
        if wished != (ipv4, ipv6, more):
            pools = state.address_pools.in_the_way(request)
            in_use = self._host.in_use(others, adopted=bridge, pools=pools)
            ipv4, ipv6, more = self._subnets(request, parsed.options, in_use)
        after = replace(
            before,
            bridge=bridge,
            adopted=adopted,
            ipv4=ipv4,
            ipv6=ipv6,
            more=more,
            internal=request.internal,
            options=parsed.options,
            labels=request.labels,
        )
        if not adopted or not self._was_realised or bridge != before.bridge:
            return _as_found(after, executor)
        return _with_subnets(after, lambda s: _kept(before, s))

    def _subnets(
        self, request: NetworkRequest, options: NetworkOptions, in_use: Iterable[InUse]
    ) -> tuple[Subnet | None, Subnet | None, tuple[Subnet, ...]]:
        taken = tuple(in_use)
        firsts = plan_subnets(request, options, taken, self._host.global_id)
        return (*firsts, plan_more_subnets(request, options, firsts, taken))

    def intend(self, state: State, store: Store) -> None:
        """Write the new definition, unless only the old one tells what is ours on a bridge."""
        if not self._leaves_foreign_bridge:
            self._write(state, store)

    def settle(self, state: State, store: Store) -> None:
        if self._leaves_foreign_bridge:
            self._write(state, store)

    def _write(self, state: State, store: Store) -> None:
        assert self._after is not None
        if self._after != self._before:
            store.put_network(self._after)
            store.set_setting(REALISED, encode_realised(state.realised))

    def abandon(self, state: State, store: Store) -> None:
        assert self._after is not None
        if self._before is None:
            state.drop_network(self._after)
            store.delete_network(self._after.id)
            return
        if self._was_realised:
            state.realised.add(self._before.id)
        state.change_network(self._before)
        store.put_network(self._before)
        store.set_setting(REALISED, encode_realised(state.realised))

    def result(self, state: State) -> Network:
        assert self._after is not None
        return self._after


def _as_found(network: Network, executor: Executor) -> Network:
    """What an adopted bridge has already is its owner's to give and to take: address and MAC."""
    if not network.adopted:
        return network
    held = executor.addresses_of(network.bridge)
    mac = executor.link(network.bridge).mac
    theirs = {a.ip for a in network.gateway_interfaces if a in held}
    found = _with_subnets(
        network, lambda s: replace(s, on_bridge=False) if s.gateway in theirs else s
    )
    return replace(found, bridge_mac=mac or network.bridge_mac)


def _with_subnets(network: Network, change: Callable[[Subnet], Subnet]) -> Network:
    return replace(
        network,
        ipv4=network.ipv4 and change(network.ipv4),
        ipv6=network.ipv6 and change(network.ipv6),
        more=tuple(map(change, network.more)),
    )


def _clear(
    network: Network, request: NetworkRequest, ours: Collection[IPInterface], executor: Executor
) -> tuple[Operation, ...]:
    """Take off what an adopted bridge has beside the network's own addresses, or raise Conflict."""
    if request.others is OtherAddresses.KEEP or not (
        network.adopted and executor.has_link(network.bridge)
    ):
        return ()
    held = executor.addresses_of(network.bridge)
    wished = [a for a in network.gateway_interfaces if a not in held]
    own = {*ours, *(a for a in held if any(_is_gateway(a, s) for s in network.subnets))}
    others = sorted(a for a in held if a not in own and any(_is_other(a, w) for w in wished))
    if others and request.others is OtherAddresses.REFUSE:
        raise Conflict(
            f"bridge {network.bridge} has {others[0]} already, which is not "
            f"{' or '.join(map(str, wished))}",
            hint="forceAddress replaces it",
        )
    return tuple(RemoveAddress(network.bridge, a) for a in others)


def _is_gateway(held: IPInterface, subnet: Subnet) -> bool:
    return held.ip == subnet.gateway and held.network == subnet.prefix


def _is_other(held: IPInterface, wished: IPInterface) -> bool:
    """Of IPv6 a bridge may have several, of prefixes that lie apart."""
    if isinstance(held, IPv4Interface) or isinstance(wished, IPv4Interface):
        return held.version == wished.version
    return held.network.overlaps(wished.network)


def _kept(before: Network, subnet: Subnet) -> Subnet:
    """The same subnet of a bridge that stands: whose its address is was decided then."""
    known = next((s for s in before.subnets if _place(s) == _place(subnet)), None)
    if known is None:
        return subnet
    return replace(subnet, on_bridge=known.on_bridge and subnet.on_bridge)


def _named_subnets(request: NetworkRequest, before: Network) -> NetworkRequest:
    """A family whose subnet was left open keeps the one that was chosen for it."""
    named = {6 if ":" in wish.subnet else 4 for wish in request.subnets}
    open_families = [
        s
        for s in before.subnets
        if s.prefix.version not in named
        and (request.ipv4 if s.prefix.version == 4 else request.ipv6)  # noqa: PLR2004 - the IP version
    ]
    kept = tuple(SubnetWish(subnet=str(s.prefix)) for s in open_families)
    return replace(request, subnets=(*request.subnets, *kept))


def _refuse_change(before: Network, after: Network) -> None:
    """Members have addresses, routes and a cable; what those depend on cannot change.

    A subnet may come beside those that are there.
    """
    after = _without_new_subnets(before, after)
    fixed: dict[str, tuple[object, object]] = {
        "bridge": (before.bridge, after.bridge),
        "internal": (before.internal, after.internal),
        "subnet (IPv4)": (_place(before.ipv4), _place(after.ipv4)),
        "subnet (IPv6)": (_place(before.ipv6), _place(after.ipv6)),
        "further subnets": (_prefixes(before.more), _prefixes(after.more)),
        "gateway address": (before.gateway_interfaces, after.gateway_interfaces),
        "routed mode": (_routed(before), _routed(after)),
    }
    for what, (was, wished) in fixed.items():
        if was != wished:
            raise Conflict(
                f"the {what} of network {before.name} cannot change while containers are on it: "
                f"it is {_shown(was)}, and {_shown(wished)} is asked for",
                hint="remove its containers first, or give the network another name",
            )


def _without_new_subnets(before: Network, after: Network) -> Network:
    known = set(map(_place, before.more))
    return replace(after, more=tuple(s for s in after.more if _place(s) in known))


def _keeps_bridge(before: Network, after: Network) -> bool:
    try:
        _refuse_change(before, after)
    except GlassbridgeError:
        return False
    return True


def _place(subnet: Subnet | None) -> tuple[object, ...]:
    return () if subnet is None else (subnet.prefix, subnet.gateway)


def _prefixes(subnets: Iterable[Subnet]) -> tuple[IPNetwork, ...]:
    return tuple(s.prefix for s in subnets)


def _routed(network: Network) -> tuple[bool, bool]:
    options = network.options
    return (
        options.gateway_mode4 is GatewayMode.ROUTED,
        options.gateway_mode6 is GatewayMode.ROUTED,
    )


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
