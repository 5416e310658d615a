"""Interfaces that CNI and netavark order, seen with the kernel's own tools."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from tests.netns.engine.attachment_requests import PODS, key_of, pods, request
from tests.netns.engine.consistency import check_consistency

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict
from glassbridge.model.endpoint import PortWish

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Make = Callable[[str], str]


def shown(inside: Run, netns: str, *words: str) -> Any:
    """What `ip -j` says in a namespace."""
    return json.loads(inside(netns, "ip", "-j", *words).stdout or "[]")


def test_an_interface_comes_and_goes(engine: Engine, make_netns: Make, inside: Run) -> None:
    netns = make_netns("one")
    network = engine.attachments.define(pods())
    assert engine.attachments.define(pods()) is network
    made = engine.attachments.add(
        request(
            "c1",
            netns,
            default_routes=(ip_address("10.88.0.1"),),
            default_metric=100,
            ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
        )
    )
    assert str(made.endpoint.ipv4) == "10.88.0.2/16"
    assert [str(p) for p in made.endpoint.ports] == ["8080->80"]
    assert {
        (r["dst"], r.get("gateway"), r.get("metric")) for r in shown(inside, netns, "route")
    } == {
        ("default", "10.88.0.1", 100),
        ("10.88.0.0/16", None, None),
    }
    assert inside(netns, "ping", "-c1", "-W2", "10.88.0.1").returncode == 0
    assert engine.attachments.find(key_of("c1")) == made
    assert engine.attachments.attached(PODS) == (made,)
    check_consistency(engine)

    assert engine.attachments.delete(key_of("c1")) == made
    assert engine.attachments.delete(key_of("c1")) is None
    assert engine.attachments.find(key_of("c1")) is None
    assert [k["ifname"] for k in shown(inside, netns, "link")] == ["lo"]
    assert engine.sandboxes() == ()
    check_consistency(engine)


def test_a_key_names_one_interface(engine: Engine, make_netns: Make) -> None:
    netns = make_netns("one")
    engine.attachments.define(pods())
    engine.attachments.add(request("c1", netns))
    with pytest.raises(Conflict, match="c1 eth0 on cni:pods is attached already"):
        engine.attachments.add(request("c1", netns))
    with pytest.raises(Conflict, match="already has an interface eth0"):
        engine.attachments.add(request("c2", netns))
    second = engine.attachments.add(request("c1", netns, "eth1"))
    assert second.sandbox.id == "c1"
    engine.attachments.delete(key_of("c1"))
    assert [v.sandbox.id for v in engine.sandboxes()] == ["c1"]
    engine.attachments.delete(key_of("c1", "eth1"))
    assert engine.sandboxes() == ()
