"""A network's bridge: what makes it, and what takes it away."""

from glassbridge.model.endpoint import Endpoint
from glassbridge.model.kernel_names import ALIAS_PREFIX
from glassbridge.model.network import GatewayMode, Network
from glassbridge.plan.firewall import network_elements
from glassbridge.plan.host import link_key
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
    operations += [AddAddress(bridge, a) for a in network.gateway_interfaces]
    operations.append(BringUp(bridge))
    return tuple(operations)


def plan_unrealise(network: Network) -> tuple[Operation, ...]:
    """Take firewall elements and bridge away; what cannot be undone comes last.

    An adopted bridge only loses our addresses.
    """
    elements = RemoveElements(network_elements(network))
    if network.adopted:
        ours = (RemoveAddress(network.bridge, a) for a in network.gateway_interfaces)
        return (elements, *ours)
    return (elements, DeleteLink(network.bridge))


def needs_forwarding(network: Network) -> bool:
    """Whether packets of this network are ever routed by the host."""
    return not network.internal


def is_isolated_port(network: Network) -> bool:
    """Whether ports of this network are cut from each other (ICC off)."""
    return not network.options.icc


def needs_hairpin(endpoint: Endpoint) -> bool:
    """Whether a frame may have to leave by the port that it came from.

    Under br_netfilter DNAT happens inside the bridge, so a container that asks for its own
    published port comes back on its own port (net/bridge/br_netfilter_hooks.c, bridged DNAT).
    """
    return bool(endpoint.ports)


def _sysctls(network: Network) -> list[Operation]:
    bridge = network.bridge
    keys: list[Operation] = [SetSysctl(link_key("ipv6", bridge, "accept_ra"), "0")]
    nat4 = network.ipv4 is not None and network.options.gateway_mode4 in (
        GatewayMode.NAT,
        GatewayMode.NAT_UNPROTECTED,
    )
    if nat4 and not network.internal:
        # 127.0.0.1:port leads into the bridge only where the bridge may carry loopback addresses;
        # the firewall's loopback guard stands already, else containers could reach the host's.
        keys.append(SetSysctl(link_key("ipv4", bridge, "route_localnet"), "1"))
    return keys
