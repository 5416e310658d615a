"""Random networks and endpoints, valid by construction."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_interface, ip_network

from hypothesis import strategies as st
from msgspec.structs import replace

from glassbridge.model.address import Mac, mac_of
from glassbridge.model.endpoint import (
    Endpoint,
    EndpointId,
    LinkSettings,
    Protocol,
    PublishedPort,
    SandboxId,
    Shaping,
    StaticRoute,
)
from glassbridge.model.kernel_names import bridge_name, host_end_name
from glassbridge.model.network import (
    GatewayMode,
    Ifname,
    Network,
    NetworkId,
    NetworkOptions,
    SourceGuard,
    Subnet,
)

NETNS = "/run/netns/box"


@st.composite
def networks(draw: st.DrawFn, number: int | None = None) -> Network:
    n = draw(st.integers(1, 200)) if number is None else number
    families = draw(st.sampled_from([(True, False), (True, True), (False, True)]))
    modes = st.sampled_from([GatewayMode.NAT, GatewayMode.NAT_UNPROTECTED, GatewayMode.ROUTED])
    network_id = f"{n:08x}" * 8
    return Network(
        id=NetworkId(network_id),
        name=f"net{n}",
        bridge=bridge_name(network_id),
        bridge_mac=Mac("02:42:00:00:00:01"),
        ipv4=Subnet(prefix=ip_network(f"10.{n}.0.0/16"), gateway=ip_address(f"10.{n}.0.1"))
        if families[0]
        else None,
        ipv6=Subnet(prefix=ip_network(f"fd00:{n}::/64"), gateway=ip_address(f"fd00:{n}::1"))
        if families[1]
        else None,
        internal=draw(st.booleans()),
        options=NetworkOptions(
            icc=draw(st.booleans()),
            masquerade=draw(st.booleans()),
            gateway_mode4=draw(modes),
            gateway_mode6=draw(modes),
            source_guard=draw(st.sampled_from(SourceGuard)),
        ),
    )


@st.composite
def endpoints(draw: st.DrawFn, network: Network, index: int = 0) -> Endpoint:
    host = draw(st.integers(2, 60000))
    endpoint_id = f"{host + 65536 * index:08x}" * 8
    address = None if network.ipv4 is None else network.ipv4.prefix[host]
    is_gateway = not network.internal and draw(st.booleans())
    ipv4 = None if address is None else ip_interface(f"{address}/16")
    base = Endpoint(
        id=EndpointId(endpoint_id),
        network=network.id,
        sandbox=SandboxId("5" * 64),
        ifname=Ifname(f"eth{index}"),
        host_end=host_end_name(endpoint_id),
        mac=mac_of(IPv4Address(address)) if address else Mac("0a:42:00:00:00:02"),
        host_mac=Mac("02:c2:00:00:00:02"),
        ipv4=ipv4,  # type: ignore[arg-type]  # made from an IPv4 subnet above
        ipv6=None if network.ipv6 is None else ip_interface(f"{network.ipv6.prefix[host]}/64"),  # type: ignore[arg-type]  # likewise
        is_gateway=is_gateway,
        routes=draw(_ROUTES),
        settings=draw(st.none() | _settings(f"eth{index}")),
        shaping=draw(st.none() | _SHAPINGS),
    )
    return replace(base, ports=draw(_ports(base))) if is_gateway else base


_RATES = st.sampled_from([0, 8_000_000, 100_000_000_000])
_SHAPINGS = st.builds(
    lambda into, out: Shaping(
        ingress_rate=into, ingress_burst=into // 8, egress_rate=out, egress_burst=out // 8
    ),
    _RATES,
    _RATES,
)
_ROUTES = st.sampled_from(
    [
        (),
        (
            StaticRoute(destination=ip_network("10.250.0.0/16"), gateway=ip_address("10.1.0.9")),
            StaticRoute(destination=ip_network("10.1.0.9/32"), scope=253, metric=7, table=1000),
        ),
    ]
)


def _settings(ifname: str) -> st.SearchStrategy[LinkSettings]:
    return st.builds(
        LinkSettings,
        mtu=st.none() | st.just(1400),
        queue_length=st.none() | st.just(77),
        promiscuous=st.none() | st.booleans(),
        sysctls=st.sampled_from([{}, {f"net.ipv4.conf.{ifname}.arp_filter": "1"}]),
    )


def _ports(endpoint: Endpoint) -> st.SearchStrategy[tuple[PublishedPort, ...]]:
    wildcard = {4: ip_address("0.0.0.0"), 6: ip_address("::")}
    hosts = st.sampled_from([wildcard[a.version] for a in endpoint.addresses])
    port = st.builds(
        PublishedPort,
        host_address=hosts,
        host_port=st.integers(1, 65535),
        container_port=st.integers(1, 65535),
        protocol=st.sampled_from(Protocol),
    )
    return st.lists(
        port, max_size=4, unique_by=lambda p: (p.host_address, p.host_port, p.protocol)
    ).map(tuple)
