"""Which endpoint of a sandbox carries its default route and published ports."""

from collections.abc import Iterable

from glassbridge.model.endpoint import Endpoint, EndpointId
from glassbridge.model.network import Network


def choose_gateway(endpoints: Iterable[tuple[Network, Endpoint]]) -> EndpointId | None:
    """Docker's order: priority, then dual stack before single, then the network's name.

    Internal networks and networks without a next hop never carry it.
    Source: moby daemon/libnetwork/endpoint.go, Endpoint.Less.
    """
    candidates = [(n, e) for n, e in endpoints if not n.internal and n.next_hops]
    if not candidates:
        return None
    _, first = min(
        candidates,
        key=lambda c: (-c[1].gateway_priority, -len(c[1].addresses), c[0].name),
    )
    return first.id
