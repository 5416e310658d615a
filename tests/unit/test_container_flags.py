"""The flags of `run` that say more than a word."""

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from glassbridge.engine.wishes import container_spec
from glassbridge.errors import GlassbridgeError, InvalidRequest, Unsupported
from glassbridge.model.container import DOCKER_CAPABILITIES, ContainerSpec, Mount
from glassbridge.model.container_flags import (
    CAPABILITIES,
    parse_alias,
    parse_capability,
    parse_environment,
    parse_extra_host,
    parse_hostname,
    parse_mac,
    parse_name_server,
    parse_resolver_option,
    parse_search_domains,
    parse_volume,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv:/data", Mount(source="/srv", target="/data")),
        ("/srv:/data:ro", Mount(source="/srv", target="/data", read_only=True)),
        ("/srv:/data:rw", Mount(source="/srv", target="/data")),
        ("/:/host:ro", Mount(source="/", target="/host", read_only=True)),
    ],
)
def test_volumes(text: str, expected: Mount) -> None:
    assert parse_volume(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/srv", "cannot read"),
        ("", "cannot read"),
        ("/a:/b:ro:z", "cannot read"),
        ("/a:/b:z", "bad mode 'z'"),
        ("./a:/b", "'./a' is not an absolute path"),
        ("a/b:/b", "'a/b' is not an absolute path"),
        (":/b", "'' is not an absolute path"),
        ("/a:b", "target 'b' is not an absolute path"),
        ("/a:/", "target '/' is not an absolute path below /"),
        ("/a:/b/../..", "is not an absolute path below /"),
        ("/a\0:/b", "NUL"),
    ],
)
def test_volumes_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(said)):
        parse_volume(text)


def test_a_named_volume_is_docker_s_and_not_ours() -> None:
    with pytest.raises(Unsupported, match="named volumes") as caught:
        parse_volume("cache:/data")
    assert caught.value.hint


def test_environment() -> None:
    parsed = parse_environment(
        ["A=1", "B=x=y", "C=", "HOME", "UNSET", "A=2"], {"HOME": "/root", "SECRET": "s"}
    )
    assert parsed == {"A": "2", "B": "x=y", "C": "", "HOME": "/root"}


@pytest.mark.parametrize("text", ["", "=x", "A=\0", "A\0B=x"])
def test_environment_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="bad environment variable"):
        parse_environment([text], {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db:10.0.0.5", ("db", "10.0.0.5")),
        ("db=10.0.0.5", ("db", "10.0.0.5")),
        ("db:2001:DB8::1", ("db", "2001:db8::1")),
        ("db:[2001:db8::1]", ("db", "2001:db8::1")),
        ("host.docker.internal:host-gateway", ("host.docker.internal", "host-gateway")),
        ("d:10.0.0.5", ("d", "10.0.0.5")),
    ],
)
def test_extra_hosts(text: str, expected: tuple[str, str]) -> None:
    assert parse_extra_host(text) == expected


@pytest.mark.parametrize(
    "text", ["", "db", "db:", ":10.0.0.5", "db:x", "a b:10.0.0.5", "-:10.0.0.5", "db\n:10.0.0.5"]
)
def test_extra_hosts_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_extra_host(text)


def test_capabilities() -> None:
    assert parse_capability("net_admin") == "CAP_NET_ADMIN"
    assert parse_capability("CAP_SYS_PTRACE") == "CAP_SYS_PTRACE"
    assert parse_capability("all") == "ALL"
    assert set(DOCKER_CAPABILITIES) < set(CAPABILITIES)
    assert len(CAPABILITIES) == 41
    with pytest.raises(InvalidRequest, match="unknown capability 'NET_ADMN'") as caught:
        parse_capability("NET_ADMN")
    assert "CAP_NET_ADMIN" in caught.value.hint


def test_mac_addresses() -> None:
    assert parse_mac("02:42:AC:11:00:02") == "02:42:ac:11:00:02"
    assert parse_mac("02-42-ac-11-00-02") == "02:42:ac:11:00:02"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("01:00:5e:00:00:01", "multicast"),
        ("ff:ff:ff:ff:ff:ff", "multicast"),
        ("00:00:00:00:00:00", "refuses"),
        ("02:42:ac:11:00", "six octets"),
        ("02:42-ac:11:00:02", "six octets"),
        ("2:42:ac:11:0:2", "six octets"),
        ("02:42:ac:11:00:02\n", "six octets"),
        ("", "six octets"),
    ],
)
def test_mac_addresses_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_mac(text)
    assert said in caught.value.message + caught.value.hint


@given(st.text(alphabet="/a:.=ro-0[]\0 ", max_size=16))
def test_nothing_but_our_errors_comes_out(text: str) -> None:
    for parse in (parse_volume, parse_extra_host, parse_capability, parse_mac):
        with suppress(GlassbridgeError):
            parse(text)


@pytest.mark.parametrize(
    "domains", [(), (".",), ("corp.example",), ("a", "b-c.d_e.", "_tcp.example"), ("x" * 63,)]
)
def test_search_domains(domains: tuple[str, ...]) -> None:
    assert parse_search_domains(domains) == domains


@pytest.mark.parametrize(
    "domains",
    [
        ("",),
        (".", "a"),
        ("a b",),
        ("a\nnameserver 192.0.2.1",),
        ("a..b",),
        ("-a",),
        ("a-.b",),
        (".a",),
        ("x" * 64,),
        (".".join(["x" * 50] * 5),),
        ("\u00fc.example",),
    ],
)
def test_search_domains_refused(domains: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match="is no domain"):
        parse_search_domains(domains)


@given(st.text())
def test_what_goes_into_name_files_is_one_word_each(text: str) -> None:
    for parse in (parse_resolver_option, parse_hostname, parse_name_server):
        with suppress(InvalidRequest):
            assert parse(text).split() == [text.strip()]
    with suppress(InvalidRequest):
        (domain,) = parse_search_domains([text])
        assert domain.split() == [text]


@pytest.mark.parametrize("zone", ["a b", "a\nnameserver 192.0.2.1", "\t"])
def test_an_address_with_a_zone_is_one_word(zone: str) -> None:
    assert parse_name_server("fe80::1%eth0") == "fe80::1%eth0"
    for refuse in (parse_name_server, lambda text: parse_extra_host(f"db={text}")):
        with pytest.raises(InvalidRequest):
            refuse(f"fe80::1%{zone}")


def test_a_host_name_is_as_long_as_the_kernel_takes_it() -> None:
    assert parse_hostname("Web_1." + "x" * 58)
    with pytest.raises(InvalidRequest, match="65 bytes long, the kernel allows 64"):
        parse_hostname("x" * 65)


@pytest.mark.parametrize(
    "hostile",
    [
        {"hostname": "a\nb"},
        {"dns": ("192.0.2.1\noptions x",)},
        {"dns_search": ("a\nb",)},
        {"dns_options": ("a b",)},
        {"extra_hosts": {"db": "fe80::1%\n192.0.2.1 bank"}},
    ],
)
def test_the_engine_checks_what_comes_over_the_api(hostile: dict[str, Any]) -> None:
    plain = ContainerSpec(rootfs="/", command=("sh",))
    assert container_spec(plain) == plain
    with pytest.raises(InvalidRequest):
        container_spec(replace(plain, **hostile))


@pytest.mark.parametrize("text", ["", "a b", "a..b", ".a", "x" * 64, "\u00fc", "a\nb"])
def test_aliases_that_nobody_could_ask_for_are_refused(text: str) -> None:
    assert parse_alias("_Store-1.v2") == "_Store-1.v2"
    with pytest.raises(InvalidRequest, match="bad alias"):
        parse_alias(text)
