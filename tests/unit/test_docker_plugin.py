"""Docker's plugin answers every call as dockerd wants it, and refuses what is wrong."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api_server import serving_application
from tests.unit.docker_conversation import HEADERS, Caller, calling
from tests.unit.docker_engine_stand_in import MAC, DockerEngineStandIn

from glassbridge import errors
from glassbridge.frontends.docker.addresses import parse_interface
from glassbridge.frontends.docker.methods import METHODS
from glassbridge.frontends.docker.server import application, refuse_everything
from glassbridge.model.driven import DrivenEndpoint, PoolWish
from glassbridge.model.endpoint import EndpointId, PortWish, Protocol
from glassbridge.model.network import Managed, Manager
from glassbridge.model.requests import NetworkRequest, SubnetWish

GOLDEN = Path(__file__).parents[1] / "golden" / "docker"
NETWORK, ENDPOINT = "b929911a6bab" + "0" * 52, "e7d6d391fb49" + "1" * 52
BOTH = {"NetworkID": NETWORK, "EndpointID": ENDPOINT}
POOL = {"PoolID": "glassbridge/172.24.0.0/16", "Address": ""}
BODIES: dict[str, dict[str, Any]] = {
    "NetworkDriver.GwAllocCheck": {"Options": {}},
    "NetworkDriver.CreateNetwork": {
        "NetworkID": NETWORK,
        "Options": {"com.docker.network.enable_ipv6": False, "com.docker.network.generic": {}},
        "IPv4Data": [{"AddressSpace": "x", "Gateway": "172.24.0.1/16", "Pool": "172.24.0.0/16"}],
        "IPv6Data": [],
    },
    "NetworkDriver.DeleteNetwork": {"NetworkID": NETWORK},
    "NetworkDriver.CreateEndpoint": {
        **BOTH,
        "Interface": {"Address": "172.24.0.2/16", "AddressIPv6": "", "MacAddress": ""},
        "Options": {
            "com.docker.network.endpoint.exposedports": [],
            "com.docker.network.portmap": [],
        },
    },
    "NetworkDriver.Join": {**BOTH, "SandboxKey": "/var/run/docker/netns/x", "Options": None},
    "NetworkDriver.ProgramExternalConnectivity": {**BOTH, "Options": None},
    "NetworkDriver.RevokeExternalConnectivity": BOTH,
    "NetworkDriver.Leave": BOTH,
    "NetworkDriver.DeleteEndpoint": BOTH,
    "IpamDriver.RequestPool": {"AddressSpace": "x", "Pool": "", "SubPool": "", "V6": False},
    "IpamDriver.ReleasePool": {"PoolID": "glassbridge/172.24.0.0/16"},
    "IpamDriver.RequestAddress": POOL,
    "IpamDriver.ReleaseAddress": {**POOL, "Address": "172.24.0.2"},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DockerEngineStandIn, Path]]:
    engine, path = DockerEngineStandIn(), tmp_path_factory.mktemp("plugin") / "glassbridge.sock"
    with serving_application(application(engine, engine), refuse_everything, path):
        yield engine, path


@pytest.fixture
def engine(served: tuple[DockerEngineStandIn, Path]) -> DockerEngineStandIn:
    served[0].forget_everything()
    return served[0]


@pytest.fixture
def docker(served: tuple[DockerEngineStandIn, Path], engine: object) -> Iterator[Caller]:
    with calling(served[1]) as caller:
        yield caller


def with_options(method: str, **options: object) -> dict[str, Any]:
    named = {f"com.docker.network.{k.replace('__', '.')}": v for k, v in options.items()}
    return {**BODIES[method], "Options": named}


# -- what a real dockerd said


@pytest.mark.parametrize("name", sorted(p.name for p in GOLDEN.glob("*.jsonl")))
def test_a_real_dockerd_is_answered(name: str, docker: Caller, engine: DockerEngineStandIn) -> None:
    """The recordings begin in the middle of dockerd's life: what it gives back, it held."""
    conversation = [json.loads(line) for line in (GOLDEN / name).read_text().splitlines()]
    for said in conversation:
        if said["method"] == "IpamDriver.ReleaseAddress":
            held = engine.pools.setdefault(said["asked"]["PoolID"], set())
            held.add(IPv4Address(said["asked"]["Address"]))
    for said in conversation:
        body = b"" if said["asked"] is None else json.dumps(said["asked"]).encode()
        status, answer = docker.raw(f"/{said['method']}", body, said["headers"])
        assert status == 200
        assert not {"Err", "Error"} & answer.keys(), (said, answer)
        assert answer == said.get("answer", answer), said
        if said["method"] == "NetworkDriver.Join":
            assert engine.joined[said["asked"]["EndpointID"]] == said["asked"]["SandboxKey"]
    assert engine.joined == {}


# -- networks


def test_a_network_with_everything(docker: Caller, engine: DockerEngineStandIn) -> None:
    asked = {
        "NetworkID": NETWORK,
        "Options": {
            "com.docker.network.enable_ipv4": True,
            "com.docker.network.enable_ipv6": True,
            "com.docker.network.internal": True,
            "com.docker.network.generic": {"com.docker.network.driver.mtu": "1400"},
            "some.later.docker": {"deep": [1]},
        },
        "IPv4Data": [
            {
                "AddressSpace": "LocalDefault",
                "Pool": "172.24.0.0/16",
                "Gateway": "172.24.0.1/16",
                "AuxAddresses": {"router": "172.24.0.9/16"},
            }
        ],
        "IPv6Data": [{"AddressSpace": "LocalDefault", "Pool": "fd00::/64", "Gateway": ""}],
    }
    assert docker("NetworkDriver.CreateNetwork", asked) == {}
    managed = Managed(by=Manager.DOCKER, key=NETWORK)
    assert engine.networks == {
        managed: NetworkRequest(
            name="b929911a6bab",
            subnets=(
                SubnetWish(
                    subnet="172.24.0.0/16",
                    gateway="172.24.0.1",
                    reserved={"router": "172.24.0.9"},
                ),
                SubnetWish(subnet="fd00::/64"),
            ),
            ipv6=True,
            internal=True,
            managed=managed,
            options={"com.docker.network.driver.mtu": "1400"},
        )
    }
    assert docker("NetworkDriver.DeleteNetwork", {"NetworkID": NETWORK}) == {}
    assert engine.networks == {}


ISOLATED4 = {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"}
ISOLATED6 = {"com.docker.network.bridge.gateway_mode_ipv6": "isolated"}
INHIBITED = {"com.docker.network.bridge.inhibit_ipv4": "true"}


@pytest.mark.parametrize(
    ("given", "internal", "skipped"),
    [
        ({}, False, (False, False)),
        ({}, True, (False, False)),
        (ISOLATED4, True, (True, False)),
        (ISOLATED6, True, (False, True)),
        (INHIBITED, False, (False, False)),
        (INHIBITED, True, (True, False)),
    ],
)
def test_a_gateway_that_nobody_needs_is_not_leased(
    docker: Caller,
    engine: DockerEngineStandIn,
    given: dict[str, str],
    internal: bool,
    skipped: tuple[bool, bool],
) -> None:
    options = {"com.docker.network.generic": given, "com.docker.network.internal": internal}
    answer = docker("NetworkDriver.GwAllocCheck", {"Options": options})
    assert answer == {"SkipIPv4": skipped[0], "SkipIPv6": skipped[1]}
    # a dockerd that cannot ask leases one all the same
    docker(
        "NetworkDriver.CreateNetwork", {**BODIES["NetworkDriver.CreateNetwork"], "Options": options}
    )
    (request,) = engine.networks.values()
    assert request.subnets[0].gateway == ("" if skipped[0] else "172.24.0.1")


def test_a_network_that_cannot_be(docker: Caller, engine: DockerEngineStandIn) -> None:
    asked = BODIES["NetworkDriver.CreateNetwork"]
    null = {**asked, "IPv4Data": [{"AddressSpace": "null", "Pool": "0.0.0.0/0"}]}
    assert "without addresses" in docker("NetworkDriver.CreateNetwork", null)["Err"]
    neither = with_options("NetworkDriver.CreateNetwork", enable_ipv4=False, enable_ipv6=False)
    assert "needs IPv4 or IPv6" in docker("NetworkDriver.CreateNetwork", neither)["Err"]
    for options, complaint in (
        ({"com.docker.network.driver.mtu": "big"}, "mtu=big"),
        ({"mtu": "1400"}, "unknown option mtu"),
    ):
        body = with_options("NetworkDriver.CreateNetwork", generic=options)
        assert complaint in docker("NetworkDriver.CreateNetwork", body)["Err"]
    assert engine.networks == {}


def test_nothing_is_allocated_for_a_swarm(docker: Caller) -> None:
    assert "local scope" in docker("NetworkDriver.AllocateNetwork", {"NetworkID": NETWORK})["Err"]
    assert "local scope" in docker("NetworkDriver.FreeNetwork", {"NetworkID": NETWORK})["Err"]
    assert docker("NetworkDriver.GetCapabilities")["Scope"] == "local"


# -- endpoints


@pytest.mark.parametrize(
    ("interface", "answer"),
    [
        ({"Address": "172.24.0.2/16", "AddressIPv6": "", "MacAddress": ""}, {"MacAddress": MAC}),
        ({"Address": "172.24.0.2/16", "MacAddress": "02:42:00:00:00:99"}, {}),
        ({"Address": "172.24.0.2/16", "AddressIPv6": "fd00::2/64"}, {"MacAddress": MAC}),
    ],
)
def test_only_what_was_empty_is_answered(
    docker: Caller,
    engine: DockerEngineStandIn,
    interface: dict[str, str],
    answer: dict[str, str],
) -> None:
    asked = {**BODIES["NetworkDriver.CreateEndpoint"], "Interface": interface}
    assert docker("NetworkDriver.CreateEndpoint", asked) == {"Interface": answer}
    assert engine.asked == [
        (
            "reserve",
            DrivenEndpoint(
                id=EndpointId(ENDPOINT),
                network=Managed(by=Manager.DOCKER, key=NETWORK),
                ipv4=IPv4Interface("172.24.0.2/16"),
                ipv6=IPv6Interface("fd00::2/64") if interface.get("AddressIPv6") else None,
                mac=interface.get("MacAddress", ""),
            ),
        )
    ]


def test_endpoint_options(docker: Caller, engine: DockerEngineStandIn) -> None:
    mac = base64.b64encode(bytes.fromhex("0242ac180063")).decode()
    asked = with_options(
        "NetworkDriver.CreateEndpoint",
        endpoint__macaddress=mac,
        endpoint__sysctls="net.ipv4.conf.IFNAME.arp_filter=1",
        endpoint__name="web",
        endpoint__dnsservers=None,
        something__new={"a": 1},
    )
    answer = docker("NetworkDriver.CreateEndpoint", asked)
    assert answer == {"Interface": {"MacAddress": "02:42:ac:18:00:63"}}
    named = with_options("NetworkDriver.CreateEndpoint", endpoint__ifname="wan0")
    assert (
        "Docker names the interface itself" in docker("NetworkDriver.CreateEndpoint", named)["Err"]
    )
    broken = with_options("NetworkDriver.CreateEndpoint", endpoint__macaddress="!")
    assert "not base64" in docker("NetworkDriver.CreateEndpoint", broken)["Err"]
    assert len(engine.asked) == 1


def test_join_with_and_without_gateways(docker: Caller, engine: DockerEngineStandIn) -> None:
    docker("NetworkDriver.CreateEndpoint", BODIES["NetworkDriver.CreateEndpoint"])
    name = {"SrcName": "gbe7d6d39", "DstPrefix": "eth"}
    both = engine.gateways
    for gateways, answer in (
        (both, ("172.24.0.1", "fd00::1", False)),
        (both[1:], ("", "fd00::1", True)),
        ((), ("", "", True)),
    ):
        engine.gateways = gateways
        assert docker("NetworkDriver.Join", BODIES["NetworkDriver.Join"]) == {
            "InterfaceName": name,
            "Gateway": answer[0],
            "GatewayIPv6": answer[1],
            "DisableGatewayService": answer[2],
        }
    assert engine.joined == {EndpointId(ENDPOINT): "/var/run/docker/netns/x"}
    docker("NetworkDriver.Leave", BOTH)
    docker("NetworkDriver.DeleteEndpoint", BOTH)
    assert (engine.joined, engine.endpoints) == ({}, {})
    assert "no such endpoint" in docker("NetworkDriver.Join", BODIES["NetworkDriver.Join"])["Err"]


def test_ports(docker: Caller, engine: DockerEngineStandIn) -> None:
    docker("NetworkDriver.CreateEndpoint", BODIES["NetworkDriver.CreateEndpoint"])
    bindings = [
        {"Proto": 6, "IP": "", "Port": 80, "HostIP": "", "HostPort": 8080, "HostPortEnd": 8080},
        {"Proto": 17, "IP": "", "Port": 53, "HostIP": "127.0.0.1", "HostPort": 0},
        {"Proto": 132, "Port": 9, "HostIP": "0.0.0.0", "HostPort": 900, "HostPortEnd": 910},
    ]
    asked = with_options("NetworkDriver.ProgramExternalConnectivity", portmap=bindings)
    assert docker("NetworkDriver.ProgramExternalConnectivity", asked) == {}
    assert engine.ports[EndpointId(ENDPOINT)] == (
        PortWish(container_port=80, host_ports=(8080, 8080)),
        PortWish(container_port=53, protocol=Protocol.UDP, host_address=IPv4Address("127.0.0.1")),
        PortWish(
            container_port=9,
            protocol=Protocol.SCTP,
            host_address=IPv4Address("0.0.0.0"),
            host_ports=(900, 910),
        ),
    )
    for wrong, complaint in (
        ({"Proto": 1, "Port": 80}, "IP protocol 1"),
        ({"Proto": 6, "Port": 70000}, "bad container port 70000"),
        ({"Proto": 6, "Port": 80, "HostIP": "nowhere"}, "bad host address 'nowhere'"),
        ({"Proto": 6, "Port": 80, "HostIP": "224.0.0.1"}, "multicast"),
        ({"Proto": "tcp", "Port": 80}, "Expected `int`"),
    ):
        asked = with_options("NetworkDriver.ProgramExternalConnectivity", portmap=[wrong])
        assert complaint in docker("NetworkDriver.ProgramExternalConnectivity", asked)["Err"]
    assert docker("NetworkDriver.RevokeExternalConnectivity", BOTH) == {}
    assert engine.ports == {}


# -- addresses


def test_pools_and_addresses(docker: Caller, engine: DockerEngineStandIn) -> None:
    asked = {"AddressSpace": "x", "Pool": "10.9.0.0/16", "SubPool": "10.9.1.0/24", "Options": None}
    answer = docker("IpamDriver.RequestPool", {**asked, "V6": False})
    assert answer == {"PoolID": "glassbridge/10.9.0.0/16", "Pool": "10.9.0.0/16", "Data": {}}
    assert engine.asked == [
        ("request_pool", PoolWish(prefix="10.9.0.0/16", ip_range="10.9.1.0/24"))
    ]
    pool = {"PoolID": answer["PoolID"]}
    gateway = {"RequestAddressType": "com.docker.network.gateway"}
    first = {**pool, "Address": "", "Options": gateway}
    assert docker("IpamDriver.RequestAddress", first) == {"Address": "10.9.0.1/16", "Data": {}}
    certain = {**pool, "Address": "10.9.0.77", "Options": None}
    assert docker("IpamDriver.RequestAddress", certain)["Address"] == "10.9.0.77/16"
    assert docker("IpamDriver.ReleaseAddress", {**pool, "Address": "10.9.0.77"}) == {}
    assert (
        "bad address 'x'" in docker("IpamDriver.ReleaseAddress", {**pool, "Address": "x"})["Error"]
    )
    assert docker("IpamDriver.ReleasePool", pool) == {}
    with_option = {**asked, "Options": {"colour": "blue"}}
    assert "unknown IPAM option colour" in docker("IpamDriver.RequestPool", with_option)["Error"]
    serial = {**asked, "Options": {"com.docker.network.ipam.serial": "true"}}
    assert "Error" not in docker("IpamDriver.RequestPool", serial)


# -- what is wrong


@pytest.mark.parametrize("method", sorted(m[1:] for m, how in METHODS.items() if how.body))
def test_a_call_repeated_without_its_body_is_no_success(
    docker: Caller, engine: DockerEngineStandIn, method: str
) -> None:
    """moby#39331: the connection breaks after the body was read, and `{}` would do harm."""
    key = METHODS[f"/{method}"].error_key
    assert "without its body" in docker(method)[key]
    assert engine.asked == []


@pytest.mark.parametrize("method", sorted(BODIES))
@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b'"x"', b"\xff", b'{"NetworkID": 7}', b"[" * 100_000, b"{}"],
    ids=["cut", "list", "null", "text", "bytes", "type", "deep", "empty"],
)
def test_malformed_bodies(
    docker: Caller, engine: DockerEngineStandIn, method: str, body: bytes
) -> None:
    status, answer = docker.raw(f"/{method}", body)
    assert status == 200
    if body == b"{}" and method in {"NetworkDriver.GwAllocCheck", "IpamDriver.RequestPool"}:
        return
    if body == b'{"NetworkID": 7}' and method in {
        "NetworkDriver.GwAllocCheck",
        "IpamDriver.RequestPool",
    }:
        return
    assert answer[METHODS[f"/{method}"].error_key].startswith(method)
    assert engine.asked == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("NetworkID", ""),
        ("NetworkID", "../../etc"),
        ("EndpointID", "e7"),
        ("EndpointID", "E" * 64),
        ("EndpointID", "e" * 63 + "\n"),
        ("Interface", {"Address": "172.24.0.2/16/3"}),
        ("Interface", {"Address": "fd00::2/64"}),
        ("Interface", {"AddressIPv6": "fe80::1%eth0/64"}),
        ("Interface", {"AddressIPv6": "172.24.0.2/16"}),
    ],
)
def test_hostile_values_never_reach_the_engine(
    docker: Caller, engine: DockerEngineStandIn, member: str, value: object
) -> None:
    asked = {**BODIES["NetworkDriver.CreateEndpoint"], member: value}
    assert docker("NetworkDriver.CreateEndpoint", asked)["Err"]
    assert engine.asked == []


@pytest.mark.parametrize("method", sorted(BODIES))
def test_a_refusal_is_one_line_with_its_hint(
    docker: Caller, engine: DockerEngineStandIn, method: str
) -> None:
    how = METHODS[f"/{method}"]
    if not how.blocks:
        return
    engine.fault = errors.Conflict("port 8080 is\ntaken", hint="choose another")
    assert docker(method, BODIES[method]) == {how.error_key: "port 8080 is taken (choose another)"}
    engine.fault = errors.NotFound("gone")
    assert docker(method, BODIES[method]) == {how.error_key: "gone"}
    engine.fault = RuntimeError("boom")
    assert "internal error: RuntimeError: boom" in docker(method, BODIES[method])[how.error_key]


def test_what_is_no_method_is_not_implemented(docker: Caller) -> None:
    for path, verb in (
        ("/NetworkDriver.Teleport", "POST"),
        ("/VolumeDriver.Create", "POST"),
        ("/", "POST"),
        ("/Plugin.Activate", "GET"),
    ):
        status, answer = docker.raw(path, b"{}", verb=verb)
        assert status == 404
        assert path in answer["Err"]
    assert docker("Plugin.Activate") == {"Implements": ["NetworkDriver", "IpamDriver"]}


@pytest.mark.parametrize("host", ["", "plugin.moby.localhost", None])
def test_any_host_header_will_do(docker: Caller, host: str | None) -> None:
    """Empty as 20.10 sends it, as of 28, and none at all."""
    headers = {k: v for k, v in HEADERS.items() if k != "Host"}
    if host is not None:
        headers["Host"] = host
    status, answer = docker.raw("/Plugin.Activate", b"", headers)
    assert (status, "NetworkDriver" in answer["Implements"]) == (200, True)


def test_one_slow_call_holds_up_no_other(
    docker: Caller, served: tuple[DockerEngineStandIn, Path]
) -> None:
    engine, path = served
    engine.slow.clear()
    asked = BODIES["NetworkDriver.CreateEndpoint"]
    answers: list[Any] = []

    def ask() -> None:
        with calling(path) as caller:
            answers.append(caller("NetworkDriver.CreateEndpoint", asked))

    slow = [threading.Thread(target=ask) for _ in range(40)]
    for thread in slow:
        thread.start()
    assert docker("NetworkDriver.GetCapabilities")["Scope"] == "local"
    assert answers == []
    engine.slow.set()
    for thread in slow:
        thread.join(30)
    assert answers == [{"Interface": {"MacAddress": MAC}}] * 40


def test_a_stranger_hears_why(tmp_path: Path) -> None:
    refusal = errors.PermissionRefused("user 7 may not use this daemon", hint="use sudo")
    path = tmp_path / "refused.sock"
    refusing = refuse_everything(refusal)
    with serving_application(refusing, refuse_everything, path), calling(path) as caller:
        status, answer = caller.raw("/Plugin.Activate", b"")
    assert status == 403
    assert answer["Err"] == answer["Error"] == "user 7 may not use this daemon (use sudo)"


@given(st.text(max_size=60))
def test_no_text_breaks_the_address_parser(text: str) -> None:
    with suppress(errors.InvalidRequest):
        parsed = parse_interface(text, "address")
        assert parse_interface(str(parsed), "address") == parsed
