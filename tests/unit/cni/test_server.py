"""`POST /cni` on a unix socket: what the shim sends, and what it gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cni.attachments_stand_in import AttachmentsStandIn
from tests.unit.cni.calling import POOL, configuration, environment
from tests.unit.cni.plugin_server import joined, posted, serving

from glassbridge.errors import PoolExhausted
from glassbridge.frontends.asgi import MAX_BODY

GOLDEN = Path(__file__).parent.parent.parent / "golden" / "cni"


@pytest.fixture
def engine() -> AttachmentsStandIn:
    return AttachmentsStandIn()


@pytest.fixture
def path(engine: AttachmentsStandIn, tmp_path: Path) -> Iterator[Path]:
    with serving(engine, tmp_path / "s.sock") as path:
        yield path


def golden_calls() -> dict[str, tuple[dict[str, str], dict[str, Any]]]:
    dual = {
        "type": "glassbridge",
        "ranges": [[{"subnet": "10.7.0.0/24"}], [{"subnet": "fd07::/64"}]],
        "routes": [{"dst": "0.0.0.0/0", "priority": 7}, {"dst": "::/0"}],
    }
    keys = {"bridge": "cni0", "isGateway": True, "ipam": dual, "dns": {"domain": "x"}}
    adds = {
        f"add-{v}": (environment("ADD"), configuration(v, **keys))
        for v in ("0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
    }
    full = configuration("1.1.0", name="full", ipam=POOL)
    return adds | {
        "version": (environment("VERSION"), {"cniVersion": "1.0.0"}),
        "no-netns": (environment("ADD", CNI_NETNS=""), full),
        "pool-exhausted": (environment("ADD"), full),
        "vlan": (environment("ADD"), full | {"vlan": 7}),
        "old-check": (environment("CHECK"), full | {"cniVersion": "0.3.1"}),
    }


@pytest.mark.parametrize("name", golden_calls())
def test_replies_are_the_golden_ones(engine: AttachmentsStandIn, path: Path, name: str) -> None:
    if name == "pool-exhausted":
        engine.fault = PoolExhausted("no free address in 10.7.0.0/24: 253 of 253 in use", hint="x")
    variables, said = golden_calls()[name]
    status, told = posted(path, joined(variables, json.dumps(said).encode()))
    assert (status, told.stderr) == (200, b"")
    shown = json.dumps({"exit": told.status, "stdout": told.said}, indent=2) + "\n"
    assert shown == (GOLDEN / f"{name}.json").read_text()


def test_stderr_is_told_apart(path: Path) -> None:
    status, told = posted(path, b"\0")
    assert (status, told.status, told.stdout) == (200, 0, b"")
    assert told.stderr.startswith(b"CNI plugin glassbridge")


def test_a_request_that_is_cut_off_is_code_5(path: Path) -> None:
    for body in (b"", b"CNI_COMMAND=ADD\0"):
        status, told = posted(path, body)
        assert (status, told.code) == (200, 5)


def test_a_request_that_is_too_long_is_code_5(path: Path) -> None:
    status, told = posted(path, joined(environment("ADD"), b" " * MAX_BODY))
    assert (status, told.code) == (200, 5)


def test_a_fault_of_ours_is_an_answer_too(engine: AttachmentsStandIn, path: Path) -> None:
    engine.fault = ZeroDivisionError("by us")
    body = joined(environment("ADD"), json.dumps(configuration(ipam=POOL)).encode())
    status, told = posted(path, body)
    assert (status, told.code) == (200, 999)
    assert "ZeroDivisionError: by us" in told.said["msg"]


def test_other_paths_are_not_there(path: Path) -> None:
    assert posted(path, b"\0", "/cni/x")[0] == 404
