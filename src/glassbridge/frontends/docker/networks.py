"""A network as dockerd orders it, and as the engine is asked for it."""

from collections.abc import Iterator

from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.frontends.docker.addresses import parse_interface
from glassbridge.frontends.docker.messages import (
    GatewayNeed,
    IpamData,
    NetworkCreation,
    NetworkWishes,
)
from glassbridge.model.names import SHORT_ID
from glassbridge.model.network import GatewayMode, Managed, Manager
from glassbridge.model.options import parse_options
from glassbridge.model.requests import NetworkRequest, SubnetWish


def managed(network_id: str) -> Managed:
    """Docker's network as the engine knows it."""
    return Managed(by=Manager.DOCKER, key=network_id)


def network_request(asked: NetworkCreation) -> NetworkRequest:
    """Translate `CreateNetwork`; dockerd tells no name, hence a short id stands for it."""
    wishes = asked.options or NetworkWishes()
    if not (wishes.ipv4 or wishes.ipv6):
        raise InvalidRequest(
            "a network needs IPv4 or IPv6", hint="add --ipv6, or omit --ipv4=false"
        )
    need = gateway_need(wishes)
    subnets = (
        *_subnets(asked.ipv4_data, without_gateway=need.skip_ipv4),
        *_subnets(asked.ipv6_data, without_gateway=need.skip_ipv6),
    )
    return NetworkRequest(
        name=asked.network_id[:SHORT_ID],
        subnets=tuple(subnets),
        ipv4=wishes.ipv4,
        ipv6=wishes.ipv6,
        internal=wishes.internal,
        managed=managed(asked.network_id),
        options=wishes.given or {},
    )


def gateway_need(wishes: NetworkWishes) -> GatewayNeed:
    """Which families need no address for a gateway, as moby's bridge driver has it."""
    options = parse_options(wishes.given or {}).options
    isolated4 = options.gateway_mode4 is GatewayMode.ISOLATED
    return GatewayNeed(
        skip_ipv4=isolated4 or (options.inhibit_ipv4 and wishes.internal),
        skip_ipv6=options.gateway_mode6 is GatewayMode.ISOLATED,
    )


def _subnets(data: tuple[IpamData, ...] | None, *, without_gateway: bool) -> Iterator[SubnetWish]:
    for given in data or ():
        if given.pool in {"0.0.0.0/0", "::/0"}:
            raise Unsupported(
                "a network without addresses (--ipam-driver null) is not supported by glassbridge",
                hint="omit --ipam-driver, or choose --ipam-driver glassbridge",
            )
        # Docker before 28 leases a gateway also for a network that has none
        gateway = "" if without_gateway else given.gateway
        yield SubnetWish(
            subnet=given.pool,
            gateway=str(parse_interface(gateway, "gateway").ip) if gateway else "",
            reserved={
                name: str(parse_interface(text, f"auxiliary address {name}").ip)
                for name, text in (given.aux_addresses or {}).items()
            },
        )
