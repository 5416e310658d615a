"""Docker's `-o` keys and back."""

import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.errors import GlassbridgeError, InvalidRequest, Unsupported
from glassbridge.model.network import GatewayMode, Ifname, NetworkOptions, SourceGuard
from glassbridge.model.options import ParsedOptions, parse_options

BRIDGE = "com.docker.network.bridge."


def test_every_key_that_docker_documents() -> None:
    parsed = parse_options(
        {
            BRIDGE + "name": "br-lan",
            BRIDGE + "enable_icc": "false",
            BRIDGE + "enable_ip_masquerade": "0",
            BRIDGE + "host_binding_ipv4": "127.0.0.1",
            BRIDGE + "gateway_mode_ipv4": "routed",
            BRIDGE + "gateway_mode_ipv6": "nat-unprotected",
            BRIDGE + "inhibit_ipv4": "True",
            BRIDGE + "trusted_host_interfaces": "eth1:wg0",
            "com.docker.network.host_ipv4": "192.0.2.7",
            "com.docker.network.host_ipv6": "2001:db8::7",
            "com.docker.network.driver.mtu": "9000",
            "com.docker.network.container_iface_prefix": "net",
            "glassbridge.source_guard": "strict",
        }
    )
    assert parsed == ParsedOptions(
        bridge=Ifname("br-lan"),
        options=NetworkOptions(
            icc=False,
            masquerade=False,
            host_binding=IPv4Address("127.0.0.1"),
            gateway_mode4=GatewayMode.ROUTED,
            gateway_mode6=GatewayMode.NAT_UNPROTECTED,
            inhibit_ipv4=True,
            trusted_interfaces=(Ifname("eth1"), Ifname("wg0")),
            host_ipv4=IPv4Address("192.0.2.7"),
            host_ipv6=IPv6Address("2001:db8::7"),
            mtu=9000,
            ifname_prefix="net",
            source_guard=SourceGuard.STRICT,
        ),
    )


def test_nothing_given_is_every_default() -> None:
    assert parse_options({}) == ParsedOptions()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (BRIDGE + "enable_icc", "maybe", "true or false"),
        (BRIDGE + "enable_icc", "", "true or false"),
        (BRIDGE + "gateway_mode_ipv4", "natted", "one of nat, nat-unprotected, routed, isolated"),
        (BRIDGE + "host_binding_ipv4", "::", "Expected 4 octets"),
        (BRIDGE + "host_binding_ipv4", "224.0.0.1", "multicast"),
        (BRIDGE + "trusted_host_interfaces", "eth0::eth1", "bad interface name"),
        (BRIDGE + "name", "abcdefghijklmnop", "it is 16 bytes long, the kernel allows 15"),
        (BRIDGE + "name", "all", "kernel uses"),
        (BRIDGE + "name", "", "1 to 15"),
        ("com.docker.network.driver.mtu", "67", "68 to 65535"),
        ("com.docker.network.driver.mtu", "65536", "68 to 65535"),
        ("com.docker.network.driver.mtu", "1e3", "68 to 65535"),
        ("com.docker.network.driver.mtu", "-1500", "68 to 65535"),
        ("com.docker.network.driver.mtu", "9" * 5000, "68 to 65535"),
        ("com.docker.network.host_ipv4", "0.0.0.0", "cannot leave"),
        ("com.docker.network.host_ipv4", "x", "Expected 4 octets"),
        ("com.docker.network.host_ipv6", "fe80::1", "cannot leave"),
        ("com.docker.network.host_ipv6", "10.0.0.1", "At least 3 parts"),
        ("com.docker.network.container_iface_prefix", "a/b", "interface prefix"),
        ("com.docker.network.container_iface_prefix", "twelveletter", "leave room"),
        ("glassbridge.source_guard", "on", "one of owner, strict, off"),
    ],
)
def test_a_bad_value_is_named_with_its_key(key: str, value: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(said)) as caught:
        parse_options({key: value})
    assert key in caught.value.message
    assert value in caught.value.message


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("com.docker.network.bridge.enable_iccc", BRIDGE + "enable_icc"),
        ("com.docker.network.bridge.nam", BRIDGE + "name"),
        ("com.docker.network.mtu", "com.docker.network.driver.mtu"),
        ("glassbridge.sourceguard", "glassbridge.source_guard"),
    ],
)
def test_an_unknown_key_comes_with_the_nearest(key: str, nearest: str) -> None:
    with pytest.raises(InvalidRequest, match=f"unknown option {re.escape(key)}") as caught:
        parse_options({key: "x"})
    assert nearest in caught.value.hint


@pytest.mark.parametrize(
    "key",
    [
        BRIDGE + "default_bridge",
        "com.docker.network.enable_ipv6",
        "com.docker.network.internal",
        "com.docker.network.advertise_addr_nmsgs",
        "com.docker.network.endpoint.sysctls",
        "parent",
    ],
)
def test_what_docker_has_and_we_have_not_is_refused_with_a_hint(key: str) -> None:
    with pytest.raises(Unsupported, match=re.escape(key)) as caught:
        parse_options({key: "true"})
    assert caught.value.hint


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=20), max_size=3))
def test_nothing_but_our_errors_comes_out(given_options: dict[str, str]) -> None:
    with suppress(GlassbridgeError):
        parse_options(given_options)
