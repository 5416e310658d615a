"""Podman's words in the engine's, and back; the examples are those of netavark's plugin-API.md."""

from __future__ import annotations

import json
from contextlib import suppress
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from glassbridge.errors import GlassbridgeError, InvalidRequest, Unsupported
from glassbridge.frontends.netavark import messages
from glassbridge.frontends.netavark.containers import (
    attachment_key,
    attachment_request,
    status_block,
)
from glassbridge.frontends.netavark.networks import new_request, present_request, with_choices
from glassbridge.frontends.netavark.options import parse_container_options, parse_network_options
from glassbridge.frontends.netavark.server import split_body
from glassbridge.model.address import Mac
from glassbridge.model.attachment import Attachment
from glassbridge.model.endpoint import Endpoint, EndpointId, Protocol, Sandbox, SandboxId
from glassbridge.model.network import Ifname, Managed, Manager, Network, NetworkId, Subnet

ID = "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9"
CONTAINER = "752947ff91f961eb3cb47ffe9315016979f3ffbec09e4d96a4fae3fb03391697"
NETWORK: dict[str, Any] = {
    "dns_enabled": False,
    "driver": "glassbridge",
    "id": ID,
    "internal": False,
    "ipv6_enabled": False,
    "name": "podman",
    "network_interface": "podman0",
    "options": None,
    "ipam_options": {"driver": "host-local"},
    "subnets": [{"gateway": "10.88.0.1", "lease_range": None, "subnet": "10.88.0.0/16"}],
    "network_dns_servers": None,
    "something_new": {"kept": [1]},
}
SETUP: dict[str, Any] = {
    "container_id": CONTAINER,
    "container_name": "testctr",
    "port_mappings": [
        {
            "container_port": 80,
            "host_ip": "127.0.0.1",
            "host_port": 8080,
            "protocol": "tcp",
            "range": 1,
        }
    ],
    "network": NETWORK,
    "network_options": {
        "aliases": ["752947ff91f9"],
        "interface_name": "eth0",
        "static_ips": ["10.88.0.50"],
        "static_mac": "aa:bb:cc:dd:aa:00",
    },
}
DEFINED = Network(
    id=NetworkId("f" * 64),
    name="podman",
    bridge=Ifname("podman0"),
    bridge_mac=Mac("02:42:00:00:00:01"),
    ipv4=Subnet(prefix=ip_network("10.88.0.0/16"), gateway=ip_address("10.88.0.1")),
    ipv6=Subnet(prefix=ip_network("fd00:88::/64"), gateway=ip_address("fd00:88::1")),
)


def network(**changes: Any) -> messages.Network:
    return messages.decode(json.dumps(NETWORK | changes).encode(), messages.Network)


def asked(**changes: Any) -> messages.Exec:
    return messages.decode(json.dumps(SETUP | changes).encode(), messages.Exec)


def wishes(**mapping: Any) -> list[tuple[int, str, int]]:
    ports = [SETUP["port_mappings"][0] | mapping]
    request = attachment_request(asked(port_mappings=ports), "/run/netns/a", DEFINED)
    return [(w.host_ports[0], w.protocol, w.container_port) for w in request.ports if w.host_ports]


def test_what_setup_of_the_specification_asks_for() -> None:
    request = attachment_request(asked(), "/run/netns/a", DEFINED)
    assert request.key == attachment_key(asked())
    assert request.key.network == Managed(by=Manager.NETAVARK, key=ID)
    assert (request.key.container, request.key.ifname) == (CONTAINER, "eth0")
    assert (request.netns, request.name, request.aliases) == (
        "/run/netns/a",
        "testctr",
        ("752947ff91f9",),
    )
    assert request.wishes == (ip_address("10.88.0.50"),)
    assert request.mac == "aa:bb:cc:dd:aa:00"
    (port,) = request.ports
    assert (port.host_address, port.host_ports) == (ip_address("127.0.0.1"), (8080, 8080))
    assert request.default_routes == (ip_address("10.88.0.1"), ip_address("fd00:88::1"))
    assert request.default_metric == 100


def test_the_network_as_create_left_it() -> None:
    request = present_request(network())
    assert (request.ipv4, request.ipv6, request.internal) == (True, False, False)
    assert request.options == {"com.docker.network.bridge.name": "podman0"}
    (subnet,) = request.subnets
    assert (subnet.subnet, subnet.gateway, subnet.ranges) == ("10.88.0.0/16", "10.88.0.1", ())


@pytest.mark.parametrize(
    ("subnets", "ipv6_enabled", "families"),
    [
        ([], False, (True, False)),
        ([], True, (True, True)),
        (["10.9.0.0/24"], False, (True, False)),
        (["10.9.0.0/24"], True, (True, True)),
        (["fd00:9::/64"], False, (False, True)),
        (["fd00:9::/64"], True, (True, True)),
    ],
)
def test_a_new_network_has_the_families_that_netavark_gives_it(
    subnets: list[str], ipv6_enabled: bool, families: tuple[bool, bool]
) -> None:
    given = network(subnets=[{"subnet": s} for s in subnets], ipv6_enabled=ipv6_enabled)
    request = new_request(given)
    assert (request.ipv4, request.ipv6) == families


def test_a_lease_range_may_have_one_end() -> None:
    def ranges(subnet: str, **ends: str) -> Any:
        (wish,) = new_request(network(subnets=[{"subnet": subnet, "lease_range": ends}])).subnets
        return wish.ranges

    assert ranges("10.9.0.0/24", start_ip="10.9.0.5") == (("10.9.0.5", "10.9.0.254"),)
    assert ranges("10.9.0.0/24", end_ip="10.9.0.5") == (("10.9.0.1", "10.9.0.5"),)
    assert ranges("fd00::/126", start_ip="fd00::2") == (("fd00::2", "fd00::3"),)
    assert ranges("10.9.0.0/24", start_ip="10.9.0.129", end_ip="10.9.0.255") == (
        ("10.9.0.129", "10.9.0.254"),
    )
    assert ranges("10.9.0.0/24") == ()


def test_create_keeps_what_it_does_not_know_and_completes_the_rest() -> None:
    bare = NETWORK | {"subnets": None, "network_interface": None, "ipam_options": None}
    stdin = json.dumps(bare).encode()
    before = messages.decode(stdin, messages.Network)
    told = json.loads(messages.completed(stdin, with_choices(before, DEFINED)))
    assert told["something_new"] == {"kept": [1]}
    assert [told[k] for k in ("name", "id", "driver")] == ["podman", ID, "glassbridge"]
    assert told["network_interface"] == "podman0"
    assert told["ipv6_enabled"] is True
    assert told["ipam_options"] == {"driver": "host-local"}
    assert [(s["subnet"], s["gateway"]) for s in told["subnets"]] == [
        ("10.88.0.0/16", "10.88.0.1"),
        ("fd00:88::/64", "fd00:88::1"),
    ]


def test_options_in_netavarks_words_and_in_dockers() -> None:
    given = {
        "mtu": "1400",
        "isolate": "false",
        "metric": "7",
        "no_default_route": "true",
        "outbound_addr4": "203.0.113.1",
        "mode": "managed",
        "com.docker.network.bridge.enable_icc": "false",
    }
    parsed = parse_network_options(given, "br7")
    assert parsed.options == {
        "com.docker.network.driver.mtu": "1400",
        "glassbridge.ingress": "open",
        "com.docker.network.host_ipv4": "203.0.113.1",
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.name": "br7",
    }
    assert (parsed.metric, parsed.has_default_route) == (7, False)
    for strict in ("strict", "true", "1"):
        assert parse_network_options({"isolate": strict}, "").options == {
            "glassbridge.ingress": "same-bridge"
        }


@pytest.mark.parametrize(
    ("options", "kind", "told"),
    [
        ({"vlan": "7"}, Unsupported, "vlan=7"),
        ({"vrf": "blue"}, Unsupported, "vrf=blue"),
        ({"mode": "unmanaged"}, Unsupported, "mode=unmanaged"),
        ({"metrik": "7"}, InvalidRequest, "metrik=7"),
        ({"metric": "-1"}, InvalidRequest, "metric=-1"),
        ({"metric": str(2**32)}, InvalidRequest, str(2**32)),
        ({"isolate": "perhaps"}, InvalidRequest, "isolate=perhaps: strict, true or false"),
        ({"mtu": "big"}, InvalidRequest, "option mtu=big: a number from 68"),
        ({"outbound_addr4": "x"}, InvalidRequest, "option outbound_addr4=x"),
        ({"mtu": "1400", "com.docker.network.driver.mtu": "9000"}, InvalidRequest, "9000"),
    ],
)
def test_an_option_that_cannot_be_is_named(
    options: dict[str, str], kind: type[GlassbridgeError], told: str
) -> None:
    with pytest.raises(kind) as refused:
        parse_network_options(options, "")
    assert told in refused.value.message


def test_a_bridge_that_cannot_be_is_named() -> None:
    with pytest.raises(InvalidRequest, match="bad network_interface 'a/b'"):
        parse_network_options({}, "a/b")


def test_ranges_and_lists_of_protocols_are_taken_apart() -> None:
    assert wishes(range=3, protocol="tcp,UDP", host_port=8000, container_port=80) == [
        *[(8000 + n, Protocol.TCP, 80 + n) for n in range(3)],
        *[(8000 + n, Protocol.UDP, 80 + n) for n in range(3)],
    ]
    assert wishes(protocol="") == [(8080, Protocol.TCP, 80)]


@pytest.mark.parametrize(
    "mapping",
    [
        {"range": 0},
        {"range": 70000},
        {"range": 2, "host_port": 65535},
        {"host_port": 0},
        {"container_port": 0},
        {"protocol": "icmp"},
        {"host_ip": "localhost"},
        {"host_ip": "::1"},
    ],
)
def test_a_port_mapping_that_cannot_be_is_refused(mapping: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="port"):
        wishes(**mapping)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"ipam_options": {"driver": "dhcp"}}, Unsupported),
        ({"ipam_options": {"driver": "none"}}, Unsupported),
        ({"network_dns_servers": ["192.0.2.1"]}, Unsupported),
        ({"subnets": None}, InvalidRequest),
        ({"subnets": [{"subnet": "x/y", "lease_range": {"start_ip": "10.0.0.1"}}]}, InvalidRequest),
        ({"id": ""}, InvalidRequest),
    ],
)
def test_a_network_that_cannot_be_is_refused(
    changes: dict[str, Any], kind: type[GlassbridgeError]
) -> None:
    with pytest.raises(kind):
        present_request(network(**changes))


def test_routes_of_the_network_are_the_containers() -> None:
    given = NETWORK | {
        "routes": [
            {"destination": "10.1.0.0/16", "gateway": "10.88.0.9", "metric": 5},
            {"destination": "10.2.0.0/16", "route_type": "blackhole"},
        ]
    }
    first, second = attachment_request(asked(network=given), "/n", DEFINED).routes
    assert (str(first.destination), str(first.gateway), first.metric) == (
        "10.1.0.0/16",
        "10.88.0.9",
        5,
    )
    assert (second.kind, second.gateway) == ("blackhole", None)
    for wrong in (
        {"destination": "10.1.0.0/16"},
        {"destination": "10.1.0.1/16", "gateway": "10.88.0.9"},
        {"destination": "10.1.0.0/16", "gateway": "10.88.0.9", "route_type": "blackhole"},
        {"destination": "10.1.0.0/16", "gateway": "10.88.0.9", "route_type": "local"},
    ):
        with pytest.raises(InvalidRequest, match=r"10\.1\.0"):
            attachment_request(asked(network=NETWORK | {"routes": [wrong]}), "/n", DEFINED)


def test_an_internal_network_has_no_way_out() -> None:
    request = attachment_request(asked(), "/n", replace(DEFINED, internal=True))
    assert request.default_routes == ()


def test_options_of_a_container() -> None:
    assert parse_container_options({"host_interface_name": "web7"}) == "web7"
    with pytest.raises(InvalidRequest, match="unknown option mtu=9000") as refused:
        parse_container_options({"mtu": "9000"})
    assert "host_interface_name" in refused.value.hint


@pytest.mark.parametrize("dns_enabled", [True, False])
def test_the_status_block(dns_enabled: bool) -> None:
    endpoint = Endpoint(
        id=EndpointId("e" * 64),
        network=DEFINED.id,
        sandbox=SandboxId("s"),
        ifname=Ifname("eth0"),
        host_end=Ifname("veth1"),
        mac=Mac("aa:bb:cc:dd:aa:00"),
        host_mac=Mac("aa:bb:cc:dd:aa:01"),
        ipv4=IPv4Interface("10.88.0.50/16"),
        ipv6=IPv6Interface("fd00:88::2/64"),
    )
    question = asked(network=NETWORK | {"dns_enabled": dns_enabled})
    sandbox = Sandbox(id=SandboxId("s"), name="testctr", netns="/n", netns_cookie=1)
    attachment = Attachment(
        key=attachment_key(question), network=DEFINED, endpoint=endpoint, sandbox=sandbox
    )
    told = status_block(question, attachment)
    assert told.interfaces == {
        "eth0": messages.NetInterface(
            "aa:bb:cc:dd:aa:00",
            (
                messages.NetAddress("10.88.0.50/16", "10.88.0.1"),
                messages.NetAddress("fd00:88::2/64", "fd00:88::1"),
            ),
        )
    }
    servers = ("10.88.0.1", "fd00:88::1") if dns_enabled else ()
    assert told.dns_server_ips == servers
    assert told.dns_search_domains == (("podman",) if dns_enabled else ())


@given(
    st.lists(st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), min_size=1)),
    st.binary().map(lambda b: b"{" + b),
)
def test_a_request_is_taken_apart_as_it_was_put_together(
    arguments: list[str], stdin: bytes
) -> None:
    body = b"".join(a.encode() + b"\0" for a in arguments) + b"\0" + stdin
    assert split_body(body) == (arguments, stdin)


def test_the_path_of_a_namespace_that_is_gone_may_be_empty() -> None:
    assert split_body(b"teardown\0\0\0{}") == (["teardown"], b"{}")
    with pytest.raises(InvalidRequest):
        split_body(b"teardown")


@given(st.binary() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(NETWORK)), inner),
).map(lambda v: json.dumps(v).encode()))  # fmt: skip
def test_whatever_comes_by_stdin_is_read_or_refused(stdin: bytes) -> None:
    for expected in (messages.Network, messages.Exec):
        with suppress(InvalidRequest):
            messages.decode(stdin, expected)
