"""CNI's own plugins: by containerd, and by their protocol on namespaces of `ip netns`."""

from __future__ import annotations

import pytest
from tests.netns.foreign.cni_host import BRIDGE, NETWORK, CniHost
from tests.netns.foreign.machine import HOST, OUTSIDE
from tests.netns.foreign.proof import bridges, places, plugged, traced

SERVED, NOT_SERVED = 80, 81


@pytest.mark.parametrize(
    ("source", "target", "port", "way"),
    [
        ("alpha", "beta", SERVED, ["alpha", "host", "beta"]),
        ("gamma", "delta", None, ["gamma", "host", "delta"]),
        ("alpha", "gamma", SERVED, ["alpha", "host", "gamma"]),
        ("beta", OUTSIDE, None, ["beta", "host", "outside"]),
        ("outside", HOST, 9090, ["outside", "host", "gamma"]),
        ("host", HOST, 9090, ["host", "gamma"]),
        ("delta", HOST, 9090, ["delta", "host", "gamma"]),
        ("gamma", HOST, 9090, ["gamma", "host"]),  # and back in
    ],
)
def test_what_cni_lets_through_arrives(
    cni: CniHost, source: str, target: str, port: int | None, way: list[str]
) -> None:
    report = traced(cni, source, target, port)
    assert report["verdict"] == "DELIVERED", report["cause"]
    assert places(report) == way


def test_what_is_lost_has_its_cause(cni: CniHost) -> None:
    for source, target in (("alpha", "gamma"), ("outside", HOST)):
        report = traced(cni, source, target, NOT_SERVED)
        assert report["cause"]["code"] == "NO_LISTENER"


def test_portmap_s_rule_is_cni_s(cni: CniHost) -> None:
    report = traced(cni, "outside", HOST, 9090)
    (rule,) = (
        hop["predicted"]["by"]["rule"]
        for hop in report["hops"]
        if hop["kind"] == "translate" and hop["predicted"]["by"]["rule"]
    )
    assert rule["owner"] == "CNI"
    assert rule["chain"].startswith("CNI-DN-")


def test_topology_has_cni_s_names(cni: CniHost) -> None:
    assert bridges(cni)[BRIDGE] == ("10.7.0.1/24", NETWORK, "CNI")
    found = plugged(cni)
    assert {found[name][0] for name in ("alpha", "beta")} == {"containerd"}
    for name in ("gamma", "delta"):
        assert found[name][:2] == ("ip netns", cni.addresses[name])
    ports = cni.machine.screen("bridge", BRIDGE).splitlines()
    assert {row[2] for row in map(str.split, ports) if row[0].isdecimal()} == {
        "alpha",
        "beta",
        "gamma",
        "delta",
    }


def test_ps_has_containerd_s_containers(cni: CniHost) -> None:
    told = {v["sandbox"]["name"]: v for v in cni.machine.look("ps")}
    assert told.keys() == {"alpha", "beta"}  # what has a namespace of `ip netns` is no container
    for view in told.values():
        (member,) = view["endpoints"]
        assert view["engine"] == "containerd"
        assert (member["network"], member["bridge"]) == (NETWORK, BRIDGE)
        assert member["endpoint"]["ipv4"].startswith("10.7.0.")
        port = cni.machine("ip", "-o", "link", "show", "dev", member["endpoint"]["host_end"])
        assert f"master {BRIDGE} " in port
