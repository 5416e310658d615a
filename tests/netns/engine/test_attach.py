"""Attach and detach through the engine, seen with the kernel's own tools."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from ipaddress import ip_interface
from pathlib import Path

import pytest
from tests.netns.engine.host_view import look_at_host

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, InvalidRequest, NotFound
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import PortWish
from glassbridge.model.requests import AttachRequest, ConnectRequest, NetworkRequest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Make = Callable[[str], str]


def test_two_namespaces_reach_each_other(engine: Engine, make_netns: Make, inside: Run) -> None:
    one, two = make_netns("one"), make_netns("two")
    first = engine.attach(AttachRequest(name="one", netns=one))
    second = engine.attach(AttachRequest(name="two", netns=two))
    assert [str(v.endpoints[0].endpoint.ipv4) for v in (first, second)] == [
        "172.17.0.2/16",
        "172.17.0.3/16",
    ]
    assert inside(one, "ping", "-c1", "-W2", "172.17.0.3").returncode == 0
    assert inside(one, "ping", "-c1", "-W2", "172.17.0.1").returncode == 0
    routes = json.loads(inside(one, "ip", "-j", "route").stdout)
    assert {(r["dst"], r.get("gateway")) for r in routes} == {
        ("default", "172.17.0.1"),
        ("172.17.0.0/16", None),
    }


def test_a_detach_returns_when_the_link_is_gone(engine: Engine, make_netns: Make) -> None:
    view = engine.attach(AttachRequest(name="box", netns=make_netns("box")))
    host_end = view.endpoints[0].endpoint.host_end
    engine.detach("box")
    shown = subprocess.run(["ip", "link", "show", host_end], capture_output=True, check=False)
    assert shown.returncode != 0
    with pytest.raises(NotFound, match="no such container: box"):
        engine.detach("box")


def test_down_leaves_the_host_as_it_was(
    fresh_host: None, folders: tuple[Path, Path], make_netns: Make
) -> None:
    before = look_at_host()
    engine = Engine(*folders)
    engine.create_network(NetworkRequest(name="six", ipv6=True))
    engine.attach(
        AttachRequest(
            name="box",
            netns=make_netns("box"),
            networks=(NetworkWish(network="bridge"), NetworkWish(network="six")),
            ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
        )
    )
    assert look_at_host() != before
    assert engine.down(force=True) == ()
    engine.close()
    assert look_at_host() == before


def test_the_gateway_moves_with_connect_and_disconnect(
    engine: Engine, make_netns: Make, inside: Run
) -> None:
    box = make_netns("box")
    engine.create_network(NetworkRequest(name="alpha"))
    engine.attach(
        AttachRequest(
            name="box",
            netns=box,
            ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
        )
    )
    wish = NetworkWish(network="alpha", gateway_priority=1)
    view = engine.connect("alpha", ConnectRequest(container="box", wish=wish))
    new = next(e for e in view.endpoints if e.network == "alpha").endpoint
    assert new.is_gateway
    assert [p.host_port for p in new.ports] == [8080]
    assert new.ipv4 is not None
    alpha_gateway = new.ipv4.network[1]
    assert f"default via {alpha_gateway} dev eth1" in inside(box, "ip", "route").stdout

    view = engine.disconnect("alpha", "box")
    (left,) = view.endpoints
    assert left.endpoint.is_gateway
    assert [p.host_port for p in left.endpoint.ports] == [8080]
    assert "default via 172.17.0.1 dev eth0" in inside(box, "ip", "route").stdout


def test_a_freed_address_rests_before_reuse(engine: Engine, make_netns: Make) -> None:
    addresses = []
    for name in ("aa", "bb", "cc"):
        view = engine.attach(AttachRequest(name=name, netns=make_netns(name)))
        addresses.append(str(view.endpoints[0].endpoint.ipv4))
        engine.detach(name)
    assert addresses == ["172.17.0.2/16", "172.17.0.3/16", "172.17.0.4/16"]


def test_dual_stack_addresses_are_usable_at_once(
    engine: Engine, make_netns: Make, inside: Run
) -> None:
    engine.create_network(NetworkRequest(name="six", ipv6=True))
    views = [
        engine.attach(
            AttachRequest(name=n, netns=make_netns(n), networks=(NetworkWish(network="six"),))
        )
        for n in ("aa", "bb")
    ]
    target = views[1].endpoints[0].endpoint.ipv6
    assert target is not None
    assert inside("/run/netns/aa", "ping", "-6", "-c1", "-W2", str(target.ip)).returncode == 0


def test_no_link_local_address_without_ipv6(engine: Engine, make_netns: Make) -> None:
    engine.attach(AttachRequest(name="box", netns=make_netns("box")))
    time.sleep(0.1)
    host = json.loads(subprocess.check_output(["ip", "-j", "-6", "addr"]))
    box = json.loads(subprocess.check_output(["ip", "-n", "box", "-j", "-6", "addr"]))
    local = [a["local"] for k in (*host, *box) for a in k.get("addr_info", ())]
    assert set(local) <= {"::1"}


def test_taken_things_are_refused_by_name(engine: Engine, make_netns: Make) -> None:
    port = PortWish(container_port=80, host_ports=(8080, 8080))
    box, other = make_netns("box"), make_netns("other")
    engine.attach(AttachRequest(name="box", netns=box, ports=(port,)))
    with pytest.raises(Conflict, match="the name box is taken"):
        engine.attach(AttachRequest(name="box", netns=other))
    with pytest.raises(Conflict, match="8080/tcp is taken by box"):
        engine.attach(AttachRequest(name="other", netns=other, ports=(port,)))
    with pytest.raises(Conflict, match="attached already, as box"):
        engine.attach(AttachRequest(name="other", netns=box))
    wish = NetworkWish(network="bridge", ipv4="172.17.0.2")
    with pytest.raises(Conflict, match="in use by box"):
        engine.attach(AttachRequest(name="other", netns=other, networks=(wish,)))
    wish = NetworkWish(network="bridge", ipv4="10.0.0.9")
    with pytest.raises(InvalidRequest, match="outside the network's subnet"):
        engine.attach(AttachRequest(name="other", netns=other, networks=(wish,)))
    view = engine.attach(AttachRequest(name="other", netns=other))
    assert view.endpoints[0].endpoint.ipv4 == ip_interface("172.17.0.3/16")


def test_a_namespace_that_is_gone_and_a_pid_that_is_gone(engine: Engine) -> None:
    with pytest.raises(NotFound, match="/run/netns/nowhere"):
        engine.attach(AttachRequest(name="xx", netns="/run/netns/nowhere"))
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(NotFound, match=str(ended.pid)):
        engine.attach(AttachRequest(name="xx", pid=ended.pid))
    assert engine.sandboxes() == ()
