"""A network's bridge: what makes it, and what takes it away."""

from collections.abc import Collection

from glassbridge.model.address import IPInterface
from glassbridge.model.endpoint import Endpoint, LinkSettings
from glassbridge.model.firewall import Element
from glassbridge.model.kernel_names import ALIAS_PREFIX
from glassbridge.model.network import GatewayMode, Manager, Network
from glassbridge.plan.firewall import endpoint_elements, network_elements
from glassbridge.plan.host import link_key
from glassbridge.plan.interface_operations import TuneLink
from glassbridge.plan.operations import (
    AddAddress,
    AddElements,
    BringUp,
    CreateBridge,
    DeleteLink,
    DisableLinkLocal,
    Operation,
    RemoveAddress,
    RemoveElements,
    SetPortFlags,
    SetSysctl,
)


def network_alias(network: Network) -> str:
    """What `ip link` shows for the bridge."""
    return f"{ALIAS_PREFIX}network:{network.name}"


def plan_realise(network: Network) -> tuple[Operation, ...]:
    """Make the bridge of a defined network; its firewall elements stand before it is up."""
    bridge = network.bridge
    operations: list[Operation] = [AddElements(network_elements(network))]
    if not network.adopted:
        operations.append(
            CreateBridge(bridge, network.bridge_mac, network.options.mtu, network_alias(network))
        )
        if network.ipv6 is None:
            operations.append(DisableLinkLocal(bridge))
    operations += _sysctls(network)
    if network.options.promiscuous:
        operations.append(_promiscuous(network, on=True))
    operations += [AddAddress(bridge, a) for a in network.gateway_interfaces]
    operations.append(BringUp(bridge, mac=network.bridge_mac if _is_pinned(network) else None))
    return tuple(operations)


def plan_restore_bridge(
    network: Network, held: Collection[IPInterface], *, is_up: bool, is_promiscuous: bool
) -> tuple[Operation, ...]:
    """Give a bridge that stands back what somebody took from it."""
    bridge = network.bridge
    missing = [AddAddress(bridge, a) for a in network.gateway_interfaces if a not in held]
    lacks_frames = network.options.promiscuous and not is_promiscuous
    return (
        *missing,
        *((_promiscuous(network, on=True),) if lacks_frames else ()),
        *(() if is_up else (BringUp(bridge),)),
    )


def plan_unrealise(network: Network, *, stands: bool) -> tuple[Operation, ...]:
    """Take firewall elements and bridge away; what cannot be undone comes last.

    An adopted bridge only loses what is ours on it, if it still `stands`.
    """
    elements = RemoveElements(network_elements(network))
    if not network.adopted:
        return (elements, DeleteLink(network.bridge))
    if not stands:
        return (elements,)
    ours = (RemoveAddress(network.bridge, a) for a in network.gateway_interfaces)
    localnet = (SetSysctl(k, "0", "1") for k in _route_localnet(network))
    frames = (_promiscuous(network, on=False),) if network.options.promiscuous else ()
    # ahead of the firewall's loopback guard, which goes with the last network
    return (*localnet, elements, *frames, *ours)


def plan_redefine(
    before: Network, after: Network, members: Collection[Endpoint]
) -> tuple[Operation, ...]:
    """Apply options that may change under members: who may reach whom, and under which address."""
    old, new = _all_elements(before, members), _all_elements(after, members)
    gone, come = tuple(e for e in old if e not in new), tuple(e for e in new if e not in old)
    was, isolated = is_isolated_port(before), is_isolated_port(after)
    return (
        *((RemoveElements(gone),) if gone else ()),
        *((AddElements(come),) if come else ()),
        *(AddAddress(after.bridge, a) for a in _new_gateways(before, after)),
        *(
            (_promiscuous(after, on=after.options.promiscuous),)
            if before.options.promiscuous != after.options.promiscuous
            else ()
        ),
        *(
            SetPortFlags(
                e.host_end,
                hairpin=needs_hairpin(e),
                isolated=isolated,
                old_hairpin=needs_hairpin(e),
                old_isolated=was,
            )
            for e in members
            if was != isolated and not e.has_foreign_cable
        ),
    )


def _is_pinned(network: Network) -> bool:
    """The bridge plugin and netavark pin the MAC of a bridge that they find, Docker does not."""
    managed = network.managed
    return network.adopted and managed is not None and managed.by is not Manager.DOCKER


def _new_gateways(before: Network, after: Network) -> tuple[IPInterface, ...]:
    return tuple(a for a in after.gateway_interfaces if a not in before.gateway_interfaces)


def _promiscuous(network: Network, *, on: bool) -> Operation:
    wish, old = LinkSettings(promiscuous=on), LinkSettings(promiscuous=not on)
    return TuneLink(network.bridge, "", wish, old=old)


def needs_forwarding(network: Network) -> bool:
    """Whether packets of this network are ever routed by the host."""
    return not network.internal


def is_isolated_port(network: Network) -> bool:
    """Whether ports of this network are cut from each other (ICC off)."""
    return not network.options.icc


def needs_hairpin(endpoint: Endpoint) -> bool:
    """Whether a frame may have to leave by the port that it came from.

    Under br_netfilter DNAT happens inside the bridge, so a container that asks for its own
    published port comes back on its own port (net/bridge/br_netfilter_hooks.c, bridged DNAT);
    one that asks for a service of its own, when its client wants it.
    """
    return endpoint.hairpin or bool(endpoint.ports)


def _all_elements(network: Network, members: Collection[Endpoint]) -> dict[Element, None]:
    of_members = (e for m in members for e in endpoint_elements(network, m))
    return dict.fromkeys((*network_elements(network), *of_members))


def _sysctls(network: Network) -> list[Operation]:
    bridge = network.bridge
    keys: list[Operation] = [SetSysctl(k, "1", "0") for k in _route_localnet(network)]
    if network.adopted:  # the rest is its owner's, who may live on router advertisements
        return keys
    keys.append(SetSysctl(link_key("ipv6", bridge, "accept_ra"), "0"))
    if network.ipv6 is not None:
        # the host asks for no neighbour before the bridge's link-local address is probed: a second
        # in which nothing is forwarded to the first container; nobody else may have that address
        keys.append(SetSysctl(link_key("ipv6", bridge, "accept_dad"), "0"))
    return keys


def _route_localnet(network: Network) -> tuple[str, ...]:
    """Lets 127.0.0.1:port lead into the bridge.

    The firewall's loopback guard stands already, else containers could reach the host's own.
    """
    # without a subnet of ours it may have addresses that others lease
    may_have_ipv4 = network.ipv4 is not None or network.ipv6 is None
    nat4 = may_have_ipv4 and network.options.gateway_mode4 in (
        GatewayMode.NAT,
        GatewayMode.NAT_UNPROTECTED,
    )
    if not nat4 or network.internal:
        return ()
    return (link_key("ipv4", network.bridge, "route_localnet"),)
