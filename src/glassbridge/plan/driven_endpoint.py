"""An endpoint that dockerd plugs in: it moves the sandbox end out of the host's namespace itself.

Its addresses, routes and going up are dockerd's work as well, and on Leave it brings the link back
under its old name. So of the cable the host end is ours, and with it the pair comes and goes.
"""

from collections.abc import Iterable

from glassbridge.model.address import IPAddress
from glassbridge.model.endpoint import Endpoint, Protocol
from glassbridge.model.network import Network
from glassbridge.plan.endpoint import held_ports, plan_plug
from glassbridge.plan.firewall import endpoint_elements
from glassbridge.plan.network import is_isolated_port, needs_hairpin
from glassbridge.plan.operations import (
    AddElements,
    CreateVeth,
    DisableLinkLocal,
    ForgetFlows,
    HoldPort,
    Operation,
    ReleasePort,
    RemoveElements,
    SetPortFlags,
)

HOST = ""
"""The namespace in which the sandbox end waits."""


def plan_join(network: Network, endpoint: Endpoint) -> tuple[Operation, ...]:
    """Make the cable, with its firewall elements in place before the first frame can flow."""
    return (
        AddElements(endpoint_elements(network, endpoint)),
        *plan_waiting_cable(network, endpoint),
    )


def plan_waiting_cable(network: Network, endpoint: Endpoint) -> tuple[Operation, ...]:
    """Plug the host end in; the sandbox end stays down until dockerd has moved it."""
    host_end, mtu = endpoint.host_end, network.options.mtu
    return (
        CreateVeth(host_end, endpoint.host_mac, endpoint.ifname, endpoint.mac, mtu, HOST),
        DisableLinkLocal(host_end),
        *plan_plug(network, endpoint),
    )


def plan_publish(network: Network, before: Endpoint, after: Endpoint) -> tuple[Operation, ...]:
    """Publish other ports at an endpoint that is plugged in."""
    return tuple(_changes(network, before, after))


def next_hops(network: Network, endpoint: Endpoint) -> tuple[IPAddress, ...]:
    """Where the default routes of a container lead by this network; an internal one has none."""
    if network.internal:
        return ()
    held = {a.version for a in endpoint.addresses}
    return tuple(g for g in network.next_hops if g.version in held)


def _changes(network: Network, before: Endpoint, after: Endpoint) -> Iterable[Operation]:
    was, will = (dict.fromkeys(endpoint_elements(network, e)) for e in (before, after))
    if gone := tuple(e for e in was if e not in will):
        yield RemoveElements(gone)
    yield from (ReleasePort(p) for p in held_ports(network, before) if p not in after.ports)
    yield from (HoldPort(p) for p in held_ports(network, after) if p not in before.ports)
    if new := tuple(e for e in will if e not in was):
        yield AddElements(new)
    if needs_hairpin(before) != needs_hairpin(after):
        isolated = is_isolated_port(network)
        yield SetPortFlags(
            before.host_end,
            hairpin=needs_hairpin(after),
            isolated=isolated,
            old_hairpin=needs_hairpin(before),
            old_isolated=isolated,
        )
    # a client that never paused keeps its flow to the host itself, past the new translation
    changed = {*before.ports} ^ {*after.ports}
    if udp := tuple(p for p in changed if p.protocol is Protocol.UDP):
        yield ForgetFlows((), udp)
