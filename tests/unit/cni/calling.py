"""Calls of the plugin as a runtime makes them."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct
from tests.unit.cni.attachments_stand_in import AttachmentsStandIn

from glassbridge.frontends.attachments_protocol import AttachmentsEngine
from glassbridge.frontends.cni.commands import Call

VERSIONS = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")
EVERY_VERSION = ("0.1.0", "0.2.0", "0.3.0", *VERSIONS)
NETNS = "/run/netns/box"
POOL = {"type": "glassbridge", "subnet": "10.7.0.0/24"}


class Answered(Struct, frozen=True):
    """What a runtime gets."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.stdout)

    @property
    def code(self) -> int:
        assert self.status != 0, self.stdout
        return int(self.said["code"])

    @property
    def result(self) -> Any:
        assert self.status == 0, self.stdout
        return self.said


def environment(command: str, **variables: str) -> dict[str, str]:
    return {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": "box",
        "CNI_NETNS": NETNS,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/opt/cni/bin",
    } | variables


def configuration(version: str = "1.0.0", **keys: Any) -> dict[str, Any]:
    return {"cniVersion": version, "name": "mesh", "type": "glassbridge-cni"} | keys


class Runtime:
    """Speaks with one engine, a stand-in unless told."""

    def __init__(self, engine: AttachmentsEngine) -> None:
        self.engine = engine

    def raw(self, variables: dict[str, str], stdin: bytes) -> Answered:
        told = Call(self.engine).respond(variables, stdin)
        return Answered(told.exit_code, told.stdout, told.stderr)

    def __call__(
        self, command: str, said: object, variables: dict[str, str] | None = None
    ) -> Answered:
        return self.raw(environment(command, **(variables or {})), json.dumps(said).encode())


class StandInRuntime(Runtime):
    """With what the engine was asked at hand."""

    engine: AttachmentsStandIn

    def __init__(self) -> None:
        super().__init__(AttachmentsStandIn())
