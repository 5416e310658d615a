"""What networks, endpoints and uplinks put into the sets and maps of our two tables."""

from collections.abc import Iterator
from ipaddress import IPv6Address, IPv6Network, ip_network

from glassbridge.model.address import IPAddress, IPNetwork, Mac, mac_octets
from glassbridge.model.endpoint import Endpoint, Hiding, Protocol, PublishedPort
from glassbridge.model.firewall import (
    Accept,
    Atom,
    Element,
    Family,
    Goto,
    Set,
    Table,
    Verdict,
    Word,
)
from glassbridge.model.kernel_names import DNS_PORT, NFT_TABLE
from glassbridge.model.network import (
    GatewayMode,
    Ifname,
    Ingress,
    Network,
    SourceGuard,
    Subnet,
)
from glassbridge.plan import firewall_sets as sets
from glassbridge.plan.firewall_bridge import NOT_A_ROUTER, OWNER, STRICT, bridge_chains
from glassbridge.plan.firewall_inet import PUBLISHED_ONLY, ROUTED, inet_chains

_NATTED = (GatewayMode.NAT, GatewayMode.NAT_UNPROTECTED)
_LOOPBACK6 = IPv6Address("::1")
_GUARDS = {
    SourceGuard.OWNER: None,
    SourceGuard.STRICT: Goto(STRICT),
    SourceGuard.OFF: Goto(NOT_A_ROUTER),
}
_FOREIGN_GUARDS = {**_GUARDS, SourceGuard.OWNER: Goto(OWNER), SourceGuard.OFF: None}
"""Ports of others are not in our link group: what holds for that must be asked for by name."""
_TRANSLATED = {
    (Hiding.SIBLINGS, False): sets.HAIRPIN4,
    (Hiding.SIBLINGS, True): sets.HAIRPIN6,
    (Hiding.EVERYBODY, False): sets.HIDDEN4,
    (Hiding.EVERYBODY, True): sets.HIDDEN6,
}
_VERSIONS = (4, 6)


def tables() -> tuple[Table, ...]:
    """Both tables, without elements: the same on every host."""
    return (
        Table(Family.INET, NFT_TABLE, sets.INET_SETS, inet_chains()),
        Table(Family.BRIDGE, NFT_TABLE, sets.BRIDGE_SETS, bridge_chains()),
    )


def network_elements(network: Network) -> tuple[Element, ...]:
    """What a network adds: who may enter and leave its bridge, and its gateway's addresses."""
    bridge, options = network.bridge, network.options
    within = Accept() if options.icc else Goto(PUBLISHED_ONLY)
    return (
        _inet(sets.BRIDGES, bridge),
        _inet(sets.WITHIN, bridge, bridge, value=within),
        *((_inet(sets.CLOSED, bridge),) if network.internal else ()),
        *((_inet(sets.OPENED, bridge),) if _is_open(network) else ()),
        *(
            ()
            if network.internal
            else (_inet(sets.TRUSTED, link, bridge) for link in options.trusted_interfaces)
        ),
        *(e for s in network.subnets for e in _subnet_elements(network, s)),
        *(e for version in _VERSIONS for e in _entrance(network, version)),
        *name_elements(network),
        *_claims(
            Ifname(""),
            network.bridge_mac,
            tuple(a.ip for a in network.gateway_interfaces),
            has_ipv6=network.ipv6 is not None,
        ),
    )


def name_elements(network: Network) -> tuple[Element, ...]:
    """What leads questions for names to our server: a high port, for 53 may be another's."""
    port = network.names_port
    return tuple(
        element
        for server in (network.name_servers if port else ())
        for protocol in (Protocol.UDP, Protocol.TCP)
        for element in _name_server(network.bridge, server, protocol, port)
    )


def endpoint_elements(network: Network, endpoint: Endpoint) -> tuple[Element, ...]:
    """What an endpoint adds: its addresses as its own, and its published ports."""
    port, addresses = endpoint.host_end, endpoint.addresses
    has_ipv6 = endpoint.ipv6 is not None
    guards = _FOREIGN_GUARDS if endpoint.has_foreign_cable else _GUARDS
    guard = guards[network.options.source_guard]
    # two host ports may lead to one container port, which is open only once
    published = dict.fromkeys(
        e for p in endpoint.ports for e in _port_elements(network, endpoint, p)
    )
    # the subnet of an adopted bridge may be the LAN's: only our containers are translated
    strangers = tuple(a for a in addresses if not _is_inside(network, a))
    own = addresses if network.adopted else strangers
    translation = (e for address in own for e in _translation(network, ip_network(address)))
    homes = (_home(ip_network(a), network.bridge) for a in strangers)
    return (
        *((_bridge(sets.GUARD, port, value=guard),) if guard is not None else ()),
        *_claims(port, endpoint.mac, addresses, has_ipv6=has_ipv6),
        *((_bridge(sets.WITH_IPV6, port),) if has_ipv6 else ()),
        *homes,
        *translation,
        *published,
    )


def uplink_elements(uplinks: tuple[Ifname, ...]) -> tuple[Element, ...]:
    """Bridges that lead outside (br0 with the default route), hence not foreign.

    One that a network has adopted is among them too: other networks go out by it.
    """
    return tuple(_inet(sets.UPLINKS, uplink) for uplink in uplinks)


def _inet(into: Set, *key: Atom, value: tuple[Atom, ...] | Verdict | None = None) -> Element:
    return Element(Family.INET, into.name, key, value)


def _bridge(into: Set, *key: Atom, value: Verdict | None = None) -> Element:
    return Element(Family.BRIDGE, into.name, key, value)


def _home(prefix: IPNetwork, bridge: Ifname) -> Element:
    return _inet(sets.HOME6 if isinstance(prefix, IPv6Network) else sets.HOME4, prefix, bridge)


def _is_inside(network: Network, address: IPAddress) -> bool:
    """Whether an address is of the network's own subnets; a foreign IPAM's may not be."""
    return any(address in s.prefix for s in network.subnets)


def _subnet_elements(network: Network, subnet: Subnet) -> Iterator[Element]:
    options, prefix = network.options, subnet.prefix
    is6 = isinstance(prefix, IPv6Network)
    yield _home(prefix, network.bridge)
    mode = network.gateway_mode(prefix.network_address)
    if network.internal or mode is GatewayMode.ISOLATED:
        return
    if mode is GatewayMode.NAT:
        for link in options.trusted_interfaces:
            yield _inet(sets.TRUSTED6 if is6 else sets.TRUSTED4, prefix, link)
    if not network.adopted:
        yield from _translation(network, prefix)


def _name_server(
    bridge: Ifname, server: IPAddress, protocol: Protocol, port: int
) -> tuple[Element, Element]:
    is6 = isinstance(server, IPv6Address)
    names = sets.NAMES6 if is6 else sets.NAMES4
    servers = sets.NAME_SERVERS6 if is6 else sets.NAME_SERVERS4
    return (
        _inet(names, server, bridge, protocol, DNS_PORT, value=(server, port)),
        _inet(servers, server, protocol, port),
    )


def _entrance(network: Network, version: int) -> Iterator[Element]:
    """Who may enter; without a subnet of its own a network may still have others' addresses."""
    subnets = network.subnets
    if network.internal or not (
        _is_open(network) or not subnets or any(s.prefix.version == version for s in subnets)
    ):
        return
    options = network.options
    mode = options.gateway_mode4 if version == _VERSIONS[0] else options.gateway_mode6
    family = Word.IPV4 if version == _VERSIONS[0] else Word.IPV6
    if _is_open(network) or mode is GatewayMode.NAT_UNPROTECTED:
        yield _inet(sets.ENTER, family, network.bridge, value=Accept())
    elif mode is GatewayMode.ROUTED:
        yield _inet(sets.ENTER, family, network.bridge, value=Goto(ROUTED))


def _is_open(network: Network) -> bool:
    return network.options.ingress is Ingress.OPEN and not network.internal


def _translation(network: Network, prefix: IPNetwork) -> Iterator[Element]:
    """Which addresses leave under another, and are hidden for that reason.

    Without masquerade nothing is hidden: answers come in from outside with the container as
    destination.
    """
    options, mode = network.options, network.gateway_mode(prefix.network_address)
    if network.internal or not options.masquerade or mode not in _NATTED:
        return
    is6 = isinstance(prefix, IPv6Network)
    yield _inet(sets.MASQUERADED6 if is6 else sets.MASQUERADED4, prefix)
    host = options.host_ipv6 if is6 else options.host_ipv4
    if host is not None:
        yield _inet(sets.SNAT6 if is6 else sets.SNAT4, prefix, value=(host,))
    if mode is GatewayMode.NAT and not _is_open(network):
        yield _inet(sets.PROTECTED6 if is6 else sets.PROTECTED4, prefix)


def _claims(
    port: Ifname, mac: Mac, addresses: tuple[IPAddress, ...], *, has_ipv6: bool
) -> Iterator[Element]:
    """Addresses that belong to somebody; with a port, to whoever is behind it."""
    yield _bridge(sets.LEASED_MAC, mac)
    if port:
        yield _bridge(sets.OWN_MAC, port, mac)
    for address in (*addresses, *((link_local(mac),) if has_ipv6 else ())):
        is6 = isinstance(address, IPv6Address)
        yield _bridge(sets.LEASED6 if is6 else sets.LEASED4, address)
        if port:
            yield _bridge(sets.OWN6 if is6 else sets.OWN4, port, address)


def _port_elements(network: Network, endpoint: Endpoint, port: PublishedPort) -> Iterator[Element]:
    host = port.host_address
    is6 = isinstance(host, IPv6Address)
    at = endpoint.ipv6 if is6 else endpoint.ipv4
    if at is None or network.internal:
        return
    container: tuple[IPAddress, int] = (at.ip, port.container_port)
    mode = network.gateway_mode(host)
    if mode is GatewayMode.ROUTED or (
        mode is GatewayMode.NAT and network.options.trusted_interfaces
    ):
        yield _inet(sets.OPEN6 if is6 else sets.OPEN4, at.ip, port.protocol, port.container_port)
    if mode not in _NATTED:
        return
    service = (port.protocol, port.host_port)
    if host.is_unspecified:
        yield _inet(sets.PUBLISHED6_ANY if is6 else sets.PUBLISHED4_ANY, *service, value=container)
    elif host != _LOOPBACK6:
        yield _inet(sets.PUBLISHED6 if is6 else sets.PUBLISHED4, host, *service, value=container)
    translated = _TRANSLATED.get((endpoint.hides, is6))
    if host != _LOOPBACK6 and translated is not None:
        yield _inet(translated, *service, *container)
    if port.protocol is Protocol.UDP and host in (_LOOPBACK6, IPv6Address(0)):
        yield _inet(sets.LOOPBACK_UDP6, port.host_port)


def link_local(mac: Mac) -> IPv6Address:
    """The address that the kernel makes of a MAC (modified EUI-64, RFC 4291 appendix A)."""
    octets = mac_octets(mac)
    identifier = bytes((octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]))
    return IPv6Address(b"\xfe\x80" + bytes(6) + identifier)
