"""Podman's containers on our networks, on our screens: under the names that `podman ps` has."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.netns.netavark.plugin_host import PluginHost


@pytest.fixture(scope="module")
def peopled(podman: PluginHost) -> Iterator[PluginHost]:
    """pond: frog (8088 -> 80), newt."""
    podman.network("pond")
    podman.run("frog", "pond", "-p", "8088:80")
    podman.run("newt", "pond")
    yield podman
    podman.remove("frog", "newt")
    podman.podman("network", "rm", "pond")


def test_ps_and_ports_have_podman_s_names(peopled: PluginHost) -> None:
    told = {v["sandbox"]["name"]: v for v in peopled.machine.look("ps")}
    for name in ("frog", "newt"):
        (known,) = json.loads(peopled.podman("inspect", name))
        (member,) = told[name]["endpoints"]
        assert (told[name]["engine"], told[name]["sandbox"]["id"]) == ("Podman", known["Id"])
        assert member["network"] == "pond"
        assert member["endpoint"]["ipv4"].partition("/")[0] == peopled.address(name, "pond")
    rows = [line.split() for line in peopled.machine.screen("ports").splitlines()]
    assert ["8088/tcp", "0.0.0.0", "frog", "Podman", "80"] in rows


def test_networks_and_bridges_have_podman_s_names(peopled: PluginHost) -> None:
    lines = peopled.machine.screen("network", "ls").splitlines()
    rows = {row[0]: row for row in map(str.split, lines)}
    assert rows["pond"][-1] == "netavark"
    (pond,) = peopled.machine.look("network", "inspect", "pond")
    assert {m["sandbox"]["name"] for m in pond["endpoints"]} == {"frog", "newt"}
    (report,) = peopled.machine.look("bridge", pond["network"]["bridge"])
    assert {c["place"] for c in report["cables"]} == {"frog", "newt"}
    assert "network pond (Podman)" in peopled.machine.screen("topology")


def test_a_trace_names_them(peopled: PluginHost) -> None:
    report = peopled.machine.trace("newt", "frog:80")
    assert report["agree"] is True, report
    assert report["verdict"] == "DELIVERED"
    places = dict.fromkeys(hop["netns"]["name"] for hop in report["hops"])
    assert list(places) == ["newt", "host", "frog"]


def test_podman_is_asked_to_stop_them(peopled: PluginHost) -> None:
    done = peopled.machine.glassbridge("stop", "frog")
    assert "hint:  podman stop frog" in done.stderr.splitlines()
