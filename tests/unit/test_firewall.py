"""What networks, endpoints and ports put into the firewall, and that the tables hold together."""

from collections.abc import Iterator
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.model.address import IPAddress, Mac, mac_of
from glassbridge.model.endpoint import (
    Endpoint,
    EndpointId,
    Hiding,
    Protocol,
    PublishedPort,
    SandboxId,
)
from glassbridge.model.firewall import (
    Atom,
    DestinationNat,
    Element,
    Goto,
    InSet,
    Jump,
    KeyType,
    Set,
    SourceNat,
    Table,
    VerdictOf,
    Word,
)
from glassbridge.model.network import (
    GatewayMode,
    Ifname,
    Network,
    NetworkId,
    NetworkOptions,
    SourceGuard,
    Subnet,
)
from glassbridge.plan.firewall import (
    endpoint_elements,
    link_local,
    network_elements,
    tables,
    uplink_elements,
)

ANY4, ANY6, LOOPBACK6 = IPv4Address("0.0.0.0"), IPv6Address("::"), IPv6Address("::1")
HOST4, HOST6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")


def a_network(
    options: NetworkOptions, *, number: int = 1, internal: bool = False, adopted: bool = False
) -> Network:
    gateway4, gateway6 = IPv4Address(f"10.{number}.0.1"), IPv6Address(f"fd00:{number:x}::1")
    return Network(
        id=NetworkId(f"{number:064x}"),
        name=f"net{number}",
        bridge=Ifname(f"gb{number}"),
        bridge_mac=mac_of(gateway4),
        ipv4=Subnet(prefix=IPv4Network(f"10.{number}.0.0/16"), gateway=gateway4),
        ipv6=Subnet(prefix=IPv6Network(f"fd00:{number:x}::/64"), gateway=gateway6),
        internal=internal,
        adopted=adopted,
        options=options,
    )


def an_endpoint(network: Network, number: int, ports: tuple[PublishedPort, ...] = ()) -> Endpoint:
    index = int(network.id, 16)
    ipv4 = IPv4Address(f"10.{index}.0.0") + number
    return Endpoint(
        id=EndpointId(f"{index}-{number}"),
        network=network.id,
        sandbox=SandboxId("s"),
        ifname=Ifname("eth0"),
        host_end=Ifname(f"veth{index:02x}{number:05x}"),
        mac=mac_of(ipv4),
        host_mac=Mac("02:00:00:00:00:01"),
        ipv4=IPv4Interface(f"{ipv4}/16"),
        ipv6=IPv6Interface(f"{IPv6Address(f'fd00:{index:x}::') + number}/64"),
        ports=ports,
    )


def a_port(host: IPAddress, protocol: Protocol = Protocol.TCP, number: int = 8080) -> PublishedPort:
    return PublishedPort(host_address=host, host_port=number, container_port=80, protocol=protocol)


modes = st.sampled_from(GatewayMode)
networks = st.builds(
    a_network,
    st.builds(
        NetworkOptions,
        icc=st.booleans(),
        masquerade=st.booleans(),
        gateway_mode4=modes,
        gateway_mode6=modes,
        trusted_interfaces=st.sampled_from([(), (Ifname("vpn0"),), (Ifname("a"), Ifname("b"))]),
        host_ipv4=st.sampled_from([None, IPv4Address("192.0.2.7")]),
        host_ipv6=st.sampled_from([None, IPv6Address("2001:db8::7")]),
        source_guard=st.sampled_from(SourceGuard),
    ),
    number=st.integers(1, 255),
    internal=st.booleans(),
    adopted=st.booleans(),
)
hosts = st.sampled_from([ANY4, ANY6, LOOPBACK6, HOST4, HOST6])
ports = st.builds(a_port, hosts, st.sampled_from(Protocol), st.integers(1, 65535))
port_lists = st.lists(
    ports, max_size=4, unique_by=lambda p: (p.host_address, p.host_port, p.protocol)
).map(tuple)

DECLARED = {(t.family, s.name): s for t in tables() for s in t.sets}
CHAINS = {(t.family, c.name) for t in tables() for c in t.chains}

_TYPES: dict[KeyType, tuple[type, ...]] = {
    KeyType.LINK: (str,),
    KeyType.MAC: (str,),
    KeyType.IPV4: (IPv4Address, IPv4Network),
    KeyType.IPV6: (IPv6Address, IPv6Network),
    KeyType.IPV6_BITS: (IPv6Address,),
    KeyType.NETWORK_PROTOCOL: (Word,),
    KeyType.L4_PROTOCOL: (Protocol,),
    KeyType.PORT: (int,),
}


def fits(atoms: tuple[Atom, ...], types: tuple[KeyType, ...]) -> bool:
    return len(atoms) == len(types) and all(
        isinstance(a, _TYPES[t]) for a, t in zip(atoms, types, strict=True)
    )


def names(found: tuple[Element, ...]) -> set[str]:
    return {e.name for e in found}


def references(table: Table) -> Iterator[tuple[str, int, bool]]:
    """Every set that a rule looks into: its name, the fields looked up, whether it wants data."""
    for rule in (r for c in table.chains for r in c.rules):
        for match in rule.matches:
            if isinstance(match, InSet):
                yield match.set, len(match.fields), False
        if isinstance(rule.statement, VerdictOf | DestinationNat | SourceNat):
            yield rule.statement.map, len(rule.statement.fields), True


@given(networks, st.integers(2, 60000), port_lists)
def test_every_element_fits_the_set_that_it_is_put_into(
    network: Network, number: int, published: tuple[PublishedPort, ...]
) -> None:
    found = network_elements(network) + endpoint_elements(
        network, an_endpoint(network, number, published)
    )
    for element in found:
        declared = DECLARED[element.family, element.name]
        assert fits(element.key, declared.key), element
        match element.value:
            case None:
                assert not declared.data
                assert not declared.verdicts
            case tuple():
                assert fits(element.value, declared.data), element
            case verdict:
                assert declared.verdicts
                if isinstance(verdict, Goto):
                    assert (element.family, verdict.chain) in CHAINS
    assert len(set(found)) == len(found)


@given(networks, st.integers(2, 30000), st.integers(30001, 60000), port_lists)
def test_taking_one_endpoint_out_leaves_all_of_another(
    network: Network, one: int, other: int, published: tuple[PublishedPort, ...]
) -> None:
    """No key is shared: what is removed for one would else be missing for the other."""
    mine = endpoint_elements(network, an_endpoint(network, one, published))
    others = endpoint_elements(network, an_endpoint(network, other)) + network_elements(network)
    assert not {(e.family, e.name, e.key) for e in mine} & {
        (e.family, e.name, e.key) for e in others
    }


@pytest.mark.parametrize("table", tables(), ids=lambda t: t.family)
def test_rules_only_name_what_is_declared_and_nothing_is_idle(table: Table) -> None:
    declared: dict[str, Set] = {s.name: s for s in table.sets}
    for name, fields, wants_data in references(table):
        assert len(declared[name].key) == fields
        assert bool(declared[name].data or declared[name].verdicts) == wants_data
    assert {name for name, _, _ in references(table)} == set(declared)
    jumps = {
        rule.statement.chain
        for chain in table.chains
        for rule in chain.rules
        if isinstance(rule.statement, Goto | Jump)
    }
    regular = [c.name for c in table.chains if c.hook is None]
    reached_by_element = {"published_only", "routed", "strict"}
    assert jumps | reached_by_element >= set(regular)
    assert jumps <= set(regular)


def test_every_deciding_rule_says_why() -> None:
    """A trace quotes the comment."""
    for rule in (r for t in tables() for c in t.chains for r in c.rules):
        assert rule.comment or isinstance(rule.statement, Goto | Jump)


def test_a_plain_network_is_protected_and_masqueraded() -> None:
    found = names(network_elements(a_network(NetworkOptions())))
    assert {"protected4", "protected6", "masqueraded4", "masqueraded6"} <= found
    assert not found & {"enter", "closed", "snat4", "snat6", "trusted", "guard"}


@pytest.mark.parametrize(
    "options",
    [
        NetworkOptions(masquerade=False),
        NetworkOptions(gateway_mode4=GatewayMode.ROUTED, gateway_mode6=GatewayMode.ROUTED),
        NetworkOptions(
            gateway_mode4=GatewayMode.NAT_UNPROTECTED, gateway_mode6=GatewayMode.NAT_UNPROTECTED
        ),
    ],
    ids=["no masquerade", "routed", "nat-unprotected"],
)
def test_only_a_masquerading_nat_network_is_protected(options: NetworkOptions) -> None:
    """Replies to what leaves under the container's own address would die."""
    assert not names(network_elements(a_network(options))) & {"protected4", "protected6"}


def test_on_an_adopted_bridge_only_containers_are_translated_and_hidden() -> None:
    """Its subnet may be the LAN's, whose other hosts are not ours to hide."""
    network = a_network(NetworkOptions(), adopted=True)
    changing = {"protected4", "protected6", "masqueraded4", "masqueraded6"}
    assert not names(network_elements(network)) & changing
    found = [e for e in endpoint_elements(network, an_endpoint(network, 2)) if e.name in changing]
    assert {e.name for e in found} == changing
    assert {str(e.key[0]) for e in found} == {"10.1.0.2/32", "fd00:1::2/128"}


def test_an_internal_network_publishes_nothing_and_lets_nobody_through() -> None:
    network = a_network(NetworkOptions(trusted_interfaces=(Ifname("vpn0"),)), internal=True)
    assert names(network_elements(network)) == {
        "bridges", "within", "closed", "home4", "home6", "leased_mac", "leased4", "leased6",
    }  # fmt: skip
    published = an_endpoint(network, 2, (a_port(ANY4), a_port(ANY6)))
    assert endpoint_elements(network, published) == endpoint_elements(
        network, an_endpoint(network, 2)
    )


def test_modes_are_per_family() -> None:
    network = a_network(NetworkOptions(gateway_mode6=GatewayMode.ROUTED))
    endpoint = an_endpoint(network, 2, (a_port(ANY4), a_port(ANY6)))
    found = names(endpoint_elements(network, endpoint))
    assert {"published4_any", "open6"} <= found
    assert not found & {"published6_any", "open4"}


@pytest.mark.parametrize(
    ("host", "protocol", "expected"),
    [
        (ANY4, Protocol.TCP, {"published4_any", "hairpin4"}),
        (ANY6, Protocol.SCTP, {"published6_any", "hairpin6"}),
        (ANY6, Protocol.UDP, {"published6_any", "hairpin6", "loopback_udp6"}),
        (HOST4, Protocol.UDP, {"published4", "hairpin4"}),
        (HOST6, Protocol.UDP, {"published6", "hairpin6"}),
        (LOOPBACK6, Protocol.TCP, set()),
        (LOOPBACK6, Protocol.UDP, {"loopback_udp6"}),
    ],
    # not str alone: workers print a set each in its own order
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_a_published_port(host: IPAddress, protocol: Protocol, expected: set[str]) -> None:
    """NAT cannot serve ::1, and a socket that holds a UDP port there would swallow datagrams."""
    network = a_network(NetworkOptions())
    plain = endpoint_elements(network, an_endpoint(network, 2))
    published = endpoint_elements(network, an_endpoint(network, 2, (a_port(host, protocol),)))
    assert names(tuple(set(published) - set(plain))) == expected


@pytest.mark.parametrize(
    ("hides", "expected"),
    [
        (Hiding.NOBODY, set()),
        (Hiding.SIBLINGS, {"hairpin4", "hairpin6"}),
        (Hiding.EVERYBODY, {"hidden4", "hidden6"}),
    ],
)
def test_whom_a_published_port_hides(hides: Hiding, expected: set[str]) -> None:
    network = a_network(NetworkOptions())
    endpoint = an_endpoint(network, 2, (a_port(ANY4), a_port(ANY6)))
    found = endpoint_elements(network, msgspec.structs.replace(endpoint, hides=hides))
    assert names(found) & {"hairpin4", "hairpin6", "hidden4", "hidden6"} == expected


def test_a_family_that_the_endpoint_lacks_is_not_published() -> None:
    network = a_network(NetworkOptions())
    only4 = msgspec.structs.replace(an_endpoint(network, 2, (a_port(ANY6),)), ipv6=None)
    assert names(endpoint_elements(network, only4)) == {"leased_mac", "own_mac", "leased4", "own4"}


def test_an_endpoint_owns_the_link_local_address_of_its_mac() -> None:
    """As the kernel makes it, for 02:42:ac:11:00:02."""
    assert link_local(Mac("02:42:ac:11:00:02")) == IPv6Address("fe80::42:acff:fe11:2")


def test_uplinks() -> None:
    (element,) = uplink_elements((Ifname("br0"),))
    assert (element.name, element.key) == ("uplinks", ("br0",))
