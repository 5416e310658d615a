"""Which host ports an endpoint publishes; each is held by a socket the moment it is chosen.

What CNI and netavark publish is free at that moment, and no more: a runtime may hold it itself.
"""

import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from glassbridge.engine.holders import taken
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, GlassbridgeError, Hint, InvalidRequest, Remedy
from glassbridge.kernel.executor import Executor
from glassbridge.kernel.ports import ephemeral_ports, ephemeral_range
from glassbridge.model.address import IPAddress
from glassbridge.model.endpoint import Endpoint, PortWish, PublishedPort
from glassbridge.model.network import GatewayMode, Network
from glassbridge.model.ports import check_wish
from glassbridge.plan.endpoint import host_ports

_ANY6 = IPv6Address("::")
_ROUTED = GatewayMode.ROUTED
_PODMAN = ("podman", "conmon")
"""Podman 5 binds what it publishes before it calls a plugin, Podman 4 after; conmon keeps it."""


def publish(
    state: State,
    executor: Executor,
    network: Network,
    endpoint: Endpoint,
    wishes: Sequence[PortWish],
) -> tuple[PublishedPort, ...]:
    """Choose and hold a host port for each wish; on failure every one of them is let go."""
    held: list[PublishedPort] = []
    try:
        for wish in wishes:
            held += _publish_one(state, executor, network, endpoint, check_wish(wish), held)
    except BaseException:
        for port in held:
            executor.ports.release(port)
        raise
    return tuple(held)


def _publish_one(
    state: State,
    executor: Executor,
    network: Network,
    endpoint: Endpoint,
    wish: PortWish,
    mine: Sequence[PublishedPort],
) -> Sequence[PublishedPort]:
    addresses = _host_addresses(network, endpoint, wish)
    if all(network.gateway_mode(a) is _ROUTED for a in addresses):
        # routed: reached at the container's own address, no host port is involved
        return [_port(a, wish.container_port, wish) for a in addresses]
    first, last = wish.host_ports or ephemeral_range()
    candidates = ephemeral_ports() if wish.host_ports is None else range(first, last + 1)
    refusal: GlassbridgeError | None = None
    for number in candidates:
        ports = [_port(a, number, wish) for a in addresses]
        of_host = [p for p in ports if network.gateway_mode(p.host_address) is not _ROUTED]
        try:
            for port in of_host:
                _refuse_taken(state, port, mine)
            if endpoint.container:
                executor.ports.check(of_host, _PODMAN)
            else:
                executor.ports.hold_all(of_host)
        except Conflict as error:
            refusal = error
            continue
        return ports
    if first == last and refusal is not None:
        raise refusal
    raise Conflict(
        f"no free host port between {first} and {last} for {wish.container_port}/{wish.protocol}",
        hint=Hint(Remedy.MORE_HOST_PORTS, container_port=wish.container_port),
    )


def _port(address: IPAddress, number: int, wish: PortWish) -> PublishedPort:
    return PublishedPort(
        host_address=address,
        host_port=number,
        container_port=wish.container_port,
        protocol=wish.protocol,
    )


def _host_addresses(network: Network, endpoint: Endpoint, wish: PortWish) -> list[IPAddress]:
    """The wished address, else the network's binding, and `::` beside 0.0.0.0."""
    versions = {a.version for a in endpoint.addresses}
    if wish.host_address is not None:
        if wish.host_address.version not in versions:
            raise InvalidRequest(
                f"cannot publish on host address {wish.host_address}: the container has no "
                f"IPv{wish.host_address.version} address on network {network.name}",
                hint=Hint(Remedy.NETWORK_WITH_IPV6)
                if wish.host_address.version == 6  # noqa: PLR2004 - the IP version
                else "publish on an IPv6 address of the host",
            )
        return [wish.host_address]
    chosen: list[IPAddress] = []
    if 4 in versions:  # noqa: PLR2004 - the IP version
        chosen.append(network.options.host_binding)
    if 6 in versions and network.options.host_binding == IPv4Address(0):  # noqa: PLR2004 - same
        chosen.append(_ANY6)
    return chosen


def _refuse_taken(state: State, port: PublishedPort, mine: Sequence[PublishedPort]) -> None:
    """Name the container that publishes the port; the kernel would only say EADDRINUSE."""
    for other in mine:
        if _overlap(port, other):
            raise Conflict(f"host port {port.host_port}/{port.protocol} is asked for twice")
    for endpoint in state.publishers(port):
        for other in host_ports(state.networks[endpoint.network], endpoint):
            if _overlap(port, other):
                ago = _ago(time.time() - endpoint.created)
                raise taken(
                    state,
                    f"host port {port.host_port}/{port.protocol} is taken by",
                    state.sandboxes[endpoint.sandbox],
                    f" (published {ago} ago)",
                    hint=Hint(
                        Remedy.OTHER_HOST_PORT,
                        free=port.host_port + 1,
                        container_port=port.container_port,
                        where="glassbridge ports",
                    ),
                )


def _overlap(one: PublishedPort, other: PublishedPort) -> bool:
    if (one.host_port, one.protocol) != (other.host_port, other.protocol):
        return False
    a, b = one.host_address, other.host_address
    return a.version == b.version and (a == b or a.is_unspecified or b.is_unspecified)


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
