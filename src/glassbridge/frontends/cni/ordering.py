"""From a configuration to what the engine is asked: the network, and one interface on it."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from glassbridge.errors import InvalidRequest
from glassbridge.frontends.cni.addressing import Addressing, is_default
from glassbridge.frontends.cni.configuration import (
    Bandwidth,
    Configuration,
    PortMapping,
    ingress_of,
)
from glassbridge.frontends.cni.invocation import Invocation
from glassbridge.frontends.cni.results import Route
from glassbridge.model.address import IPAddress
from glassbridge.model.attachment import AttachmentKey, AttachmentRequest, ForeignCable
from glassbridge.model.endpoint import (
    Hiding,
    LinkSettings,
    PortWish,
    Protocol,
    Shaping,
    StaticRoute,
)
from glassbridge.model.names import check_ifname
from glassbridge.model.network import GatewayMode, Ingress, Managed, Manager, SourceGuard
from glassbridge.model.options import BRIDGE_NAME, MTU, check_option
from glassbridge.model.ports import PORT_MAX
from glassbridge.model.requests import NetworkRequest, OtherAddresses

_BURST_END = 1 << 35
"""Bits; bandwidth's limit of 4 GB, which is tc's (tc_tbf_qopt counts bytes in 32 bits)."""


def managed_network(name: str) -> Managed:
    """A network by the name in its configuration."""
    return Managed(by=Manager.CNI, key=name)


def attachment_key(invocation: Invocation, network: str) -> AttachmentKey:
    """What DEL finds it by."""
    return AttachmentKey(
        network=managed_network(network), container=invocation.container, ifname=invocation.ifname
    )


def network_request(
    configuration: Configuration, addressing: Addressing, cable: ForeignCable | None
) -> NetworkRequest:
    """The network; CNI's defaults, not Docker's: nothing is guarded but what was asked for."""
    c = configuration
    ingress, icc = ingress_of(c)
    mode = GatewayMode.NAT_UNPROTECTED if ingress is Ingress.OPEN else GatewayMode.NAT
    options = {
        "com.docker.network.bridge.enable_ip_masquerade": _flag(c.ip_masq),
        "com.docker.network.bridge.enable_icc": _flag(icc),
        "com.docker.network.bridge.gateway_mode_ipv4": str(mode),
        "com.docker.network.bridge.gateway_mode_ipv6": str(mode),
        "glassbridge.source_guard": str(SourceGuard.STRICT if c.macspoofchk else SourceGuard.OFF),
        "glassbridge.ingress": str(ingress),
        "glassbridge.promiscuous": _flag(c.promisc_mode),
    }
    bridge = cable.bridge if cable else c.bridge
    if bridge:
        options[BRIDGE_NAME] = check_ifname(bridge, "bridge")
    if c.mtu and cable is None:
        check_option(MTU, str(c.mtu), f"mtu {c.mtu}")
        options[MTU] = str(c.mtu)
    has4 = any(":" not in s.subnet for s in addressing.subnets)
    return NetworkRequest(
        name=c.name,
        subnets=addressing.subnets,
        more=addressing.more,
        ipv4=has4,
        ipv6=len(addressing.subnets) > has4,
        managed=managed_network(c.name),
        others=OtherAddresses.REPLACE if c.force_address else OtherAddresses.REFUSE,
        options=options,
    )


def attachment_request(
    invocation: Invocation,
    configuration: Configuration,
    addressing: Addressing,
    cable: ForeignCable | None,
) -> AttachmentRequest:
    """The interface; raises InvalidRequest naming key and value."""
    c, given = configuration, addressing.given
    default_routes, metric, routes = _routes(addressing)
    held: Iterable[int] = (
        (a.version for a in cable.addresses)
        if cable
        else (ip.address.version for ip in given)
        if given is not None
        else addressing.gateways
    )
    return AttachmentRequest(
        key=attachment_key(invocation, c.name),
        netns=invocation.netns,
        name=_name(invocation),
        aliases=_aliases(c),
        wishes=() if cable or given is not None else _wishes(invocation, c, addressing),
        given=None if given is None else tuple(ip.address for ip in given),
        mac=_mac(invocation, c),
        hairpin=c.hairpin_mode,
        hides=_hides(c),
        ports=_ports(c, set(held)),
        default_routes=default_routes,
        default_metric=metric,
        routes=routes,
        settings=_settings(invocation, c, is_chained=cable is not None),
        shaping=_shaping(c),
        cable=cable,
    )


def _hides(configuration: Configuration) -> Hiding:
    """As portmap: masqAll widens what snat does."""
    if not configuration.snat:
        return Hiding.NOBODY
    return Hiding.EVERYBODY if configuration.masq_all else Hiding.SIBLINGS


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _name(invocation: Invocation) -> str:
    """Podman gives a container's name as that of its pod; Kubernetes names are by namespace."""
    pod, namespace = (invocation.args.get(f"K8S_POD_{k}", "") for k in ("NAME", "NAMESPACE"))
    return f"{pod}.{namespace}" if pod and namespace else pod


def _aliases(configuration: Configuration) -> tuple[str, ...]:
    match configuration.runtime_config.aliases:
        case dict(by_network):
            return by_network.get(configuration.name, ())
        case aliases:
            return aliases


def _mac(invocation: Invocation, configuration: Configuration) -> str:
    """The precedence of bridge, over the key of tuning."""
    return (
        configuration.runtime_config.mac
        or configuration.args.cni.mac
        or invocation.args.get("MAC", "")
        or configuration.mac
    )


def _wishes(
    invocation: Invocation, configuration: Configuration, addressing: Addressing
) -> tuple[IPAddress, ...]:
    """host-local merges all three places, and gives one address of each range set."""
    said = (
        invocation.args.get("IP", ""),
        *configuration.args.cni.ips,
        *configuration.runtime_config.ips,
    )
    wishes = dict.fromkeys(_parse_wish(text) for text in said if text)
    prefixes = [
        (s.range_set, ip_network(s.subnet)) for s in (*addressing.subnets, *addressing.more)
    ]
    sets = [number for w in wishes for number, prefix in prefixes if w in prefix]
    if len(set(sets)) < len(sets):
        shown = ", ".join(map(str, wishes))
        raise InvalidRequest(f"addresses {shown}: one of each range set at most can be asked for")
    return tuple(wishes)


def _parse_wish(text: str) -> IPAddress:
    try:
        return ip_address(text.partition("/")[0])
    except ValueError:
        raise InvalidRequest(f"requested address {text[:80]!r} is no address") from None


def _ports(configuration: Configuration, held: set[int]) -> tuple[PortWish, ...]:
    """The ports to publish; those bound to a family that the interface has not are left out."""
    wishes = (_port(m) for m in configuration.runtime_config.port_mappings)
    return tuple(w for w in wishes if w.host_address is None or w.host_address.version in held)


def _port(mapping: PortMapping) -> PortWish:
    for key, value in (("hostPort", mapping.host_port), ("containerPort", mapping.container_port)):
        if not 0 < value <= PORT_MAX:
            raise InvalidRequest(f"portMappings: invalid {key} {value}")
    try:
        protocol = Protocol(mapping.protocol.lower() or "tcp")
        host = ip_address(mapping.host_ip) if mapping.host_ip else None
    except ValueError as error:
        raise InvalidRequest(f"portMappings: {error}") from None
    return PortWish(
        container_port=mapping.container_port,
        protocol=protocol,
        host_address=host,
        host_ports=(mapping.host_port, mapping.host_port),
    )


def _routes(
    addressing: Addressing,
) -> tuple[tuple[IPAddress, ...], int | None, tuple[StaticRoute, ...]]:
    """Default routes apart: the first of each family is the interface's own."""
    defaults: dict[int, IPAddress] = {}
    metric = None
    routes = []
    for route in addressing.routes:
        version = route.dst.version
        via = route.gw or addressing.gateways.get(version)
        if is_default(route) and via is not None and version not in defaults:
            defaults[version] = via
            metric = route.priority if metric is None else metric
        else:
            routes.append(_static(route, via))
    return tuple(defaults.values()), metric, tuple(routes)


def _static(route: Route, via: IPAddress | None) -> StaticRoute:
    return StaticRoute(
        destination=route.dst,
        gateway=via,
        metric=route.priority,
        table=route.table,
        scope=route.scope,
        mtu=route.mtu,
        advmss=route.advmss,
    )


def _settings(
    invocation: Invocation, configuration: Configuration, *, is_chained: bool
) -> LinkSettings | None:
    c, ifname = configuration, invocation.ifname
    sysctls = {_sysctl(key, ifname): value for key, value in c.sysctl.items()}
    if c.enabledad:
        for key in ("accept_dad", "enhanced_dad"):
            sysctls[f"net.ipv6.conf.{ifname}.{key}"] = "1"
    settings = LinkSettings(
        # on a cable of ours it is the network's
        mtu=c.mtu or None if is_chained else None,
        queue_length=c.queue_length,
        promiscuous=c.promisc,
        all_multicast=c.allmulti,
        is_down=c.disable_container_interface,
        sysctls=sysctls,
    )
    return None if settings == LinkSettings() else settings


def _sysctl(key: str, ifname: str) -> str:
    """Name the interface as tuning does; raises InvalidRequest for what is not net.*."""
    named = key.replace("IFNAME", ifname)
    parts = named.split("/") if "/" in named else named.split(".")
    if parts[0] != "net" or len(parts) < 3 or not all(parts) or ".." in parts:  # noqa: PLR2004 - net, area, key
        raise InvalidRequest(f"sysctl {key[:120]!r}: only keys of net.* can be set")
    return named


def _shaping(configuration: Configuration) -> Shaping | None:
    """The configuration's own limits win over the runtime's, as bandwidth has it."""
    own: Bandwidth = configuration
    limits = own if _is_limit(own) else configuration.runtime_config.bandwidth
    if limits is None or not _is_limit(limits):
        return None
    for way, rate, burst in (
        ("ingress", limits.ingress_rate, limits.ingress_burst),
        ("egress", limits.egress_rate, limits.egress_burst),
    ):
        if rate < 0 or burst < 0 or (rate > 0) != (burst > 0):
            raise InvalidRequest(
                f"bandwidth: {way}Rate {rate} and {way}Burst {burst}: both or neither"
            )
        if burst >= _BURST_END:
            raise InvalidRequest(f"bandwidth: {way}Burst {burst} is not under 4 GB")
    return Shaping(
        ingress_rate=limits.ingress_rate,
        ingress_burst=limits.ingress_burst,
        egress_rate=limits.egress_rate,
        egress_burst=limits.egress_burst,
    )


def _is_limit(limits: Bandwidth) -> bool:
    return any((limits.ingress_rate, limits.ingress_burst, limits.egress_rate, limits.egress_burst))
