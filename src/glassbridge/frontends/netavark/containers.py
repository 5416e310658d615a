"""A container's place on a network: what `setup` asks for, and what Podman hears of it."""

from collections.abc import Iterator
from ipaddress import ip_address

from glassbridge.errors import InvalidRequest
from glassbridge.frontends.netavark import messages
from glassbridge.frontends.netavark.networks import managed, static_routes
from glassbridge.frontends.netavark.options import parse_container_options, parse_network_options
from glassbridge.model.address import IPAddress
from glassbridge.model.attachment import Attachment, AttachmentKey, AttachmentRequest
from glassbridge.model.endpoint import PortWish, Protocol
from glassbridge.model.names import check_ifname
from glassbridge.model.network import Network
from glassbridge.model.ports import PORT_MAX, check_wish


def attachment_key(asked: messages.Exec) -> AttachmentKey:
    """By what `teardown` finds again what `setup` made."""
    if not asked.container_id:
        raise InvalidRequest("container_id is empty")
    ifname = check_ifname(asked.network_options.interface_name, "interface_name")
    return AttachmentKey(
        network=managed(asked.network), container=asked.container_id, ifname=ifname
    )


def attachment_request(asked: messages.Exec, netns: str, network: Network) -> AttachmentRequest:
    """Translate it; raises InvalidRequest."""
    wishes = parse_network_options(asked.network.options or {}, "")
    wanted = asked.network_options
    has_way_out = wishes.has_default_route and not network.internal
    return AttachmentRequest(
        key=attachment_key(asked),
        netns=netns,
        name=asked.container_name,
        aliases=wanted.aliases or (),
        wishes=tuple(_address(a, "static_ips") for a in wanted.static_ips or ()),
        mac=wanted.static_mac or "",
        host_end=parse_container_options(wanted.options or {}),
        ports=tuple(w for m in asked.port_mappings or () for w in _port_wishes(m)),
        default_routes=network.next_hops if has_way_out else (),
        default_metric=wishes.metric,
        routes=static_routes(asked.network),
    )


def status_block(asked: messages.Exec, attachment: Attachment) -> messages.StatusBlock:
    """What `podman inspect` shows, and what goes into the container's resolv.conf."""
    network, endpoint = attachment.network, attachment.endpoint
    addresses = tuple(
        messages.NetAddress(ipnet=str(a), gateway=_gateway(network, a.ip))
        for a in endpoint.interfaces
    )
    interface = messages.NetInterface(mac_address=endpoint.mac, subnets=addresses)
    has_names = asked.network.dns_enabled
    return messages.StatusBlock(
        dns_server_ips=tuple(map(str, network.name_servers)) if has_names else (),
        dns_search_domains=(network.name,) if has_names else (),
        interfaces={endpoint.ifname: interface},
    )


def _gateway(network: Network, address: IPAddress) -> str | None:
    """None where it leads nowhere, as netavark has it."""
    hops = () if network.internal else network.next_hops
    return next((str(hop) for hop in hops if hop.version == address.version), None)


def _address(text: str, what: str) -> IPAddress:
    try:
        return ip_address(text)
    except ValueError:
        raise InvalidRequest(f"{what}: {text!r} is not an address") from None


def _port_wishes(mapping: messages.PortMapping) -> Iterator[PortWish]:
    where = f"port mapping {mapping.host_port}:{mapping.container_port}"
    if not 0 < mapping.range <= PORT_MAX:
        raise InvalidRequest(f"{where}: bad range {mapping.range}: 1 to {PORT_MAX} ports exist")
    host = _address(mapping.host_ip, f"{where}: host_ip") if mapping.host_ip else None
    for word in (mapping.protocol or Protocol.TCP).split(","):
        try:
            protocol = Protocol(word.strip().lower())
        except ValueError:
            raise InvalidRequest(
                f"{where}: bad protocol {word!r}", hint=f"one of {', '.join(Protocol)}"
            ) from None
        for step in range(mapping.range):
            wish = PortWish(
                container_port=mapping.container_port + step,
                protocol=protocol,
                host_address=host,
                host_ports=(mapping.host_port + step,) * 2,
            )
            yield check_wish(wish)
