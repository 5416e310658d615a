"""A host with every kind of network, its containers, and everyone who may be around it.

Built by `ip`, not by the engine: what is tested here is the ruleset alone. Every container answers
on TCP and UDP with its name and the address that it saw, so one exchange tells the whole path.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
    ip_network,
)

from glassbridge.model.address import IPAddress, mac_of
from glassbridge.model.endpoint import Endpoint, EndpointId, Protocol, PublishedPort, SandboxId
from glassbridge.model.firewall import Element
from glassbridge.model.network import (
    GatewayMode,
    Ifname,
    Network,
    NetworkId,
    NetworkOptions,
    SourceGuard,
    Subnet,
)
from glassbridge.plan.firewall import endpoint_elements, network_elements, uplink_elements

ANY4, ANY6 = IPv4Address("0.0.0.0"), IPv6Address("::")
UPLINK4, UPLINK6 = IPv4Address("198.51.100.1"), IPv6Address("2001:db8:1::1")
SNAT4, SNAT6 = IPv4Address("198.51.100.77"), IPv6Address("2001:db8:1::77")

NEIGHBOURS = {
    # name: (link on the host, the host's address, its own address), IPv4 and IPv6
    "out": (
        "up0",
        ("198.51.100.1/24", "198.51.100.9/24"),
        ("2001:db8:1::1/64", "2001:db8:1::9/64"),
    ),
    "vpn": ("vpn0", ("203.0.113.1/24", "203.0.113.9/24"), ("2001:db8:2::1/64", "2001:db8:2::9/64")),
    "lan": ("br0", ("192.0.2.1/24", "192.0.2.9/24"), ("2001:db8:3::1/64", "2001:db8:3::9/64")),
    "foreign": ("docker0", ("172.30.0.1/16", "172.30.0.2/16"), ("fd00:d::1/64", "fd00:d::2/64")),
}

# what another engine on this host would load: it lets everything pass, publishes 9090, and would
# publish 9091 for a container of our internal network; its services have ports of ours
FOREIGN_RULES = """
table inet other {
    chain forward { type filter hook forward priority 0; policy drop; accept; }
    chain published { type nat hook prerouting priority -100; policy accept;
        fib daddr type != local return
        meta l4proto { tcp, udp } th dport 9090 dnat ip to 172.30.0.2:80
        meta l4proto { tcp, udp } th dport 9090 dnat ip6 to [fd00:d::2]:80
        meta l4proto { tcp, udp } th dport 9091 dnat ip to 10.10.3.2:80
        meta l4proto { tcp, udp } th dport 9091 dnat ip6 to [fd00:3::2]:80
    }
    chain services { type nat hook prerouting priority -100; policy accept;
        ip daddr 10.96.0.10 meta l4proto { tcp, udp } th dport 8080 dnat ip to 10.10.1.2:80
        ip6 daddr fd00:96::10 meta l4proto { tcp, udp } th dport 8080 dnat ip6 to [fd00:1::2]:80
        ip daddr 10.96.0.11 meta l4proto { tcp, udp } th dport 80 dnat ip to 10.10.1.3:80
        ip6 daddr fd00:96::11 meta l4proto { tcp, udp } th dport 80 dnat ip6 to [fd00:1::3]:80
    }
}
"""


def network(number: int, name: str, options: NetworkOptions, *, internal: bool = False) -> Network:
    """10.10.N.0/24 and fd00:N::/64, as their bridge's first address."""
    gateway = IPv4Address(f"10.10.{number}.1")
    return Network(
        id=NetworkId(f"{number:064x}"),
        name=name,
        bridge=Ifname(f"gb-{name}"),
        bridge_mac=mac_of(gateway),
        ipv4=Subnet(prefix=ip_network(f"10.10.{number}.0/24"), gateway=gateway),
        ipv6=Subnet(
            prefix=ip_network(f"fd00:{number}::/64"), gateway=ip_address(f"fd00:{number}::1")
        ),
        internal=internal,
        options=options,
    )


_ROUTED, _OPEN = GatewayMode.ROUTED, GatewayMode.NAT_UNPROTECTED
NETWORKS = {
    n.name: n
    for n in (
        network(1, "a", NetworkOptions()),
        network(2, "b", NetworkOptions()),
        network(3, "internal", NetworkOptions(), internal=True),
        network(4, "apart", NetworkOptions(icc=False)),
        network(5, "routed", NetworkOptions(gateway_mode4=_ROUTED, gateway_mode6=_ROUTED)),
        network(6, "open", NetworkOptions(gateway_mode4=_OPEN, gateway_mode6=_OPEN)),
        network(7, "plain", NetworkOptions(masquerade=False)),
        network(8, "trusting", NetworkOptions(trusted_interfaces=(Ifname("vpn0"),))),
        network(9, "strict", NetworkOptions(source_guard=SourceGuard.STRICT)),
        network(10, "off", NetworkOptions(source_guard=SourceGuard.OFF)),
        network(11, "snat", NetworkOptions(host_ipv4=SNAT4, host_ipv6=SNAT6)),
    )
}


def published(
    host_port: int, container_port: int = 80, at: tuple[IPAddress, ...] = (ANY4, ANY6)
) -> tuple[PublishedPort, ...]:
    return tuple(
        PublishedPort(
            host_address=a, host_port=host_port, container_port=container_port, protocol=p
        )
        for a in at
        for p in (Protocol.TCP, Protocol.UDP)
    )


def endpoint(
    name: str, on: str, number: int, ports: tuple[PublishedPort, ...] = (), *, has_ipv6: bool = True
) -> Endpoint:
    """The container's last octet is its number."""
    net = NETWORKS[on]
    index = int(net.id, 16)
    ipv4, ipv6 = IPv4Address(f"10.10.{index}.{number}"), IPv6Address(f"fd00:{index}::{number}")
    return Endpoint(
        id=EndpointId(name),
        network=net.id,
        sandbox=SandboxId(name),
        ifname=Ifname("eth0"),
        host_end=Ifname(f"veth-{name}"),
        mac=mac_of(ipv4),
        host_mac=mac_of(ipv4),
        ipv4=IPv4Interface(f"{ipv4}/24"),
        ipv6=IPv6Interface(f"{ipv6}/64") if has_ipv6 else None,
        ports=ports,
    )


ENDPOINTS = {
    e.id: e
    for e in (
        endpoint("a1", "a", 2),
        endpoint(
            "a2",
            "a",
            3,
            (
                *published(8080),
                *published(8082, at=(UPLINK4, UPLINK6)),
                # its own number, too: nothing of that may touch who asks the container itself
                *published(81, 81, at=(ip_address("203.0.113.80"), ip_address("2001:db8::80"))),
                *published(8090, at=(ip_address("127.0.0.1"), ip_address("::1"))),
            ),
        ),
        endpoint("a3", "a", 4, has_ipv6=False),
        endpoint("a4", "a", 5),
        endpoint("b1", "b", 2),
        endpoint("internal1", "internal", 2),
        endpoint("internal2", "internal", 3),
        endpoint("apart1", "apart", 2),
        endpoint("apart2", "apart", 3, published(8081)),
        endpoint("routed1", "routed", 2, published(8085)),
        endpoint("open1", "open", 2),
        endpoint("plain1", "plain", 2),
        endpoint("trusting1", "trusting", 2, published(8083)),
        endpoint("strict1", "strict", 2),
        endpoint("strict2", "strict", 3),
        endpoint("off1", "off", 2),
        endpoint("off2", "off", 3),
        endpoint("snat1", "snat", 2),
    )
}


def elements() -> tuple[Element, ...]:
    """Everything that the engine would have put in."""
    by_id = {n.id: n for n in NETWORKS.values()}
    return (
        *(e for n in NETWORKS.values() for e in network_elements(n)),
        *(e for p in ENDPOINTS.values() for e in endpoint_elements(by_id[p.network], p)),
        *uplink_elements((Ifname("br0"),)),
    )


def address_book() -> dict[str, tuple[IPAddress, IPAddress]]:
    """Everybody's IPv4 and IPv6 address by name; a bridge's own is `gw-NETWORK`."""
    book: dict[str, tuple[IPAddress, IPAddress]] = {
        "localhost": (ip_address("127.0.0.1"), ip_address("::1")),
        "host": (UPLINK4, UPLINK6),
        "snat": (SNAT4, SNAT6),
        "service-a1": (ip_address("10.96.0.10"), ip_address("fd00:96::10")),
        "service-a2": (ip_address("10.96.0.11"), ip_address("fd00:96::11")),
    }
    for name, net in NETWORKS.items():
        gateway4, gateway6 = net.next_hops
        book[f"gw-{name}"] = (gateway4, gateway6)
    for name, (_, v4, v6) in NEIGHBOURS.items():
        book[name] = (ip_interface(v4[1]).ip, ip_interface(v6[1]).ip)
        if name != "out":
            book[f"host-{name}"] = (ip_interface(v4[0]).ip, ip_interface(v6[0]).ip)
    for name, end in ENDPOINTS.items():
        book[name] = (end.ipv4.ip if end.ipv4 else ANY4, end.ipv6.ip if end.ipv6 else ANY6)
    return book
