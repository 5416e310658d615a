"""The flags of `run` that say more than a word."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.errors import GlassbridgeError, InvalidRequest, Unsupported
from glassbridge.model.container import DOCKER_CAPABILITIES, Mount
from glassbridge.model.container_flags import (
    CAPABILITIES,
    parse_capability,
    parse_environment,
    parse_extra_host,
    parse_mac,
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
