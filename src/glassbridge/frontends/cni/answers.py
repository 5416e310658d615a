"""What ADD prints of an attachment, and what CHECK finds otherwise in an earlier answer."""

from collections.abc import Iterator

from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.frontends.cni.addressing import Addressing
from glassbridge.frontends.cni.configuration import Configuration
from glassbridge.frontends.cni.invocation import Invocation
from glassbridge.frontends.cni.results import Dns, Interface, Ip, Result
from glassbridge.model.attachment import Attachment, ForeignCable
from glassbridge.model.network import Ifname

_INSIDE = 2
"""Where the sandbox end stands among the interfaces: bridge, host end, it."""


def answer(
    attachment: Attachment, invocation: Invocation, configuration: Configuration, plan: Addressing
) -> Result:
    """Bridge, host end and sandbox end, in that order, as the reference bridge has it."""
    network, endpoint = attachment.network, attachment.endpoint
    mtu = network.options.mtu
    by_address = {ip.address: ip.gateway for ip in plan.given or ()}
    return Result(
        interfaces=(
            # an adopted bridge has a MAC of its own, which may follow its ports
            Interface(
                name=network.bridge, mac="" if network.adopted else network.bridge_mac, mtu=mtu
            ),
            Interface(name=endpoint.host_end, mac=endpoint.host_mac, mtu=mtu),
            Interface(name=endpoint.ifname, mac=endpoint.mac, mtu=mtu, sandbox=invocation.netns),
        ),
        ips=tuple(
            Ip(
                address=address,
                gateway=by_address.get(address, plan.gateways.get(address.version)),
                interface=_INSIDE,
            )
            for address in endpoint.interfaces
        ),
        routes=plan.routes,
        dns=_dns(configuration, plan),
    )


def foreign_cable(result: Result, invocation: Invocation) -> ForeignCable:
    """Find the cable that an earlier plugin of the chain made; raises InvalidRequest, Unsupported.

    The reference plugins name bridge and host end in this order, ptp the host end alone; whatever
    follows on the host is somebody else's.
    """
    inside = _inside(result, invocation)
    if inside is None:
        raise InvalidRequest(
            f"prevResult has no interface {invocation.ifname} in {invocation.netns}",
            hint="glassbridge-cni comes after the plugin that makes the interface, or is it",
        )
    on_host = [i.name for i in result.interfaces if not i.sandbox]
    if not on_host:
        raise Unsupported(
            "prevResult has no interface on the host: only bridge, ptp and their like can be "
            "followed in a chain"
        )
    host_end = on_host[1] if len(on_host) > 1 else on_host[0]
    return ForeignCable(
        host_end=Ifname(host_end),
        bridge=Ifname(on_host[0]),
        addresses=tuple(
            ip.address for ip in result.ips if ip.interface is None or ip.interface == inside
        ),
    )


def forgotten(attachment: Attachment, result: Result, invocation: Invocation) -> Iterator[str]:
    """What of an attachment the runtime's result has otherwise.

    A later plugin may have changed MAC and routes, and added what it wants.
    """
    if _inside(result, invocation) is None:
        yield f"prevResult has no interface {invocation.ifname} in {invocation.netns}"
    there = {ip.address for ip in result.ips}
    for address in attachment.endpoint.interfaces:
        if address not in there:
            yield f"prevResult lacks address {address}"


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


def _dns(configuration: Configuration, plan: Addressing) -> Dns:
    """The pod's own over the network's over the IPAM's."""
    runtime = configuration.runtime_config.dns
    if runtime.servers or runtime.searches or runtime.options:
        return Dns(nameservers=runtime.servers, search=runtime.searches, options=runtime.options)
    return configuration.dns if configuration.dns != Dns() else plan.dns
