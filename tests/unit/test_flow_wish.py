"""What `trace` takes for its two ends: every form read, written back, or refused in words."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.errors import InvalidRequest
from glassbridge.model.flow_wish import (
    Target,
    format_target,
    icmp_type_of,
    parse_target,
    port_in_address,
    wish_of,
)
from glassbridge.model.packet import Transport

NAMES = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,60}", fullmatch=True)
TARGETS = st.builds(
    Target,
    st.one_of(
        NAMES,
        st.ip_addresses().map(str),
        st.integers(1, 2**22).map("pid:{}".format),
        st.from_regex(r"(/[a-z0-9._-]+){1,4}", fullmatch=True).map("netns:{}".format),
    ),
    st.one_of(st.none(), st.integers(1, 65535)),
)


@given(TARGETS)
def test_a_target_is_read_as_it_is_written(target: Target) -> None:
    assert parse_target(format_target(target)) == target


@pytest.mark.parametrize(
    ("text", "name", "port"),
    [
        ("web", "web", None),
        ("web:80", "web", 80),
        ("host:8080", "host", 8080),
        ("1.2.3.4:80", "1.2.3.4", 80),
        ("[2001:db8::1]:80", "2001:db8::1", 80),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("2001:db8::1", "2001:db8::1", None),
        ("fe80::1%eth0", "fe80::1%eth0", None),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ("::1:80", "::1:80", None),
        ("example.com:443", "example.com", 443),
        ("pid:4242", "pid:4242", None),
        ("pid:4242:80", "pid:4242", 80),
        ("netns:/run/netns/blue", "netns:/run/netns/blue", None),
        ("netns:/run/netns/blue:80", "netns:/run/netns/blue", 80),
        ("netns:/run/a:b/blue:80", "netns:/run/a:b/blue", 80),
    ],
)
def test_every_form_of_a_target(text: str, name: str, port: int | None) -> None:
    assert parse_target(text) == Target(name, port)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a name or an address is missing"),
        (":80", "a name or an address is missing"),
        ("web:", "'' is not a port number"),
        ("web:http", "'http' is not a port number"),
        ("web:0", "bad port 0"),
        ("web:65536", "bad port 65536"),
        ("web:" + "9" * 5000, "bad port 9999"),
        ("web:٣", "is not a port number"),
        ("a:b:c", "neither NAME:PORT nor an IPv6 address"),
        ("2001:db8::1:80000", "neither NAME:PORT nor an IPv6 address"),
        ("[web]:80", "'web' is not an IPv6 address"),
        ("[1.2.3.4]:80", "'1.2.3.4' is not an IPv6 address"),
        ("[::1]:x", "'x' is not a port number"),
        ("pid:", "'' is not a process number"),
        ("pid:web", "'web' is not a process number"),
        ("netns:", "the path of a namespace is missing"),
        ("netns::80", "the path of a namespace is missing"),
    ],
)
def test_what_is_no_target_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_target(text)
    assert words in refused.value.message


@given(st.text(alphabet="ab019:[]./%-", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        target = parse_target(text)
    except InvalidRequest:
        return
    assert parse_target(format_target(target)) == target


def test_a_protocol_behind_the_port_is_a_flag() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_target("dns:53/UDP")
    assert refused.value.hint == "the protocol is a flag: --proto udp"


def test_without_a_port_it_is_a_ping() -> None:
    wish = wish_of("web", "db")
    assert (wish.source, wish.destination) == ("web", "db")
    assert (wish.transport, wish.port, wish.version) == (Transport.ICMP, None, None)
    assert wish.icmp_type is None


def test_with_a_port_it_is_tcp() -> None:
    wish = wish_of("web", "[fd00::3]:80")
    assert (wish.destination, wish.transport, wish.port) == ("fd00::3", Transport.TCP, 80)
    assert wish.version == 6


def test_every_flag_arrives() -> None:
    wish = wish_of(
        "pid:7", "db:53", transport=Transport.UDP, source_address="10.0.0.1", source_port=1234,
        size=900, ttl=3,
    )  # fmt: skip
    assert wish.transport is Transport.UDP
    assert wish.source_address == ip_address("10.0.0.1")
    assert (wish.source_port, wish.size, wish.ttl, wish.version) == (1234, 900, 3, 4)


@pytest.mark.parametrize(
    ("text", "version", "number"),
    [
        ("router-advert", None, (134, 6)),
        ("router-advert", 6, (134, 6)),
        ("echo-request", None, (8, 4)),
        ("echo-request", 6, (128, 6)),
        ("13", None, (13, 4)),
        ("134", 6, (134, 6)),
        ("255", 4, (255, 4)),
    ],
)
def test_an_icmp_type_by_name_and_number(
    text: str, version: int | None, number: tuple[int, int]
) -> None:
    assert icmp_type_of(text, version) == number


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"source": "web:80"}, "the source 'web:80' has a port"),
        ({"transport": Transport.TCP}, "tcp needs a port"),
        ({"destination": "db:80", "transport": Transport.ICMP}, "ICMP has no ports"),
        ({"source_port": 7}, "--source-port has no meaning"),
        ({"destination": "1.2.3.4", "version": 6}, "1.2.3.4 is an IPv4 address, not IPv6"),
        ({"destination": "::1", "source_address": "1.2.3.4"}, "--source-address: 1.2.3.4"),
        ({"source_address": "web"}, "--source-address 'web' is not an IP address"),
        ({"icmp_type": "256"}, "0 to 255 exist"),
        ({"icmp_type": "9" * 5000}, "0 to 255 exist"),
        ({"icmp_type": "router-advret"}, "'router-advret' is unknown"),
        ({"icmp_type": "router-advert", "version": 4}, "does not exist in IPv4"),
        ({"icmp_type": "8", "destination": "db:80"}, "no meaning with tcp"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        wish_of(**{"source": "web", "destination": "db", **arguments})  # type: ignore[arg-type]  # by design
    assert words in refused.value.message


def test_a_misspelt_icmp_type_gets_its_neighbour() -> None:
    with pytest.raises(InvalidRequest) as refused:
        icmp_type_of("router-advret", None)
    assert "router-advert" in refused.value.hint


def test_an_address_with_a_port_and_no_brackets() -> None:
    assert port_in_address("fd00::3:80") == "[fd00::3]:80"
    assert not any(
        map(port_in_address, ("fd00::3", "::1", "web:80", "10.0.0.1", "1:2:3:4:5:6:7:8"))
    )
    with pytest.raises(InvalidRequest) as refused:
        parse_target("2001:db8::1:80000")
    assert refused.value.hint.endswith(": [2001:db8::1]:80000")
