"""The API does what its document says, refuses what is wrong, and says why."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from tests.unit.api_server import serving
from tests.unit.engine_stand_in import EngineStandIn

from glassbridge import errors
from glassbridge.app.client import Client, NotRunning, ref_in_path
from glassbridge.frontends import peer
from glassbridge.frontends.api.failures import STATUSES, describe_failure, failure_as_error
from glassbridge.frontends.api.openapi import openapi_document
from glassbridge.frontends.api.plugin_routes import PLUGIN_ROUTES
from glassbridge.frontends.api.routes import OPENAPI_PATH, ROUTES, Route
from glassbridge.model.address import to_builtins, to_json
from glassbridge.model.container import ContainerSpec, NetworkWish
from glassbridge.model.endpoint import PortWish
from glassbridge.model.requests import AttachRequest, ConnectRequest, NetworkRequest, RunRequest
from glassbridge.model.views import SandboxView, Status

DOCUMENT = openapi_document("1")
EVERY_ROUTE: tuple[Route[Any], ...] = (*ROUTES, *PLUGIN_ROUTES)


@pytest.fixture
def engine() -> EngineStandIn:
    return EngineStandIn()


@pytest.fixture
def api(engine: EngineStandIn, tmp_path: Path) -> Iterator[Path]:
    with serving(engine, tmp_path / "api.sock") as path:
        yield path


def raw(path: Path, method: str, target: str, body: bytes = b"") -> tuple[int, dict[str, str], Any]:
    """One request as any HTTP client would send it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    top, _, content = received.partition(b"\r\n\r\n")
    lines = top.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, json.loads(content)


def validate(value: object, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(
        value
    )


def documented(route: Route[Any], status: int) -> dict[str, Any]:
    responses = DOCUMENT["paths"][route.path][route.method.lower()]["responses"]
    answer = responses[str(status)] if str(status) in responses else responses["default"]
    schema: dict[str, Any] = answer["content"]["application/json"]["schema"]
    return schema


BODIES: dict[str, object] = {
    "createNetwork": NetworkRequest(name="backend"),
    "connect": ConnectRequest(container="web", wish=NetworkWish(network="bridge")),
    "disconnect": {"container": "web"},
    "attach": AttachRequest(name="blue", netns="/run/netns/blue"),
    "run": RunRequest(
        name="web2",
        spec=ContainerSpec(rootfs="/", command=("sh",)),
        ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
    ),
    "stop": {"timeout": 0.5},
    "disableDockerPlugin": {"force": True},
    "wait": {"timeout": 0.01},
}
REFS = {"/v1/networks": "bridge", "/v1/sandboxes": "web", "/v1/containers": "web"}


def target_of(route: Route[Any]) -> str:
    ref = next((r for start, r in REFS.items() if route.path.startswith(start)), "")
    fields = () if route.query is None else msgspec.structs.fields(route.query)
    query = "".join(f"?{field.encode_name}=true" for field in fields[:1])
    return route.path.replace("{ref}", ref) + query


@pytest.mark.parametrize("route", EVERY_ROUTE, ids=lambda r: r.name)
def test_every_route_answers_as_documented(
    route: Route[Any], engine: EngineStandIn, api: Path
) -> None:
    engine.run(RunRequest(name="web", spec=ContainerSpec(rootfs="/", command=("sh",))))
    if route.name == "removeNetwork":
        engine.create_network(NetworkRequest(name="bridge"))
    body = BODIES.get(route.name)
    content = b"" if body is None else to_json(body)
    if route.body is not None and body is not None:
        schema = DOCUMENT["paths"][route.path][route.method.lower()]["requestBody"]
        validate(json.loads(content), schema["content"]["application/json"]["schema"])
    status, headers, answer = raw(api, route.method, target_of(route), content)
    assert (status, headers["content-type"]) == (route.status, "application/json")
    validate(answer, documented(route, status))


@pytest.mark.parametrize(
    "fault",
    [
        errors.InvalidRequest("x", hint="y"),
        errors.NotFound("x"),
        errors.Conflict("x"),
        errors.PoolExhausted("x"),
        errors.PermissionRefused("x"),
        errors.Unavailable("x"),
        errors.Unsupported("x"),
        errors.KernelRefused("create bridge gb0", 17, "File exists", hint="z"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_every_refusal_comes_back_as_the_error_that_it_was(
    fault: errors.GlassbridgeError, engine: EngineStandIn, api: Path
) -> None:
    engine.fault = fault
    expected_status, failure = describe_failure(fault)
    for route in EVERY_ROUTE:
        body = BODIES.get(route.name)
        status, _, answer = raw(
            api, route.method, target_of(route), b"" if body is None else to_json(body)
        )
        assert (status, answer) == (expected_status, {"error": to_builtins(failure)})
        validate(answer, documented(route, status))
    back = failure_as_error(failure)
    assert (type(back), back.message, back.hint) == (type(fault), fault.message, fault.hint)


def test_the_server_has_exactly_the_documented_routes(api: Path) -> None:
    status, _, served = raw(api, "GET", OPENAPI_PATH)
    assert status == 200
    in_document = {
        (method.upper(), path) for path, methods in served["paths"].items() for method in methods
    }
    assert in_document == {(r.method, r.path) for r in EVERY_ROUTE} | {("GET", OPENAPI_PATH)}
    for path in served["paths"]:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            status, headers, _ = raw(api, method, path.replace("{ref}", "nothing"), b"{}")
            if (method, path) in in_document:
                assert status != 405
            else:
                assert status == 405
                assert method not in headers["allow"].upper().split(", ")


def test_the_document_names_every_operation_once() -> None:
    names = [r.name for r in EVERY_ROUTE]
    assert len(set(names)) == len(names)
    references = set(_references(DOCUMENT))
    assert references <= {f"#/components/schemas/{n}" for n in DOCUMENT["components"]["schemas"]}


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "code", "words"),
    [
        ("POST", "/v1/networks", b"not json", 400, "invalid_request", "not JSON"),
        ("POST", "/v1/networks", b"\xff\xfe", 400, "invalid_request", "JSON"),
        ("POST", "/v1/networks", b"", 400, "invalid_request", "name"),
        ("POST", "/v1/networks", b"[]", 400, "invalid_request", "Expected `object`"),
        ("POST", "/v1/networks", b'{"name":1}', 400, "invalid_request", "$.name"),
        ("POST", "/v1/networks", b'{"name":"x","subnet":""}', 400, "invalid_request", "subnet"),
        ("POST", "/v1/sandboxes", b'{"ports":[{"container_port":"80"}]}', 400, "invalid_request",
         "$.ports[0].container_port"),
        ("POST", "/v1/sandboxes", b'{"ports":[{"container_port":80,"host_address":"x"}]}', 400,
         "invalid_request", "$.ports[0].host_address"),
        ("DELETE", "/v1/containers/web?force=perhaps", b"", 400, "invalid_request", "$.force"),
        ("DELETE", "/v1/containers/web?farce=true", b"", 400, "invalid_request", "farce"),
        ("GET", "/v1/nothing", b"", 404, "not_found", "/v1/nothing"),
        ("GET", "/v1/networks/", b"", 404, "not_found", "/v1/networks/"),
        ("PUT", "/v1/networks", b"", 405, "method_not_allowed", "PUT"),
        ("GET", "/v1/sandboxes/ghost", b"", 404, "not_found", "ghost"),
        ("POST", "/v1/networks", b'{"name":"' + b"x" * (1 << 20) + b'"}', 400, "invalid_request",
         "longer than"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(
    *, method: str, target: str, body: bytes, status: int, code: str, words: str, api: Path
) -> None:
    got, _, answer = raw(api, method, target, body)
    assert got == status
    assert answer["error"]["code"] == code
    assert words in answer["error"]["message"]


def test_a_fault_in_one_request_is_told_and_the_next_is_served(
    engine: EngineStandIn, api: Path
) -> None:
    engine.fault = ZeroDivisionError("division by zero")
    status, _, answer = raw(api, "GET", "/v1/status")
    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "ZeroDivisionError: division by zero" in answer["error"]["message"]
    engine.fault = None
    assert raw(api, "GET", "/v1/status")[0] == 200


def test_requests_that_wait_do_not_hold_up_others(engine: EngineStandIn, api: Path) -> None:
    engine.run(RunRequest(name="web", spec=ContainerSpec(rootfs="/", command=("sh",))))
    codes: list[object] = []

    def wait() -> None:
        answer = raw(api, "POST", "/v1/containers/web/wait", b'{"timeout": 30}')
        codes.append(answer[2]["exit_code"])

    waiting = [threading.Thread(target=wait) for _ in range(20)]
    for thread in waiting:
        thread.start()
    assert raw(api, "GET", "/v1/sandboxes")[0] == 200
    engine.released.set()
    for thread in waiting:
        thread.join()
    assert codes == [3] * 20


def test_the_client_reuses_its_connection_and_raises_what_was_raised(
    engine: EngineStandIn, api: Path
) -> None:
    with Client(api) as client:
        assert client.get("/v1/status", Status).version == "1"
        with pytest.raises(errors.NotFound, match="ghost"):
            client.get("/v1/sandboxes/ghost", SandboxView)
        made = client.post("/v1/sandboxes", AttachRequest(name="b l/ue"), SandboxView)
        assert made == engine.views["b l/ue"]


def test_a_large_answer_arrives_whole(engine: EngineStandIn, api: Path) -> None:
    for number in range(200):
        engine.run(
            RunRequest(name=f"c{number}", spec=ContainerSpec(rootfs="/", command=("x" * 900,)))
        )
    with Client(api) as client:
        assert client.get("/v1/sandboxes", tuple[SandboxView, ...]) == engine.sandboxes()


def test_nobody_there_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        Client(tmp_path / "none.sock")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "dead.sock"))
    dead.close()
    with pytest.raises(NotRunning):
        Client(tmp_path / "dead.sock")


def test_another_user_is_refused_by_number(api: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    status, _, answer = raw(api, "GET", "/v1/status")
    assert (status, answer["error"]["code"]) == (403, "permission_refused")
    assert f"user {os.getuid()} may not" in answer["error"]["message"]


def test_a_caller_that_cannot_be_seen_is_refused() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)

    class Blind:
        def getsockopt(self, *_: int) -> bytes:
            return struct.pack("iII", 0, os.geteuid(), 0)

    with ours, theirs:
        assert peer.peer_refusal(ours) is None
        refusal = peer.peer_refusal(Blind())  # type: ignore[arg-type]
    assert refusal is not None
    assert "cannot see" in refusal.message


@pytest.mark.parametrize("ref", ["", "/", "a/b", ".", ".."])
def test_what_cannot_be_a_name_is_not_found(ref: str) -> None:
    with pytest.raises(errors.NotFound):
        ref_in_path(ref, "network")


def test_names_survive_the_path(engine: EngineStandIn, api: Path) -> None:
    name = "ü?%#& x"
    engine.submit_attach(AttachRequest(name=name))
    with Client(api) as client:
        found = client.get(f"/v1/sandboxes/{ref_in_path(name, 'container')}", SandboxView)
    assert found.sandbox.name == name


def test_networks_are_told_with_who_is_on_them_or_without(engine: EngineStandIn, api: Path) -> None:
    engine.submit_attach(AttachRequest(name="web"))
    told = [raw(api, "GET", f"/v1/networks{query}")[2] for query in ("", "?members=false")]
    with_members, without = told
    assert any(view["endpoints"] for view in with_members)
    assert [{**view, "endpoints": []} for view in with_members] == without


def test_each_code_has_one_status() -> None:
    assert STATUSES["not_found"] == 404
    assert len(STATUSES) == 9


def test_who_cannot_be_checked_is_refused(
    api: Path, engine: EngineStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: socket.socket) -> None:
        raise OSError("failed by the test")

    monkeypatch.setattr(peer, "peer_refusal", fail)
    with Client(api) as client, pytest.raises(errors.PermissionRefused, match="cannot be checked"):
        client.get("/v1/status", Status)
