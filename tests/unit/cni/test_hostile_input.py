"""Whatever comes in, the answer is one of CNI's errors, and the engine hears nothing of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.cni.calling import POOL, StandInRuntime, configuration, environment

from glassbridge.frontends.cni.failures import BadTransfer
from glassbridge.frontends.cni.invocation import split_body

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
KEYS = [
    *("name", "cniVersion", "ipam", "dns", "args", "runtimeConfig", "prevResult", "bridge"),
    *("isGateway", "mtu", "vlan", "sysctl", "mac", "ingressPolicy", "egressRate"),
    "cni.dev/valid-attachments",
]


@pytest.fixture
def runtime() -> StandInRuntime:
    return StandInRuntime()


@pytest.mark.parametrize(
    "stdin",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"name": "mesh"} x',
        b"[]",
        b'"mesh"',
        b"7",
        b"null",
        b"[" * 100_000,
        b'{"name": ' + b'{"a": ' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        b'{"name": 7}',
        b'{"name": "mesh", "cniVersion": 1.0}',
    ],
)
def test_what_is_no_configuration_is_code_6(runtime: StandInRuntime, stdin: bytes) -> None:
    for command in ("ADD", "CHECK", "GC", "STATUS"):
        assert runtime.raw(environment(command), stdin).code == 6
    assert not runtime.engine.defined


@pytest.mark.parametrize(
    "name", ["", None, "../etc", "a/b", "-a", ".a", "a b", "a\n", "a\0b", "ä", "a" * 10_000]
)
def test_a_network_s_name_is_checked(runtime: StandInRuntime, name: str | None) -> None:
    for command in ("ADD", "DEL"):
        assert runtime(command, configuration(ipam=POOL) | {"name": name}).code == 7


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CNI_CONTAINERID", "../box"),
        ("CNI_CONTAINERID", "a b"),
        ("CNI_CONTAINERID", "-a"),
        ("CNI_CONTAINERID", "a" * 10_000),
        ("CNI_IFNAME", "a/b"),
        ("CNI_IFNAME", ".."),
        ("CNI_IFNAME", "a:b"),
        ("CNI_IFNAME", "eth 0"),
        ("CNI_IFNAME", "sixteen-bytes-xx"),
        ("CNI_COMMAND", "add"),
        ("CNI_COMMAND", "UPDATE"),
    ],
)
def test_a_variable_that_cannot_be_is_code_4(
    runtime: StandInRuntime, variable: str, value: str
) -> None:
    for command in ("ADD", "DEL"):
        variables = environment(command, **{variable: value})
        told = runtime.raw(variables, json.dumps(configuration(ipam=POOL)).encode())
        assert told.code == 4
        assert variable in told.said["msg"]
        assert len(told.stdout) < 1000
    assert not runtime.engine.deleted


def test_of_a_key_that_is_there_twice_the_last_one_counts(runtime: StandInRuntime) -> None:
    stdin = b'{"name": "other", "cniVersion": "1.0.0", "mtu": "x", "mtu": 1300, "name": "mesh"}'
    assert runtime.raw(environment("ADD"), stdin).status == 0
    assert [m.key for m in runtime.engine.defined] == ["mesh"]


@settings(deadline=None)  # its first example builds the strategies
@given(
    said=st.dictionaries(st.sampled_from(KEYS), json_values),
    command=st.sampled_from(["ADD", "DEL", "CHECK", "GC", "STATUS"]),
)
def test_no_configuration_breaks_it(said: dict[str, Any], command: str) -> None:
    told = StandInRuntime()(command, configuration("1.1.0") | said)
    assert told.status == 0 or told.code in {1, 2, 3, 4, 6, 7, 11}


@settings(deadline=None)
@given(
    variables=st.dictionaries(
        st.sampled_from(["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"]),
        st.text(max_size=30),
    ),
    command=st.sampled_from(["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]),
)
def test_no_environment_breaks_it(variables: dict[str, str], command: str) -> None:
    told = StandInRuntime()(command, configuration("1.1.0", ipam=POOL), variables)
    assert told.status == 0 or told.code in {3, 4, 7}


@settings(deadline=None)
@given(
    variables=st.dictionaries(
        st.text("ABC_", min_size=1), st.text().filter(lambda t: "\0" not in t)
    ),
    stdin=st.binary(),
)
def test_a_body_is_split_where_the_shim_joined_it(variables: dict[str, str], stdin: bytes) -> None:
    joined = b"".join(f"{k}={v}\0".encode() for k, v in variables.items())
    assert split_body(joined + b"\0" + stdin) == (variables, stdin)


@pytest.mark.parametrize("body", [b"", b"CNI_COMMAND=ADD", b"CNI_COMMAND=ADD\0", b"\xff=\xff\0\0"])
def test_a_body_without_an_end_is_refused(body: bytes) -> None:
    with pytest.raises(BadTransfer):
        split_body(body)
