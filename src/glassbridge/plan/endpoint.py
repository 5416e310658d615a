"""An endpoint's veth pair: what plugs a sandbox into its network, and what pulls it out."""

from collections.abc import Iterable

from glassbridge.model.endpoint import Endpoint, Protocol, PublishedPort
from glassbridge.model.firewall import Element
from glassbridge.model.network import GatewayMode, Network
from glassbridge.plan.firewall import endpoint_elements
from glassbridge.plan.interface_operations import AwaitCarrier
from glassbridge.plan.network import is_isolated_port, needs_hairpin
from glassbridge.plan.operations import (
    AddElements,
    AddRoute,
    Announce,
    CreateVeth,
    DisableLinkLocal,
    DoomLink,
    ForgetFlows,
    HoldPort,
    Operation,
    PlugPort,
    ReleasePort,
    RemoveElements,
    RemoveRoute,
    SetPortFlags,
)
from glassbridge.plan.sandbox_end import (
    NOTHING,
    Found,
    default_routes,
    is_brought_up,
    plan_remove_routes,
    plan_routes,
    plan_sandbox_end,
    plan_settings,
)
from glassbridge.plan.shaping import plan_remove_shaper, plan_shaping, plan_unshape


def plan_attach(
    network: Network,
    endpoint: Endpoint,
    netns: str,
    *,
    announce: bool = False,
    found: Found = NOTHING,
) -> tuple[Operation, ...]:
    """Plug a sandbox in: ports held and firewall in place before the first frame can flow."""
    return (
        *(HoldPort(p) for p in held_ports(network, endpoint)),
        AddElements(endpoint_elements(network, endpoint)),
        *_connect(network, endpoint, netns, found),
        *_forget_udp(endpoint),
        *((_announce(endpoint, netns),) if announce else ()),
    )


def plan_cable(network: Network, endpoint: Endpoint, netns: str) -> tuple[Operation, ...]:
    """Make a cable again that vanished; ports and firewall elements stand all the while."""
    return (
        *plan_remove_shaper(endpoint),
        *plan_remove_routes(endpoint, netns),
        *_connect(network, endpoint, netns, NOTHING),
        _announce(endpoint, netns),
    )


def host_ports(network: Network, endpoint: Endpoint) -> tuple[PublishedPort, ...]:
    """The ports that occupy one of the host: in routed mode the container's own is reached."""
    return tuple(
        p for p in endpoint.ports if network.gateway_mode(p.host_address) is not GatewayMode.ROUTED
    )


def held_ports(network: Network, endpoint: Endpoint) -> tuple[PublishedPort, ...]:
    """Those that we keep bound: with CNI and netavark that is the caller's, and Podman does so."""
    return () if endpoint.container else host_ports(network, endpoint)


def plan_plug(network: Network, endpoint: Endpoint) -> tuple[Operation, ...]:
    """Plug a cable that exists into its bridge."""
    host_end = endpoint.host_end
    plug = PlugPort(host_end, network.bridge, endpoint.alias)
    hairpin, isolated = needs_hairpin(endpoint), is_isolated_port(network)
    if not (hairpin or isolated):
        return (plug,)
    return (plug, SetPortFlags(host_end, hairpin=hairpin, isolated=isolated))


def plan_detach(network: Network, endpoint: Endpoint) -> tuple[Operation, ...]:
    """Pull a sandbox out: its link is the reaper's then, and plan_forget follows when it is gone.

    What protects others from this endpoint does not depend on its own elements.
    """
    return (
        RemoveElements(endpoint_elements(network, endpoint)),
        *(ReleasePort(p) for p in held_ports(network, endpoint)),
        *plan_unwind(endpoint),
    )


def plan_detach_all(leaving: Iterable[tuple[Network, Endpoint]]) -> tuple[Operation, ...]:
    """Pull several out at once, as plan_detach does; the links come last of all.

    They may be reaped with the batch before, so nothing that can fail comes after.
    """
    operations = (o for network, endpoint in leaving for o in plan_detach(network, endpoint))
    return tuple(sorted(operations, key=lambda o: isinstance(o, DoomLink)))


def plan_unwind(endpoint: Endpoint) -> tuple[Operation, ...]:
    """Take the links of an endpoint, and what it has on a cable that is not ours."""
    own = () if endpoint.has_foreign_cable else (DoomLink(endpoint.host_end),)
    return (*plan_unshape(endpoint), *own)


def plan_forget(endpoint: Endpoint) -> tuple[Operation, ...]:
    """Forget the connections of addresses and UDP ports that may mean another endpoint next."""
    return (ForgetFlows(endpoint.addresses, _udp_ports(endpoint)),)


def _forget_udp(endpoint: Endpoint) -> tuple[Operation, ...]:
    """A client that never paused keeps its flow to the host itself, past the new translation."""
    ports = _udp_ports(endpoint)
    return (ForgetFlows((), ports),) if ports else ()


def _udp_ports(endpoint: Endpoint) -> tuple[PublishedPort, ...]:
    return tuple(p for p in endpoint.ports if p.protocol is Protocol.UDP)


def plan_gateway_move(
    leaving: tuple[Network, Endpoint] | None,
    arriving: tuple[Network, Endpoint] | None,
    netns: str,
    *,
    again: bool = False,
) -> tuple[Operation, ...]:
    """Move the default routes and published ports of a sandbox from one endpoint to another.

    `leaving` is as it was with its ports, `arriving` as it will be; what is pulled out anyway
    needs no leaving part. With `again` a crash may have left any of it done: routes may stand
    already, and elements are left to the loading of the whole firewall that follows.
    """
    operations: list[Operation] = []
    if leaving is not None:
        network, before = leaving
        operations += [RemoveRoute(r, before.ifname, netns) for r in default_routes(*leaving)]
        if not again:
            after = before.without_ports()
            operations.append(RemoveElements(_difference(network, before, after)))
            operations += [ReleasePort(p) for p in held_ports(network, before)]
            operations += _hairpin_change(network, before, after)
    if arriving is not None:
        network, after = arriving
        before = after.without_ports()
        operations += [HoldPort(p) for p in held_ports(network, after)]
        if not again:
            operations.append(AddElements(_difference(network, after, before)))
        operations += _hairpin_change(network, before, after)
        for route in default_routes(*arriving):
            if again:
                operations.append(RemoveRoute(route, after.ifname, netns))
            operations.append(AddRoute(route, after.ifname, netns))
    return tuple(o for o in operations if not _is_empty(o))


def _connect(network: Network, endpoint: Endpoint, netns: str, found: Found) -> Iterable[Operation]:
    if not endpoint.has_foreign_cable:
        yield from _cable(network, endpoint, netns)
    yield from plan_shaping(endpoint)
    if endpoint.has_foreign_cable:
        yield from plan_settings(endpoint, netns, found)
        yield from plan_routes(network, endpoint, netns)
    else:
        yield from plan_sandbox_end(network, endpoint, netns, found)
        if is_brought_up(endpoint):
            yield AwaitCarrier(endpoint.host_end)
            yield AwaitCarrier(network.bridge)


def _cable(network: Network, endpoint: Endpoint, netns: str) -> Iterable[Operation]:
    host_end = endpoint.host_end
    mtu = (endpoint.settings and endpoint.settings.mtu) or network.options.mtu
    yield CreateVeth(host_end, endpoint.host_mac, endpoint.ifname, endpoint.mac, mtu, netns)
    # a bridge port has no IP stack of its own to use a link-local address
    yield DisableLinkLocal(host_end)
    yield from plan_plug(network, endpoint)


def _announce(endpoint: Endpoint, netns: str) -> Operation:
    return Announce(endpoint.ifname, endpoint.addresses, endpoint.mac, netns)


def _difference(network: Network, more: Endpoint, less: Endpoint) -> tuple[Element, ...]:
    rest = set(endpoint_elements(network, less))
    return tuple(e for e in endpoint_elements(network, more) if e not in rest)


def _hairpin_change(network: Network, before: Endpoint, after: Endpoint) -> list[Operation]:
    if needs_hairpin(before) == needs_hairpin(after):
        return []
    isolated = is_isolated_port(network)
    return [
        SetPortFlags(
            before.host_end,
            hairpin=needs_hairpin(after),
            isolated=isolated,
            old_hairpin=needs_hairpin(before),
            old_isolated=isolated,
        )
    ]


def _is_empty(operation: Operation) -> bool:
    return isinstance(operation, AddElements | RemoveElements) and not operation.elements
