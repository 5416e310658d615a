"""An endpoint as dockerd orders it, and as the engine is asked for it."""

import binascii
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.frontends.docker.addresses import parse_address, parse_interface
from glassbridge.frontends.docker.messages import (
    EndpointCreated,
    EndpointCreation,
    Interface,
    InterfaceName,
    JoinedAnswer,
    Options,
    PortBinding,
)
from glassbridge.frontends.docker.networks import managed
from glassbridge.model.address import format_mac
from glassbridge.model.driven import DrivenEndpoint, Joined
from glassbridge.model.endpoint import Endpoint, EndpointId, PortWish, Protocol
from glassbridge.model.ports import check_wish

_MAC_ADDRESS = "com.docker.network.endpoint.macaddress"
_IFNAME = "com.docker.network.endpoint.ifname"
_PROTOCOLS = {6: Protocol.TCP, 17: Protocol.UDP, 132: Protocol.SCTP}


def driven_endpoint(asked: EndpointCreation) -> DrivenEndpoint:
    """Translate `CreateEndpoint`."""
    interface, options = asked.interface or Interface(), asked.options or {}
    if _IFNAME in options:
        # any other key that we do not know is Docker's own affair: each version adds some
        raise Unsupported(
            f"endpoint option {_IFNAME} cannot be honoured: Docker names the interface itself",
            hint="name all of a network's: -o com.docker.network.container_iface_prefix=PREFIX",
        )
    return DrivenEndpoint(
        id=EndpointId(asked.endpoint_id),
        network=managed(asked.network_id),
        ipv4=_ipv4(interface.address),
        ipv6=_ipv6(interface.address_ipv6),
        mac=interface.mac_address or _mac_option(options),
    )


def endpoint_created(asked: EndpointCreation, made: Endpoint) -> EndpointCreated:
    """Tell what dockerd does not know yet; it refuses to be told anything else."""
    given = asked.interface or Interface()
    return EndpointCreated(
        interface=Interface(
            address="" if given.address or made.ipv4 is None else str(made.ipv4),
            address_ipv6="" if given.address_ipv6 or made.ipv6 is None else str(made.ipv6),
            mac_address="" if given.mac_address else made.mac,
        )
    )


def joined_answer(joined: Joined) -> JoinedAnswer:
    """Tell dockerd which link to move, and where the container's default routes lead."""
    gateway4 = next((g for g in joined.gateways if isinstance(g, IPv4Address)), None)
    gateway6 = next((g for g in joined.gateways if isinstance(g, IPv6Address)), None)
    return JoinedAnswer(
        interface_name=InterfaceName(src_name=joined.link, dst_prefix=joined.ifname_prefix),
        gateway="" if gateway4 is None else str(gateway4),
        gateway_ipv6="" if gateway6 is None else str(gateway6),
        # only IPv4 counts where dockerd decides about docker_gwbridge (needDefaultGW)
        disable_gateway_service=gateway4 is None,
    )


def port_wishes(portmap: tuple[PortBinding, ...] | None) -> Iterator[PortWish]:
    """Translate Docker's port bindings; raises InvalidRequest as `-p` does."""
    for binding in portmap or ():
        protocol = _PROTOCOLS.get(binding.proto)
        if protocol is None:
            raise InvalidRequest(
                f"port {binding.port} of IP protocol {binding.proto} cannot be published",
                hint="tcp, udp and sctp can",
            )
        first, last = binding.host_port, max(binding.host_port, binding.host_port_end)
        yield check_wish(
            PortWish(
                container_port=binding.port,
                protocol=protocol,
                host_address=parse_address(binding.host_ip, "host address")
                if binding.host_ip
                else None,
                host_ports=(first, last) if first else None,
            )
        )


def _ipv4(text: str) -> IPv4Interface | None:
    if not text:
        return None
    parsed = parse_interface(text, "address of the endpoint")
    if not isinstance(parsed, IPv4Interface):
        raise InvalidRequest(f"bad address of the endpoint {text!r}: not of IPv4")
    return parsed


def _ipv6(text: str) -> IPv6Interface | None:
    if not text:
        return None
    parsed = parse_interface(text, "IPv6 address of the endpoint")
    if not isinstance(parsed, IPv6Interface):
        raise InvalidRequest(f"bad IPv6 address of the endpoint {text!r}: not of IPv6")
    return parsed


def _mac_option(options: Options) -> str:
    """Go writes the bytes of a net.HardwareAddr as base64."""
    given = options.get(_MAC_ADDRESS)
    if not given:
        return ""
    try:
        return format_mac(binascii.a2b_base64(str(given), strict_mode=True))
    except ValueError:
        raise InvalidRequest(f"bad {_MAC_ADDRESS} {given!r}: not base64") from None
