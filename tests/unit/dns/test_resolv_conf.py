"""resolv.conf(5) as glibc reads it."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.dns.resolv_conf import Resolvers, parse_resolv_conf


def test_all_of_it() -> None:
    text = """# nameserver 192.0.2.9
; nameserver 192.0.2.8
search example.com
nameserver 127.0.0.53
nameserver\t2001:db8::1
nameserver fe80::1%eth0
nameserver 192.0.2.4
options edns0 trust-ad timeout:2 attempts:3
options rotate
"""
    assert parse_resolv_conf(text) == Resolvers(
        servers=tuple(map(ip_address, ("127.0.0.53", "2001:db8::1", "fe80::1%eth0"))),
        timeout=2,
        attempts=3,
        rotate=True,
    )


@pytest.mark.parametrize("text", ["", "search x\n", "nameserver\n", "nameserver dns.example.com\n"])
def test_without_a_server_it_is_the_one_on_this_host(text: str) -> None:
    assert parse_resolv_conf(text).servers == (ip_address("127.0.0.1"),)


@pytest.mark.parametrize(
    ("option", "timeout", "attempts"),
    [
        ("timeout:99 attempts:99", 30, 5),
        ("timeout:0 attempts:0", 1, 1),
        ("timeout:x attempts:-1", 5, 2),
        ("timeout: attempts", 5, 2),
        ("timeout:\u0663", 5, 2),
    ],
)
def test_options_have_the_limits_of_glibc(option: str, timeout: int, attempts: int) -> None:
    found = parse_resolv_conf(f"options {option}\n")
    assert (found.timeout, found.attempts) == (timeout, attempts)


def test_a_server_named_twice_is_one() -> None:
    text = "nameserver 192.0.2.1\n" * 3 + "nameserver 192.0.2.2\n"
    assert len(parse_resolv_conf(text).servers) == 2


@given(st.one_of(st.text(), st.text(alphabet="nameserver opts:.0123\n\t%")))
def test_no_text_makes_it_fail(text: str) -> None:
    assert parse_resolv_conf(text).servers
