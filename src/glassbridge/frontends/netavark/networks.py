"""Networks of Podman in the engine's words, and the engine's choices in Podman's."""

from ipaddress import ip_address, ip_network

import msgspec

from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.frontends.netavark import messages
from glassbridge.frontends.netavark.options import parse_network_options
from glassbridge.model.endpoint import RouteKind, StaticRoute
from glassbridge.model.network import Managed, Manager, Network
from glassbridge.model.requests import NetworkRequest, SubnetWish

HOST_LOCAL = "host-local"


def managed(network: messages.Network) -> Managed:
    """Under what the engine knows it: Podman never changes a network's id."""
    if not network.id or not network.name:
        raise InvalidRequest("the network has no name or no id", hint="Podman gives both")
    return Managed(by=Manager.NETAVARK, key=network.id)


def new_request(network: messages.Network) -> NetworkRequest:
    """What `create` asks for: subnets that were not named are chosen.

    As netavark's bridge, a network has IPv4 unless only an IPv6 subnet was named; `--ipv6` asks
    for both.
    """
    subnets = network.subnets or ()
    has6 = any(":" in s.subnet for s in subnets)
    has4 = any(":" not in s.subnet for s in subnets)
    return _request(
        network, ipv4=has4 or not subnets or network.ipv6_enabled, ipv6=has6 or network.ipv6_enabled
    )


def present_request(network: messages.Network) -> NetworkRequest:
    """What `setup` asks for: the network as `create` left it."""
    subnets = network.subnets or ()
    if not subnets:
        raise InvalidRequest(
            f"network {network.name} has no subnet",
            hint=f"make it with: podman network create -d {network.driver} {network.name}",
        )
    has4 = any(":" not in s.subnet for s in subnets)
    return _request(network, ipv4=has4, ipv6=any(":" in s.subnet for s in subnets))


def with_choices(network: messages.Network, defined: Network) -> messages.Network:
    """Podman's network, completed."""
    ranges = {ip_network(s.subnet): s.lease_range for s in network.subnets or ()}
    subnets = tuple(
        messages.Subnet(
            subnet=str(s.prefix),
            gateway=None if s.gateway is None else str(s.gateway),
            lease_range=ranges.get(s.prefix),
        )
        for s in defined.subnets
    )
    return msgspec.structs.replace(
        network,
        subnets=subnets,
        network_interface=defined.bridge,
        ipv6_enabled=defined.ipv6 is not None,
        ipam_options={**(network.ipam_options or {}), "driver": HOST_LOCAL},
    )


def static_routes(network: messages.Network) -> tuple[StaticRoute, ...]:
    """Parse the network's routes; raises InvalidRequest."""
    return tuple(map(_static_route, network.routes or ()))


def _request(network: messages.Network, *, ipv4: bool, ipv6: bool) -> NetworkRequest:
    driver = (network.ipam_options or {}).get("driver") or HOST_LOCAL
    if driver != HOST_LOCAL:
        raise Unsupported(
            f"IPAM driver {driver} is not supported by glassbridge",
            hint=f"leave --ipam-driver out: {HOST_LOCAL} is what there is",
        )
    if network.network_dns_servers:
        raise Unsupported(
            "DNS servers of a network's own are not supported by glassbridge",
            hint="give them to the container: podman run --dns",
        )
    wishes = parse_network_options(network.options or {}, network.network_interface or "")
    return NetworkRequest(
        name=network.name,
        subnets=tuple(map(_subnet_wish, network.subnets or ())),
        ipv4=ipv4,
        ipv6=ipv6,
        internal=network.internal,
        managed=managed(network),
        options=wishes.options,
    )


def _subnet_wish(subnet: messages.Subnet) -> SubnetWish:
    return SubnetWish(
        subnet=subnet.subnet, gateway=subnet.gateway or "", ranges=tuple(_lease_ranges(subnet))
    )


def _lease_ranges(subnet: messages.Subnet) -> list[tuple[str, str]]:
    given = subnet.lease_range
    if given is None or not (given.start_ip or given.end_ip):
        return []
    try:
        prefix = ip_network(subnet.subnet)
        first = ip_address(given.start_ip) if given.start_ip else prefix.network_address + 1
        end = ip_address(given.end_ip) if given.end_ip else prefix.broadcast_address
    except ValueError as error:
        raise InvalidRequest(f"bad lease range of subnet {subnet.subnet!r}: {error}") from None
    # Podman's --ip-range ends with its last address, which may be the broadcast address
    is_broadcast = end.version == 4 and end == prefix.broadcast_address  # noqa: PLR2004 - the IP version
    return [(str(first), str(end - 1 if is_broadcast else end))]


def _static_route(route: messages.Route) -> StaticRoute:
    where = f"route {route.destination}"
    try:
        kind = RouteKind(route.route_type or RouteKind.UNICAST)
    except ValueError:
        raise InvalidRequest(
            f"{where}: bad type {route.route_type!r}", hint=f"one of {', '.join(RouteKind)}"
        ) from None
    try:
        destination = ip_network(route.destination)
        gateway = ip_address(route.gateway) if route.gateway else None
    except ValueError as error:
        raise InvalidRequest(f"{where}: {error}") from None
    if (kind is RouteKind.UNICAST) != (gateway is not None):
        raise InvalidRequest(
            f"{where}: a {kind} route {'needs a' if gateway is None else 'has no'} gateway"
        )
    return StaticRoute(destination=destination, gateway=gateway, kind=kind, metric=route.metric)
