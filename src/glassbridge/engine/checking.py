"""What an attachment should be against what the kernel has: CNI's CHECK."""

from collections.abc import Iterator

from glassbridge.errors import GlassbridgeError, NotFound
from glassbridge.kernel import sysctl
from glassbridge.kernel.end_settings import read_settings
from glassbridge.kernel.nft import Nft
from glassbridge.kernel.qdiscs import read_limit, read_redirections
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.sandbox import OpenSandbox
from glassbridge.kernel.snapshot import read_addresses, read_link, read_routes
from glassbridge.model.attachment import AS_ADDED, Attachment, Told
from glassbridge.model.endpoint import Endpoint, LinkSettings, StaticRoute
from glassbridge.model.kernel_names import shaper_name
from glassbridge.model.network import Ifname
from glassbridge.model.tables import TABLE_MAIN, Route
from glassbridge.model.topology import Link
from glassbridge.plan.firewall import endpoint_elements, network_elements
from glassbridge.plan.sandbox_end import is_brought_up
from glassbridge.plan.shaping import egress_limit, ingress_limit

_METRIC6 = 1024
"""What the kernel makes of an IPv6 route without a metric (IP6_RT_PRIO_USER)."""


def differences(attachment: Attachment, nft: Nft, told: Told = AS_ADDED) -> tuple[str, ...]:
    """Name what the kernel has otherwise; reads the caller's namespace and the sandbox's."""
    with RouteSocket() as host:
        return (
            *_of_sandbox(attachment, told),
            *_of_host_end(attachment, host),
            *_of_shaping(attachment.endpoint, host),
            *_of_firewall(attachment, nft),
        )


def _of_sandbox(attachment: Attachment, told: Told) -> Iterator[str]:
    sandbox, endpoint = attachment.sandbox, attachment.endpoint
    try:
        opened = OpenSandbox(sandbox.netns)
    except GlassbridgeError as error:
        yield f"namespace: {error}"
        return
    try:
        if opened.cookie != sandbox.netns_cookie:
            yield f"namespace: {sandbox.netns} is another one now"
            return
        yield from _of_link(endpoint, opened, told)
        yield from _of_routes(endpoint, opened.links, told)
    finally:
        opened.close()


def _of_link(endpoint: Endpoint, opened: OpenSandbox, told: Told) -> Iterator[str]:
    ifname = endpoint.ifname
    try:
        link = read_link(opened.links, ifname)
    except NotFound:
        yield f"link: {ifname} is gone"
        return
    if link.is_up is not is_brought_up(endpoint):
        yield f"link: {ifname} is {'up' if link.is_up else 'down'}"
    if link.mac not in (endpoint.mac, told.mac):
        yield f"link: {ifname} has MAC {link.mac} instead of {endpoint.mac}"
    held = {a.interface for a in read_addresses(opened.links, link.ifindex)}
    for address in endpoint.interfaces:
        if address not in held:
            yield f"address: {ifname} lacks {address}"
    if endpoint.settings is not None:
        yield from _of_settings(ifname, endpoint.settings, opened)


def _of_settings(ifname: Ifname, wish: LinkSettings, opened: OpenSandbox) -> Iterator[str]:
    found = read_settings(opened.links, ifname)
    for what, wanted, is_ in (
        ("mtu", wish.mtu, found.mtu),
        ("queue length", wish.queue_length, found.queue_length),
        ("promiscuous mode", wish.promiscuous, found.promiscuous),
        ("all-multicast mode", wish.all_multicast, found.all_multicast),
    ):
        if wanted is not None and wanted != is_:
            yield f"link: {what} of {ifname} is {is_} instead of {wanted}"
    values = sysctl.read_present(wish.sysctls, opened.fd)
    for key, value in wish.sysctls.items():
        if values.get(key, "").split() != value.split():
            yield f"sysctl: {key} is {values.get(key, 'absent')} instead of {value}"


def _of_routes(endpoint: Endpoint, links: RouteSocket, told: Told) -> Iterator[str]:
    left = told.destinations
    routes = [r for r in endpoint.routes if left is None or r.destination in left]
    present = read_routes(links) if routes else ()
    for route in routes:
        if not any(_is_same(route, other) for other in present):
            via = f" via {route.gateway}" if route.gateway else ""
            yield f"route: {route.destination}{via} is missing or another"


def _is_same(wish: StaticRoute, route: Route) -> bool:
    metric = wish.metric
    if metric is None:
        metric = _METRIC6 if wish.destination.version == 6 else 0  # noqa: PLR2004 - the IP version
    return (
        route.destination == wish.destination
        and route.gateway == wish.gateway
        and route.type == wish.kind
        and route.metric == metric
        and route.table == (TABLE_MAIN if wish.table is None else wish.table)
        and wish.mtu in (None, route.mtu)
        and wish.advmss in (None, route.advmss)
    )


def _of_host_end(attachment: Attachment, host: RouteSocket) -> Iterator[str]:
    name, bridge = attachment.endpoint.host_end, attachment.network.bridge
    link, master = _find(host, name), _find(host, bridge)
    if master is None:
        yield f"bridge: {bridge} is gone"
    if link is None:
        yield f"link: {name}, its end on the host, is gone"
    elif not link.is_up:
        yield f"link: {name} is down"
    elif master is not None and link.master != master.ifindex:
        yield f"link: {name} is no port of {bridge}"
    if attachment.network.options.promiscuous and master and not master.is_promiscuous:
        yield f"bridge: {bridge} is not promiscuous"


def _of_shaping(endpoint: Endpoint, host: RouteSocket) -> Iterator[str]:
    shaper = shaper_name(endpoint.id)
    for ifname, wanted in (
        (endpoint.host_end, ingress_limit(endpoint)),
        (shaper, egress_limit(endpoint)),
    ):
        if wanted is None:
            continue
        link = _find(host, ifname)
        found = None if link is None else read_limit(host, link.ifindex)
        if found is None:
            yield f"bandwidth: {ifname} has no limit"
        elif found.rate != wanted[0]:
            yield f"bandwidth: {ifname} is limited to {found.rate * 8} bit/s"
        elif not found.is_of(*wanted):
            yield f"bandwidth: {ifname} lets other than {wanted[1] * 8} bits pass at once"
    if endpoint.has_shaper:
        link, into = _find(host, endpoint.host_end), _find(host, shaper)
        if link and into and into.ifindex not in read_redirections(host, link.ifindex):
            yield f"bandwidth: what comes by {endpoint.host_end} does not pass {shaper}"


def _of_firewall(attachment: Attachment, nft: Nft) -> Iterator[str]:
    network, endpoint = attachment.network, attachment.endpoint
    for element in (*network_elements(network), *endpoint_elements(network, endpoint)):
        if not nft.holds(element):
            yield f"firewall: {element} is missing"


def _find(host: RouteSocket, ifname: str) -> Link | None:
    try:
        return read_link(host, ifname)
    except NotFound:
        return None
