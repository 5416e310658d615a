"""What each command does with the engine, and answers."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any

import pytest
from tests.unit.cni.calling import (
    EVERY_VERSION,
    NETNS,
    POOL,
    VERSIONS,
    StandInRuntime,
    configuration,
    environment,
)

from glassbridge import errors
from glassbridge.model.address import Mac
from glassbridge.model.attachment import AttachmentKey, Told
from glassbridge.model.network import Ifname, Managed, Manager

MESH = Managed(by=Manager.CNI, key="mesh")
BOX = AttachmentKey(network=MESH, container="box", ifname=Ifname("eth0"))


@pytest.fixture
def runtime() -> StandInRuntime:
    return StandInRuntime()


def test_version_needs_no_other_variable(runtime: StandInRuntime) -> None:
    told = runtime.raw({"CNI_COMMAND": "VERSION"}, b"")
    assert told.result == {"cniVersion": "1.1.0", "supportedVersions": list(EVERY_VERSION)}


def test_version_as_libcni_asks_it(runtime: StandInRuntime) -> None:
    dummies = dict.fromkeys(("CNI_NETNS", "CNI_IFNAME", "CNI_PATH"), "dummy")
    told = runtime.raw({"CNI_COMMAND": "VERSION", **dummies}, b'{"cniVersion":"1.0.0"}')
    assert told.result["supportedVersions"] == list(EVERY_VERSION)


def test_without_a_command_it_says_what_it_is(runtime: StandInRuntime) -> None:
    for variables in ({}, {"CNI_COMMAND": ""}):
        told = runtime.raw(variables, b"")
        assert (told.status, told.stdout) == (0, b"")
        assert told.stderr.startswith(b"CNI plugin glassbridge ")
        assert b"1.1.0" in told.stderr


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("ADD", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME"),
        ("DEL", "CNI_CONTAINERID,CNI_IFNAME"),
        ("CHECK", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME"),
    ],
)
def test_every_missing_variable_is_named(
    runtime: StandInRuntime, command: str, missing: str
) -> None:
    told = runtime.raw({"CNI_COMMAND": command}, json.dumps(configuration()).encode())
    assert told.code == 4
    assert f"[{missing}]" in told.said["msg"]


@pytest.mark.parametrize("version", EVERY_VERSION)
def test_add_answers_in_the_version_asked(runtime: StandInRuntime, version: str) -> None:
    result = runtime("ADD", configuration(version, isGateway=True, ipam=POOL)).result
    assert result["cniVersion"] == version
    if version < "0.3.0":
        assert result["ip4"] == {"ip": "10.7.0.10/24", "gateway": "10.7.0.1"}
        return
    assert [i["name"] for i in result["interfaces"]] == [
        "gb-d30ca7a7",
        "veth000000a",
        "eth0",
    ]
    assert [i.get("sandbox") for i in result["interfaces"]] == [None, None, NETNS]
    (ip,) = result["ips"]
    assert (ip["address"], ip["gateway"], ip["interface"]) == ("10.7.0.10/24", "10.7.0.1", 2)
    assert ip.get("version") == ("4" if version < "1.0.0" else None)
    assert [i.get("mtu") for i in result["interfaces"]] == (
        [1500] * 3 if version == "1.1.0" else [None] * 3
    )


def test_a_configuration_without_a_version_is_of_the_first(runtime: StandInRuntime) -> None:
    said = configuration(ipam=POOL)
    for absent in ({}, {"cniVersion": ""}, {"cniVersion": None}):
        del said["cniVersion"]
        said |= absent
        assert runtime("ADD", said).result["cniVersion"] == "0.1.0"
        runtime("DEL", said)
        said["cniVersion"] = ""


def test_an_error_is_told_in_the_version_that_was_asked_with(runtime: StandInRuntime) -> None:
    for version, told in (("1.0.0", "1.0.0"), ("77.0", "1.1.0")):
        for command in ("ADD", "DEL"):
            said = {"cniVersion": version, "name": "a/b"}
            assert runtime(command, said).said["cniVersion"] == told
    assert runtime.raw({"CNI_COMMAND": "FROB"}, b"{").said["cniVersion"] == "1.1.0"
    assert runtime.raw({"CNI_COMMAND": "FROB"}, b"{}").said["cniVersion"] == "0.1.0"


@pytest.mark.parametrize(
    ("command", "version"),
    [
        ("CHECK", "0.3.1"),
        ("GC", "1.0.0"),
        ("STATUS", "1.0.0"),
        ("STATUS", ""),
        ("ADD", "9.0.0"),
        ("ADD", "1.1"),
    ],
)
def test_a_command_that_the_version_has_not_is_code_1(
    runtime: StandInRuntime, command: str, version: str
) -> None:
    assert runtime(command, configuration(version, ipam=POOL)).code == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_delete_is_repeatable_and_prints_nothing(runtime: StandInRuntime, version: str) -> None:
    said = configuration(version, ipam=POOL)
    runtime("ADD", said)
    for _ in range(3):
        told = runtime("DEL", said)
        assert (told.status, told.stdout) == (0, b"")
    assert runtime.engine.deleted == [BOX] * 3


@pytest.mark.parametrize(
    "broken",
    [
        {"ipam": {"subnet": 7}},
        {"ipam": "nonsense"},
        {"mtu": "big"},
        {"vlan": 7},
        {"cniVersion": "77.0"},
        {"prevResult": {"ips": "?"}},
        {"runtimeConfig": {"portMappings": [{}]}},
    ],
)
def test_delete_works_with_what_is_wrong_by_now(
    runtime: StandInRuntime, broken: dict[str, Any]
) -> None:
    runtime("ADD", configuration(ipam=POOL))
    told = runtime("DEL", configuration() | broken, {"CNI_NETNS": "", "CNI_ARGS": "nonsense"})
    assert told.status == 0
    assert not runtime.engine.there


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"mtu": 67}, "mtu 67: a number from 68 to 65535 is needed"),
        ({"mtu": -1}, "mtu -1: a number from 68 to 65535 is needed"),
        ({"bridge": "a/b"}, "bad bridge 'a/b': 1 to 15 of a-z A-Z 0-9 _ . - are needed"),
    ],
)
def test_a_key_that_cannot_be_is_named_as_it_was_written(
    runtime: StandInRuntime, broken: dict[str, Any], told: str
) -> None:
    refused = runtime("ADD", configuration(ipam=POOL) | broken)
    assert (refused.code, refused.said["msg"]) == (7, told)


@pytest.mark.parametrize(
    ("stdin", "kind"),
    [
        (b"null", "null"),
        (b"true", "a boolean"),
        (b"4", "a number"),
        (b"4.5", "a number"),
        (b'"x"', "a string"),
        (b"[]", "an array"),
    ],
)
def test_what_came_instead_of_an_object_is_named(
    runtime: StandInRuntime, stdin: bytes, kind: str
) -> None:
    refused = runtime.raw(environment("ADD"), stdin)
    assert refused.code == 6
    assert refused.said["msg"].endswith(f"no JSON object, but {kind}")


def test_an_add_that_is_repeated_says_so(runtime: StandInRuntime) -> None:
    said = configuration(ipam=POOL)
    runtime("ADD", said)
    told = runtime("ADD", said)
    assert told.code == 100
    assert told.said["details"] == "delete it first"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidRequest("x"), 7),
        (errors.NotFound("x"), 3),
        (errors.Unsupported("x"), 2),
        (errors.Unavailable("x"), 11),
        (errors.Conflict("x"), 100),
        (errors.PoolExhausted("x"), 101),
        (errors.KernelRefused("x", 1), 102),
        (errors.PermissionRefused("x"), 103),
        (errors.GlassbridgeError("x"), 999),
    ],
)
def test_every_error_has_its_code(
    runtime: StandInRuntime, error: errors.GlassbridgeError, code: int
) -> None:
    runtime.engine.fault = error
    told = runtime("ADD", configuration("0.4.0", ipam=POOL))
    assert told.code == code
    assert told.said["cniVersion"] == "0.4.0"
    assert told.said["msg"] == error.message


def test_check_compares_what_the_runtime_remembers(runtime: StandInRuntime) -> None:
    said = configuration("0.4.0", ipam=POOL)
    said["prevResult"] = runtime("ADD", said).result
    assert runtime("CHECK", said).status == 0
    said["prevResult"]["ips"][0]["address"] = "10.7.0.99/24"
    told = runtime("CHECK", said)
    assert told.code == 104
    assert "10.7.0.10/24" in told.said["msg"]


def test_check_asks_the_kernel(runtime: StandInRuntime) -> None:
    said = configuration("1.1.0", ipam=POOL)
    said["prevResult"] = runtime("ADD", said).result
    runtime.engine.different = ("eth0 lacks 10.7.0.10/24",)
    told = runtime("CHECK", said)
    assert told.code == 104
    assert "eth0 lacks 10.7.0.10/24" in told.said["msg"]


def test_check_allows_a_later_plugin_its_mac_and_routes(runtime: StandInRuntime) -> None:
    said = configuration("1.0.0", ipam=POOL)
    previous = runtime("ADD", said).result
    previous["interfaces"][2]["mac"] = "0a:00:00:00:00:01"
    previous["interfaces"].append({"name": "tap0"})
    previous["routes"] = [{"dst": "192.0.2.0/24"}]
    assert runtime("CHECK", said | {"prevResult": previous}).status == 0
    assert runtime.engine.told == Told(
        mac=Mac("0a:00:00:00:00:01"), destinations=frozenset({ip_network("192.0.2.0/24")})
    )


def test_check_of_what_is_unknown_is_code_3(runtime: StandInRuntime) -> None:
    previous = runtime("ADD", configuration(ipam=POOL)).result
    said = configuration(ipam=POOL, prevResult=previous)
    assert runtime("CHECK", said, {"CNI_CONTAINERID": "other"}).code == 3


def test_check_needs_what_add_printed(runtime: StandInRuntime) -> None:
    runtime("ADD", configuration(ipam=POOL))
    assert runtime("CHECK", configuration(ipam=POOL)).code == 7


@pytest.mark.parametrize("key", ["cni.dev/valid-attachments", "cni.dev/attachments"])
def test_garbage_is_what_is_not_listed(runtime: StandInRuntime, key: str) -> None:
    said = configuration("1.1.0", ipam=POOL)
    runtime("ADD", said)
    runtime("ADD", said, {"CNI_CONTAINERID": "other"})
    listed = [{"containerID": "box", "ifname": "eth0"}]
    empty = dict.fromkeys(("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"), "")
    assert runtime("GC", said | {key: listed}, empty).status == 0
    assert runtime.engine.there.keys() == {BOX}
    assert runtime.engine.retained == [(MESH, {BOX})]


def test_an_absent_list_is_not_an_empty_one(runtime: StandInRuntime) -> None:
    said = configuration("1.1.0", ipam=POOL)
    runtime("ADD", said)
    for absent in ({}, {"cni.dev/valid-attachments": None}):
        assert runtime("GC", said | absent).status == 0
    assert runtime.engine.there
    assert runtime("GC", said | {"cni.dev/valid-attachments": []}).status == 0
    assert not runtime.engine.there


def test_a_list_that_cannot_be_read_keeps_everything(runtime: StandInRuntime) -> None:
    said = configuration("1.1.0", ipam=POOL)
    runtime("ADD", said)
    for listed in ("box", [{"containerID": "box"}], [7]):
        assert runtime("GC", said | {"cni.dev/valid-attachments": listed}).code == 6
    assert runtime.engine.there


def test_garbage_that_stays_is_told(runtime: StandInRuntime) -> None:
    runtime.engine.unremovable = ("box eth0: busy",)
    told = runtime("GC", configuration("1.1.0") | {"cni.dev/valid-attachments": []})
    assert told.code == 999
    assert "box eth0: busy" in told.said["msg"]


def test_status_tells_what_stands_in_the_way(runtime: StandInRuntime) -> None:
    said = configuration("1.1.0", ipam=POOL)
    empty = dict.fromkeys(("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"), "")
    assert runtime("STATUS", said, empty).stdout == b""
    runtime.engine.blocked = ("no free address in 10.7.0.0/24",)
    told = runtime("STATUS", said, empty)
    assert told.code == 50
    assert told.said["msg"] == "no free address in 10.7.0.0/24"


def test_status_refuses_what_add_would_refuse(runtime: StandInRuntime) -> None:
    assert runtime("STATUS", configuration("1.1.0", ipam={"type": "glassbridge"})).code == 7
    assert runtime("STATUS", configuration("1.1.0", ipam=POOL, vlan=7)).code == 2


def test_the_environment_is_libcni_s(runtime: StandInRuntime) -> None:
    """Its CNI_ARGS is there and empty."""
    told = runtime.raw(environment("ADD", CNI_ARGS=""), json.dumps(configuration()).encode())
    assert told.status == 0
