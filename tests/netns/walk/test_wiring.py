"""`topology` against what ip says of the same kernel."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from glassbridge.app.cli.main import run_command_line
from glassbridge.model.address import from_json
from glassbridge.model.wiring import Hanger, Hanging, Wiring, hangings

pytestmark = pytest.mark.usefixtures("fresh_host")


def ip(*arguments: str) -> Any:
    out = subprocess.run(["ip", "-j", *arguments], capture_output=True, text=True, check=True)
    return json.loads(out.stdout or "[]")


def do(line: str) -> None:
    subprocess.run(["ip", *line.split()], check=True)


def plug(bridge: str, name: str, address: str) -> None:
    do(f"link add to-{name} type veth peer name eth0 netns {name}")
    do(f"link set to-{name} master {bridge} up")
    do(f"-n {name} address add {address} dev eth0")
    do(f"-n {name} link set eth0 up")


def topology(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run_command_line(["topology", *arguments]) == 0
    return capsys.readouterr().out


@pytest.fixture
def host(make_netns: Callable[[str], str]) -> None:
    """Two bridges, a container on each and one on both, a lab in a namespace, one without."""
    for name in ("web-2", "web-10", "db", "lab", "inner", "lonely", "point"):
        make_netns(name)
    for n, bridge in enumerate(("br0", "br1")):
        do(f"link add {bridge} type bridge")
        do(f"address add 10.{n}.0.1/24 dev {bridge}")
        do(f"link set {bridge} up")
    plug("br0", "web-10", "10.0.0.10/24")
    plug("br0", "web-2", "10.0.0.2/24")
    plug("br0", "lab", "10.0.0.3/24")
    plug("br1", "db", "10.1.0.2/24")
    do("link add second type veth peer name eth1 netns db")
    do("link set second master br0 up")
    do("-n lab link add sw type bridge")
    do("-n lab link add port type veth peer name eth0 netns inner")
    do("-n lab link set port master sw")
    do("link add direct type veth peer name eth0 netns point")
    do("tuntap add vnet0 mode tap")
    do("link set vnet0 master br1 up")


def everything(wiring: Wiring) -> list[Hanging]:
    return [link for root in wiring.roots for link in hangings(root)]


def test_every_cable_ends_where_ip_says_it_does(
    host: None, capsys: pytest.CaptureFixture[str]
) -> None:
    wiring = from_json(topology(capsys, "--json"), Wiring)
    assert wiring.roots[0].name == "host"
    links = {link.ifname: link for link in hangings(wiring.roots[0]) if link.ifname}
    for told in ip("-d", "link", "show"):
        if told["ifname"] == "lo":
            continue
        link = links[told["ifname"]]
        assert link.mac == told["address"]
        assert link.kind == told.get("linkinfo", {}).get("info_kind", "")
        if link.kind == "veth":
            far = link.far
            assert far is not None
            (other,) = ip("-n", far.namespace.name, "link", "show", far.ifname)
            assert far.mac == other["address"]
            assert other["link_index"] == told["ifindex"]


def test_bridges_have_the_ports_that_ip_lists(
    host: None, capsys: pytest.CaptureFixture[str]
) -> None:
    wiring = from_json(topology(capsys, "--json"), Wiring)
    bridges = {k.ifname: k for k in hangings(wiring.roots[0]) if k.kind == "bridge"}
    for name in ("br0", "br1"):
        told = {link["ifname"] for link in ip("link", "show", "master", name)}
        assert {port.ifname for port in bridges[name].links} == told
    assert [p.ifname for p in bridges["sw"].links] == ["port"]
    whose = [p.far.namespace.name for p in bridges["br0"].links if p.far]
    assert whose == ["db", "lab", "web-2", "web-10"]


def test_what_has_no_cable_stands_apart(host: None, capsys: pytest.CaptureFixture[str]) -> None:
    wiring = from_json(topology(capsys, "--json"), Wiring)
    assert "lonely" in {hanger.name for hanger in wiring.apart}
    below: list[Hanger] = [k.far.namespace for k in everything(wiring) if k.far is not None]
    assert {"web-2", "web-10", "db", "lab", "inner", "point"} <= {h.name for h in below}


def test_the_screen_shows_a_line_for_each_cable(
    host: None, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = topology(capsys).splitlines()
    assert any(line.endswith("web-10  10.0.0.10") for line in lines)
    assert max(map(len, lines)) <= 100
    part = topology(capsys, "br1")
    assert "db" in part
    assert "web-2" not in part


def test_an_unknown_name_is_refused_with_the_nearest(
    host: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["topology", "web-20"]) != 0
    assert "web-2" in capsys.readouterr().err


def test_the_picture_is_written(
    host: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "host.svg"
    assert not topology(capsys, "--svg", str(picture))
    assert any("web-10" in (e.text or "") for e in ET.parse(picture).iter())
    assert run_command_line(["topology", "--svg", str(tmp_path / "no" / "where.svg")]) != 0
    assert "cannot be written" in capsys.readouterr().err


def test_a_snapshot_shows_the_same_as_the_host(
    host: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    taken = str(tmp_path / "taken.json.gz")
    assert run_command_line(["snapshot", "-o", taken]) == 0
    live, stored = topology(capsys, "br0"), topology(capsys, "br0", "--state", taken)
    told, *parts = stored.split("\n\n")
    assert told.startswith(f"from {taken}, taken ")
    # only the host's own tree: what else runs on this machine comes and goes
    assert parts[0] == live.split("\n\n")[0]
    assert "web-10" in parts[0]


def test_a_hundred_containers_take_no_time(
    make_netns: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Processor time, so that other tests beside it do not matter: 1,000 in a few seconds."""
    do("link add br0 type bridge")
    for n in range(100):
        make_netns(f"c{n}")
        plug("br0", f"c{n}", f"10.0.0.{n + 2}/24")
    before = time.process_time()
    text = topology(capsys)
    spent = time.process_time() - before
    assert sum(" ── eth0" in line for line in text.splitlines()) >= 100
    assert spent < 1.0, f"{spent:.2f} s"
