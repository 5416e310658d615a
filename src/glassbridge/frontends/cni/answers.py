"""What ADD prints of an attachment, and what CHECK finds otherwise in an earlier answer."""

from collections.abc import Iterator

from msgspec.structs import replace

from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.frontends.cni.addressing import Addressing
from glassbridge.frontends.cni.configuration import Configuration
from glassbridge.frontends.cni.invocation import Invocation
from glassbridge.frontends.cni.results import Dns, Interface, Ip, Result, Route
from glassbridge.model.address import Mac
from glassbridge.model.attachment import Attachment, ForeignCable, Told
from glassbridge.model.network import Ifname

_INSIDE = 2
"""Where the sandbox end stands among the interfaces: bridge, host end, it."""


def answer(
    attachment: Attachment, invocation: Invocation, configuration: Configuration, plan: Addressing
) -> Result:
    """Bridge, host end and sandbox end, in that order, as the reference bridge has it."""
    network, endpoint = attachment.network, attachment.endpoint
    mtu = network.options.mtu
    return Result(
        interfaces=(
            Interface(name=network.bridge, mac=network.bridge_mac, mtu=mtu),
            Interface(name=endpoint.host_end, mac=endpoint.host_mac, mtu=mtu),
            Interface(name=endpoint.ifname, mac=endpoint.mac, mtu=mtu, sandbox=invocation.netns),
        ),
        ips=tuple(_ips(attachment, plan)),
        routes=tuple(_routes(attachment, plan)),
        dns=_dns(attachment, configuration, plan),
    )


def _ips(attachment: Attachment, plan: Addressing) -> Iterator[Ip]:
    """The addresses in the order of the configuration, or of who leased them."""
    if plan.given is not None:
        yield from (replace(ip, interface=_INSIDE) for ip in plan.given)
        return
    for subnet in sorted(attachment.network.subnets, key=lambda s: s.range_set):
        for address in attachment.endpoint.interfaces:
            if address.ip in subnet.prefix:
                yield Ip(address=address, gateway=subnet.gateway, interface=_INSIDE)


def _routes(attachment: Attachment, plan: Addressing) -> Iterator[Route]:
    """As ordered; a gateway stands for its range set, of which one subnet gave the address."""
    near = attachment.network.near_gateways(attachment.endpoint.interfaces)
    for route in plan.routes:
        yield replace(route, gw=near.get(route.gw, route.gw)) if route.gw else route


def foreign_cable(result: Result, invocation: Invocation) -> ForeignCable:
    """Find the cable that an earlier plugin of the chain made; raises InvalidRequest, Unsupported.

    The reference bridge names bridge and host end in this order; whatever follows on the host is
    somebody else's.
    """
    inside = _inside(result, invocation)
    if inside is None:
        raise InvalidRequest(
            f"prevResult has no interface {invocation.ifname} in {invocation.netns}",
            hint="glassbridge-cni comes after the plugin that makes the interface, or is it",
        )
    on_host = [i.name for i in result.interfaces if not i.sandbox]
    if len(on_host) < _INSIDE:
        raise Unsupported(
            "prevResult has no bridge and host end: glassbridge-cni follows only plugins that plug "
            "into a bridge",
            hint="let it make the interface itself",
        )
    bridge, host_end, *_ = on_host
    return ForeignCable(
        host_end=Ifname(host_end),
        bridge=Ifname(bridge),
        addresses=tuple(
            ip.address for ip in result.ips if ip.interface is None or ip.interface == inside
        ),
    )


def forgotten(attachment: Attachment, result: Result, invocation: Invocation) -> Iterator[str]:
    """What of an attachment the runtime's result has otherwise.

    A later plugin may have changed MAC and routes (see `told`), and added what it wants.
    """
    if _inside(result, invocation) is None:
        yield f"prevResult has no interface {invocation.ifname} in {invocation.netns}"
    there = {ip.address for ip in result.ips}
    for address in attachment.endpoint.interfaces:
        if address not in there:
            yield f"prevResult lacks address {address}"


def told(result: Result, invocation: Invocation) -> Told:
    """What the runtime's result says of MAC and routes, which a later plugin may have changed."""
    inside = _inside(result, invocation)
    mac = "" if inside is None else result.interfaces[inside].mac
    return Told(
        mac=Mac(mac.lower()) if mac else None,
        destinations=frozenset(r.dst for r in result.routes),
    )


def _inside(result: Result, invocation: Invocation) -> int | None:
    """The index of the sandbox end; a path may be another that leads to the same namespace."""
    return next(
        (
            index
            for index, interface in enumerate(result.interfaces)
            if interface.sandbox and interface.name == invocation.ifname
        ),
        None,
    )


def _dns(attachment: Attachment, configuration: Configuration, plan: Addressing) -> Dns:
    """The pod's own over the network's over the IPAM's; without servers in it, the gateways."""
    runtime, network = configuration.runtime_config.dns, attachment.network
    said = configuration.dns if configuration.dns != Dns() else plan.dns
    if runtime.servers or runtime.searches or runtime.options:
        said = Dns(nameservers=runtime.servers, search=runtime.searches, options=runtime.options)
    if said.nameservers or not network.names_port:
        return said
    families = {a.version for a in attachment.endpoint.addresses}
    servers = (str(s) for s in network.name_servers if s.version in families)
    return replace(said, nameservers=tuple(servers))
