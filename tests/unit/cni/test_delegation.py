"""Addresses from another plugin: run as CNI has it, and asked to take back what came to nothing."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cni.calling import EVERY_VERSION, StandInRuntime, configuration
from tests.unit.cni.test_commands import BOX, MESH

from glassbridge.errors import Conflict, Unavailable
from glassbridge.frontends.cni import delegation
from glassbridge.kernel.ipam_plugin import run_plugin
from glassbridge.model.requests import SubnetWish

SCRIPT = """#!/bin/sh
folder=$(dirname "$0")
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS" >> "$folder/calls"
cat > "$folder/stdin"
echo "lease: $CNI_COMMAND" >&2
[ -e "$folder/$CNI_COMMAND.fails" ] && {{ cat "$folder/$CNI_COMMAND.fails"; exit 3; }}
[ "$CNI_COMMAND" = ADD ] && cat "$folder/result"
exit 0
"""
LEASED = {
    "cniVersion": "1.0.0",
    "ips": [{"address": "10.6.0.9/24"}, {"address": "fd06::9/64", "gateway": "fd06::fe"}],
    "routes": [{"dst": "0.0.0.0/0", "gw": "10.6.0.254"}],
    "dns": {"nameservers": ["10.6.0.53"]},
}


class Leases:
    """The folder of a plugin that writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "leases"
        program.write_text(SCRIPT.replace("{{", "{").replace("}}", "}"))
        program.chmod(0o755)
        self.answers(LEASED)
        self.runtime = StandInRuntime()

    def answers(self, result: object) -> None:
        (self.folder / "result").write_text(json.dumps(result))

    def fails(self, command: str, said: str) -> None:
        (self.folder / f"{command}.fails").write_text(said)

    @property
    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []

    def __call__(self, command: str, said: dict[str, Any]) -> Any:
        return self.runtime(command, said, {"CNI_PATH": f"/nowhere:{self.folder}"})


@pytest.fixture
def leases(tmp_path: Path) -> Leases:
    return Leases(tmp_path)


def delegating(version: str = "1.1.0", **keys: Any) -> dict[str, Any]:
    return configuration(version, ipam={"type": "leases", "pool": "blue"}, **keys)


def test_it_gets_our_variables_and_our_whole_configuration(leases: Leases) -> None:
    said = delegating()
    told = leases("ADD", said)
    assert told.status == 0
    assert told.stderr == b"lease: ADD\n"
    assert (leases.folder / "calls").read_text() == "ADD box eth0 /run/netns/box\n"
    assert json.loads((leases.folder / "stdin").read_text()) == said


def test_its_addresses_are_taken_as_they_are(leases: Leases) -> None:
    result = leases("ADD", delegating(isGateway=True)).result
    assert [(i["address"], i["gateway"], i["interface"]) for i in result["ips"]] == [
        ("10.6.0.9/24", "10.6.0.1", 2),
        ("fd06::9/64", "fd06::fe", 2),
    ]
    assert result["routes"] == LEASED["routes"]
    assert result["dns"] == LEASED["dns"]
    request = leases.runtime.engine.asked[BOX]
    assert request.given == (ip_interface("10.6.0.9/24"), ip_interface("fd06::9/64"))
    assert (request.wishes, request.default_routes) == ((), (ip_address("10.6.0.254"),))
    assert leases.runtime.engine.defined[MESH].subnets == (
        SubnetWish(subnet="10.6.0.0/24", gateway="10.6.0.1"),
        SubnetWish(subnet="fd06::/64", gateway="fd06::fe"),
    )


def test_without_a_gateway_of_ours_the_network_needs_no_subnet(leases: Leases) -> None:
    result = leases("ADD", delegating()).result
    assert leases.runtime.engine.defined[MESH].subnets == ()
    assert "gateway" not in result["ips"][0]


@pytest.mark.parametrize("version", EVERY_VERSION)
def test_its_result_may_be_of_any_version(leases: Leases, version: str) -> None:
    old = {"cniVersion": version, "ip4": {"ip": "10.6.0.9/24"}}
    leases.answers(old if version < "0.3.0" else LEASED | {"cniVersion": version})
    assert leases("ADD", delegating(version)).status == 0
    assert ip_interface("10.6.0.9/24") in (leases.runtime.engine.asked[BOX].given or ())


def test_what_we_cannot_use_goes_back(leases: Leases) -> None:
    leases.runtime.engine.fault = Conflict("eth0 is taken")
    told = leases("ADD", delegating())
    assert (told.code, told.said["msg"]) == (100, "eth0 is taken")
    assert leases.calls == ["ADD", "DEL"]
    assert told.stderr == b"lease: ADD\nlease: DEL\n"


@pytest.mark.parametrize(
    ("said", "code", "says"),
    [
        ('{"code": 11, "msg": "pool is locked", "details": "try later"}', 11, "pool is locked"),
        ('{"code": "x", "msg": 7}', 999, "7"),
        ("no JSON", 999, "ended with status 3"),
        ("", 999, "ended with status 3"),
        ("[]", 999, "ended with status 3"),
    ],
)
def test_its_failure_is_told_and_its_del_follows(
    leases: Leases, said: str, code: int, says: str
) -> None:
    leases.fails("ADD", said)
    told = leases("ADD", delegating())
    assert told.code == code
    assert says in told.said["msg"]
    assert leases.calls == ["ADD", "DEL"]
    assert not leases.runtime.engine.defined


@pytest.mark.parametrize(
    "result", [{"cniVersion": "1.0.0"}, {"cniVersion": "1.0.0", "ips": [{}]}, [], "x"]
)
def test_a_result_that_is_none_goes_back(leases: Leases, result: object) -> None:
    leases.answers(result)
    assert leases("ADD", delegating()).status == 1
    assert leases.calls == ["ADD", "DEL"]


@pytest.mark.parametrize("command", ["DEL", "CHECK", "GC", "STATUS"])
def test_the_other_commands_are_passed_on(leases: Leases, command: str) -> None:
    said = delegating()
    said["prevResult"] = leases("ADD", said).result
    said["cni.dev/valid-attachments"] = [{"containerID": "box", "ifname": "eth0"}]
    told = leases(command, said)
    assert (told.status, told.stdout) == (0, b"")
    assert leases.calls == ["ADD", command]
    leases.fails(command, '{"code": 50, "msg": "no"}')
    assert leases(command, said).code == 50


def test_delete_needs_nothing_right_but_the_plugin_s_name(leases: Leases) -> None:
    said = {"name": "mesh", "cniVersion": 7, "ipam": {"type": "leases", "routes": "?"}}
    assert leases("DEL", said).status == 0
    assert leases.calls == ["DEL"]


def test_a_plugin_that_is_not_there(leases: Leases) -> None:
    said = configuration("1.0.0", ipam={"type": "absent"})
    told = leases("ADD", said)
    assert told.code == 11
    where = f"in CNI_PATH '/nowhere:{leases.folder}'"
    assert told.said["msg"] == f"failed to find IPAM plugin 'absent' {where}"


@pytest.mark.parametrize("name", ["../leases", "/bin/sh", "..", "."])
def test_a_plugin_is_a_name_and_no_path(leases: Leases, name: str) -> None:
    assert leases("ADD", configuration("1.0.0", ipam={"type": name})).code == 7
    assert leases.calls == []


def test_without_a_path_the_variable_is_missing(leases: Leases) -> None:
    told = leases.runtime("ADD", delegating(), {"CNI_PATH": ""})
    assert told.code == 4
    assert "CNI_PATH" in told.said["msg"]


def test_a_plugin_that_does_not_end_is_ended(
    leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    (leases.folder / "leases").write_text("#!/bin/sh\nsleep 300 &\nsleep 300\n")
    monkeypatch.setattr(delegation, "_SECONDS", 0.2)
    told = leases("ADD", delegating())
    assert told.code == 11
    assert "0.2 seconds" in told.said["msg"]


def test_a_file_that_cannot_run(tmp_path: Path) -> None:
    program = tmp_path / "leases"
    program.write_text("nothing")
    with pytest.raises(Unavailable, match="cannot run"):
        run_plugin(program, {}, b"", 1)
