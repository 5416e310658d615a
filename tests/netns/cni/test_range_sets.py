"""Several subnets of one family: several addresses, or another subnet when one is full."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.netns.cni.pods import Pods, addresses, routes
from tests.netns.cni.test_interfaces import mesh
from tests.netns.engine.conftest import Outside
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import ask, listening
from tests.unit.cni.plugin_server import HttpRuntime, serving

from glassbridge.engine.engine import Engine
from glassbridge.model.network import Managed, Manager

SMALL, NEXT, THIRD = ({"subnet": s} for s in ("10.7.0.0/30", "10.9.0.0/24", "10.11.0.0/24"))
SIX = [{"subnet": "fd07::/64"}], [{"subnet": "fd09::/64"}]
EVERYWHERE = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]


def ranges(*sets: list[dict[str, str]], **keys: Any) -> dict[str, Any]:
    return mesh(ipam={"ranges": list(sets), "routes": EVERYWHERE}, **keys)


def test_every_set_gives_an_address(pods: Pods, engine: Engine, outside: Outside) -> None:
    given = {"portMappings": [{"hostPort": 8080, "containerPort": 80}]}
    said = ranges([NEXT], [THIRD], *SIX, ipMasq=True, runtimeConfig=given)
    said["prevResult"] = pods.add("one", said)
    assert addresses(link="cni7") == {"10.9.0.1/24", "10.11.0.1/24", "fd07::1/64", "fd09::1/64"}
    assert addresses("-n", "one") == {"10.9.0.2/24", "10.11.0.2/24", "fd07::2/64", "fd09::2/64"}
    assert {("default", "10.9.0.1"), ("default", "fd07::1")} <= routes("one")
    pods.add("two", ranges([NEXT], [THIRD], *SIX, ipMasq=True))
    for address in ("10.9.0.3", "10.11.0.3", "fd09::3", "10.11.0.1"):
        assert pods.reaches("one", address)
    with listening(outside.netns, 80), listening("/run/netns/one", 80):
        assert ask("/run/netns/one", outside.address, 80, patience=10) == "198.51.100.1"
        assert ask(outside.netns, "198.51.100.1", 8080, patience=10) == outside.address
    assert pods.call("CHECK", "one", said).status == 0
    check_consistency(engine)
    subprocess.run(["ip", "-n", "one", "addr", "del", "10.11.0.2/24", "dev", "eth0"], check=True)
    assert pods.call("CHECK", "one", said).code == 104
    for name in ("one", "two"):
        assert pods.call("DEL", name, said).status == 0
    check_consistency(engine)


def test_the_gateway_is_that_of_the_subnet(pods: Pods, engine: Engine, outside: Outside) -> None:
    """Also where the set began with another, which is full; and a pod of each reaches the other."""
    said = ranges([SMALL, NEXT], ipMasq=True)
    pods.add("one", said)
    told = pods.add("two", said)
    assert [(i["address"], i["gateway"]) for i in told["ips"]] == [("10.9.0.2/24", "10.9.0.1")]
    assert ("default", "10.9.0.1") in routes("two")
    assert pods.reaches("two", "10.7.0.2")
    with listening(outside.netns, 80):
        assert ask("/run/netns/two", outside.address, 80, patience=10) == "198.51.100.1"
    default = mesh(isDefaultGateway=True, ipam={"ranges": [[SMALL, NEXT]]}, ipMasq=True)
    told = pods.add("three", default)
    assert told["routes"] == [{"dst": "0.0.0.0/0", "gw": "10.9.0.1"}]
    assert ("default", "10.9.0.1") in routes("three")
    check_consistency(engine)


def test_a_full_set_gets_another_subnet_under_its_pods(pods: Pods, engine: Engine) -> None:
    pods.add("one", ranges([SMALL]))
    pods.make("two")
    assert pods.call("ADD", "two", ranges([SMALL])).code == 101
    pods.add("two", ranges([SMALL, NEXT]))
    assert addresses(link="cni7") == {"10.7.0.1/30", "10.9.0.1/24"}
    assert pods.reaches("one", "10.9.0.2")
    pods.make("three")
    for others in ([SMALL], [SMALL, THIRD], [SMALL, NEXT | {"gateway": "10.9.0.254"}]):
        told = pods.call("ADD", "three", ranges(others))
        assert told.code == 100
        assert "it is 10.9.0.0/24, and none is asked for" in told.said["msg"]
    check_consistency(engine)


def test_a_bridge_that_is_there_keeps_what_it_had(pods: Pods, engine: Engine) -> None:
    for command in ("link add cni7 type bridge", "addr add 10.11.0.1/24 dev cni7"):
        subprocess.run(["ip", *command.split()], check=True)
    pods.add("one", ranges([NEXT], [THIRD], *SIX))
    assert addresses(link="cni7") == {"10.9.0.1/24", "10.11.0.1/24", "fd07::1/64", "fd09::1/64"}
    pods.call("DEL", "one", mesh())
    engine.attachments.remove(Managed(by=Manager.CNI, key="mesh"))
    assert addresses(link="cni7") == {"10.11.0.1/24"}


def test_leases_of_every_set_outlast_the_daemon(
    make_netns: Callable[[str], str], tmp_path: Path
) -> None:
    said = ranges([SMALL, NEXT], [THIRD])
    engine = Engine(tmp_path / "run", tmp_path / "state")
    with serving(engine.attachments, tmp_path / "first.sock") as path:
        pods = Pods(HttpRuntime(path), make_netns)
        for name in ("one", "two"):
            pods.add(name, said)
    engine.close()
    again = Engine(tmp_path / "run", tmp_path / "state")
    try:
        with serving(again.attachments, tmp_path / "second.sock") as path:
            pods = Pods(HttpRuntime(path), make_netns)
            told = pods.add("three", said)
            assert [i["address"] for i in told["ips"]] == ["10.9.0.3/24", "10.11.0.4/24"]
            assert pods.call("DEL", "two", said).status == 0
            check_consistency(again)
            again.down(force=True)
    finally:
        again.close()
