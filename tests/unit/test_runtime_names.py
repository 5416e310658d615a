"""A container's /etc/hosts and /etc/resolv.conf, and its capabilities, as Docker has them."""

from __future__ import annotations

from pathlib import Path

from glassbridge.model.container import Container, ContainerSpec
from glassbridge.model.container_flags import CAPABILITIES
from glassbridge.model.endpoint import SandboxId
from glassbridge.runtime.capabilities import NUMBERS
from glassbridge.runtime.name_files import (
    Wishes,
    render_asking,
    render_hosts,
    render_resolv_conf,
    resolv_conf,
)

HOST = """\
# made by a resolver
nameserver 127.0.0.53
nameserver 192.0.2.53
nameserver ::1
nameserver fe80::1%eth0
options edns0 trust-ad
search example.org
"""


def test_hosts_start_with_localhost() -> None:
    text = render_hosts({"172.17.0.2": ("abc", "web")})
    assert text.startswith("127.0.0.1\tlocalhost\n::1\tlocalhost")
    assert text.endswith("172.17.0.2\tabc web\n")


def test_hosts_may_start_with_the_hosts_own() -> None:
    assert render_hosts({"10.0.0.1": ("x",)}, "192.0.2.1 me\n") == "192.0.2.1 me\n10.0.0.1\tx\n"


def test_loopback_nameservers_are_dropped() -> None:
    assert render_resolv_conf(HOST, Wishes()).splitlines() == [
        "nameserver 192.0.2.53",
        "nameserver fe80::1%eth0",
        "options edns0 trust-ad",
        "search example.org",
    ]


def test_asked_for_nameservers_replace_the_hosts() -> None:
    assert render_resolv_conf(HOST, Wishes(("9.9.9.9", "2620:fe::fe"))).splitlines() == [
        "nameserver 9.9.9.9",
        "nameserver 2620:fe::fe",
        "options edns0 trust-ad",
        "search example.org",
    ]


def test_our_servers_take_the_hosts_place_and_bare_names_go_first() -> None:
    assert render_asking(HOST, Wishes(("172.17.0.1", "fd00::1"))).splitlines() == [
        "nameserver 172.17.0.1",
        "nameserver fd00::1",
        "options edns0 trust-ad",
        "search example.org",
        "options ndots:0",
    ]


def test_who_says_ndots_keeps_it() -> None:
    host = "nameserver 192.0.2.53\noptions edns0 ndots:3\n"
    assert render_asking(host, Wishes(("10.0.0.1",))).splitlines() == [
        "nameserver 10.0.0.1",
        "options edns0 ndots:3",
    ]


def test_wished_search_domains_and_options_replace_the_hosts() -> None:
    """`domain` is the older word for a search list of one, and the last of both counts."""
    host = f"{HOST}domain example.net\n"
    wishes = Wishes(("172.17.0.1",), ("corp.example", "example.com."), ("ndots:2", "rotate"))
    assert render_asking(host, wishes).splitlines() == [
        "nameserver 172.17.0.1",
        "search corp.example example.com.",
        "options ndots:2 rotate",
    ]


def test_a_wished_option_without_ndots_has_bare_names_go_first_still() -> None:
    lines = render_asking(HOST, Wishes(("172.17.0.1",), (), ("timeout:3",))).splitlines()
    assert lines[-2:] == ["options timeout:3", "options ndots:0"]


def test_a_dot_is_no_search_list_at_all() -> None:
    assert "search" not in render_resolv_conf(HOST, Wishes((), (".",)))


def test_on_the_hosts_own_stack_its_stub_resolver_stays() -> None:
    spec = ContainerSpec(rootfs="/", command=("sh",), dns_search=("corp.example",))
    container = Container(id=SandboxId("c"), name="c", spec=spec, network_mode="host")
    text = resolv_conf(container, (), lambda _: HOST)
    assert "nameserver 127.0.0.53\n" in text
    assert text.endswith("search corp.example\n")
    assert "search example.org" not in text


def test_capabilities_have_the_kernels_numbers() -> None:
    """The header is there where a compiler is."""
    assert set(NUMBERS) == set(CAPABILITIES)
    header = Path("/usr/include/linux/capability.h")
    if header.exists():
        words = (line.split() for line in header.read_text().splitlines())
        defined = {w[1]: int(w[2]) for w in words if len(w) > 2 and w[2].isdecimal()}
        assert {name: defined[name] for name in NUMBERS} == NUMBERS
