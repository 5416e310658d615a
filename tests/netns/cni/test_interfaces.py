"""What ADD makes and DEL takes, for every version of the specification."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.netns.cni.pods import Pods, addresses, routes, shown
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import eventually
from tests.unit.cni.calling import VERSIONS, configuration
from tests.unit.cni.plugin_server import HttpRuntime, serving

from glassbridge.engine.engine import Engine
from glassbridge.model.network import Managed, Manager

DUAL = {
    "type": "glassbridge",
    "ranges": [[{"subnet": "10.7.0.0/24"}], [{"subnet": "fd07::/64"}]],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
}


def mesh(version: str = "1.0.0", **keys: Any) -> dict[str, Any]:
    return configuration(version, bridge="cni7", isGateway=True, ipam=DUAL) | keys


def link(ifname: str, *where: str) -> Any:
    (told,) = shown("ip", *where, "-d", "-j", "link", "show", "dev", ifname)
    return told


def host_end(result: Any) -> Any:
    return link(result["interfaces"][1]["name"])


@pytest.mark.parametrize("version", VERSIONS)
def test_bridge_host_end_and_sandbox_end(pods: Pods, engine: Engine, version: str) -> None:
    result = pods.add("one", mesh(version))
    bridge, port, inside = result["interfaces"]
    assert (bridge["name"], inside["name"]) == ("cni7", "eth0")
    assert inside["sandbox"] == "/run/netns/one"
    assert bridge["mac"] == link("cni7")["address"]
    assert port["mac"] == link(port["name"])["address"]
    assert inside["mac"] == link("eth0", "-n", "one")["address"]
    assert link(port["name"])["master"] == "cni7"
    assert addresses(link="cni7") == {"10.7.0.1/24", "fd07::1/64"}
    assert addresses("-n", "one") == {"10.7.0.2/24", "fd07::2/64"}
    assert {("default", "10.7.0.1"), ("default", "fd07::1")} <= routes("one")
    assert pods.reaches("one", "10.7.0.1")
    check_consistency(engine)


@pytest.mark.parametrize("version", VERSIONS)
def test_pods_reach_each_other_until_one_goes(pods: Pods, engine: Engine, version: str) -> None:
    said = mesh(version)
    result = pods.add("one", said)
    mac = link("cni7")["address"]
    pods.add("two", said)
    assert pods.reaches("one", "10.7.0.3")
    assert pods.reaches("one", "fd07::3")
    assert pods.call("DEL", "two", said).stdout == b""
    assert pods.misses("one", "10.7.0.3")
    assert [i["ifname"] for i in shown("ip", "-n", "two", "-j", "link")] == ["lo"]
    assert link("cni7")["address"] == mac
    assert host_end(result)["operstate"] == "UP"
    check_consistency(engine)


@pytest.mark.parametrize("version", VERSIONS)
def test_delete_needs_neither_namespace_nor_result(
    pods: Pods, engine: Engine, version: str
) -> None:
    said = mesh(version, runtimeConfig={"portMappings": [{"hostPort": 81, "containerPort": 80}]})
    pods.add("one", said)
    subprocess.run(["ip", "netns", "del", "one"], check=True)
    for _ in range(2):
        told = pods.call("DEL", "one", configuration(version), CNI_NETNS="")
        assert (told.status, told.stdout) == (0, b"")
    assert engine.sandboxes() == ()
    check_consistency(engine)


@pytest.mark.parametrize("version", VERSIONS)
def test_delete_of_what_never_was(pods: Pods, version: str) -> None:
    assert pods.call("DEL", "nobody", mesh(version)).status == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_failed_add_can_be_repeated(pods: Pods, engine: Engine, version: str) -> None:
    said = mesh(version)
    pods.make("one")
    taken = said | {"runtimeConfig": {"portMappings": [{"hostPort": 81, "containerPort": 80}]}}
    pods.add("other", taken)
    assert pods.call("ADD", "one", taken).code == 100
    assert [i["ifname"] for i in shown("ip", "-n", "one", "-j", "link")] == ["lo"]
    check_consistency(engine)
    assert pods.add("one", said)["ips"]
    assert pods.call("ADD", "one", said).code == 100
    assert pods.call("ADD", "another", said, CNI_NETNS="/run/netns/one").code == 100


def test_the_host_s_own_namespace_is_no_pod(pods: Pods) -> None:
    assert pods.call("ADD", "one", mesh(), CNI_NETNS="/proc/self/ns/net").code == 7
    assert pods.call("ADD", "one", mesh(), CNI_NETNS="/run/netns/absent").code == 3


def test_a_mac_of_the_runtime_s(pods: Pods) -> None:
    result = pods.add("one", mesh(runtimeConfig={"mac": "02:00:00:00:00:09"}))
    assert result["interfaces"][2]["mac"] == "02:00:00:00:00:09"
    assert link("eth0", "-n", "one")["address"] == "02:00:00:00:00:09"


def test_a_bridge_that_is_there_is_used_and_left(pods: Pods) -> None:
    subprocess.run(["ip", "link", "add", "cni7", "type", "bridge"], check=True)
    index = link("cni7")["ifindex"]
    result = pods.add("one", mesh())
    assert result["interfaces"][0] == {"name": "cni7", "mac": link("cni7")["address"]}
    assert addresses(link="cni7") == {"10.7.0.1/24", "fd07::1/64"}
    pods.call("DEL", "one", mesh())
    assert link("cni7")["ifindex"] == index


def test_a_bridge_that_is_there_keeps_its_mac(pods: Pods) -> None:
    """Which follows the lowest one of its ports, as the kernel makes it."""
    for command in (
        "link add port7 address 02:00:00:00:00:09 type veth peer name far7",
        "link add cni7 type bridge",
        "link set port7 master cni7",
        "link add port8 address 02:00:00:00:00:01 type veth peer name far8",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    assert link("cni7")["address"] == "02:00:00:00:00:09"
    pods.add("one", mesh())
    subprocess.run(["ip", "link", "set", "port8", "master", "cni7"], check=True)
    assert link("cni7")["address"] == "02:00:00:00:00:09"
    subprocess.run(["ip", "link", "del", "port7"], check=True)
    assert link("cni7")["address"] == "02:00:00:00:00:09"


FOUND = {
    "another of IPv4": (["10.9.0.1/16"], True),
    "another prefix": (["10.7.0.1/16"], True),
    "IPv6 that overlaps": (["fd07::9/48"], True),
    "IPv6 that lies apart": (["fd09::1/64"], False),
    "its own": (["10.7.0.1/24", "fd07::1/64"], False),
}


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("force", [False, True])
def test_addresses_of_a_bridge_that_is_there(pods: Pods, name: str, force: bool) -> None:
    """What bridge refuses or replaces, and what it leaves."""
    held, is_other = FOUND[name]
    subprocess.run(["ip", "link", "add", "cni7", "type", "bridge"], check=True)
    for address in held:
        subprocess.run(["ip", "addr", "add", address, "dev", "cni7", "nodad"], check=True)
    pods.make("one")
    told = pods.call("ADD", "one", mesh(forceAddress=force))
    if is_other and not force:
        assert told.code == 100
        assert addresses(link="cni7") == set(held)
        assert pods.call("ADD", "one", mesh(forceAddress=True)).status == 0
    assert {"10.7.0.1/24", "fd07::1/64"} <= addresses(link="cni7")
    assert (set(held) <= addresses(link="cni7")) is not is_other


def test_a_link_of_that_name_that_is_no_bridge(pods: Pods) -> None:
    veth = ("veth", "peer", "name", "cni8")
    subprocess.run(["ip", "link", "add", "cni7", "type", *veth], check=True)
    pods.make("one")
    assert pods.call("ADD", "one", mesh()).code == 100


def test_port_isolation_and_layer_2(pods: Pods) -> None:
    result = pods.add("one", mesh(portIsolation=True))
    assert host_end(result)["linkinfo"]["info_slave_data"]["isolated"] is True
    result = pods.add("two", {"cniVersion": "1.0.0", "name": "flat", "type": "glassbridge-cni"})
    assert "ips" not in result
    assert link("eth0", "-n", "two")["operstate"] == "UP"
    assert addresses("-n", "two") == set()


def is_promiscuous(bridge: str) -> bool:
    return "PROMISC" in link(bridge)["flags"]


def test_the_bridge_hands_every_frame_to_the_host(pods: Pods, engine: Engine) -> None:
    """From the next ADD on, when the configuration changes under its pods."""
    said = mesh(promiscMode=True)
    said["prevResult"] = pods.add("one", said)
    assert is_promiscuous("cni7")
    assert pods.call("CHECK", "one", said).status == 0

    def misses_them() -> bool:
        """Again and again: what else becomes of the bridge makes it whole, this with it."""
        subprocess.run(["ip", "link", "set", "cni7", "promisc", "off"], check=True)
        return b"cni7 is not promiscuous" in pods.call("CHECK", "one", said).stdout

    eventually(misses_them)
    pods.add("two", mesh(promiscMode=False))
    assert not is_promiscuous("cni7")
    pods.add("three", mesh(promiscMode=True))
    assert is_promiscuous("cni7")
    assert pods.reaches("one", "10.7.0.3")
    check_consistency(engine)


def test_a_bridge_that_is_there_is_left_as_it_was(pods: Pods, engine: Engine) -> None:
    subprocess.run(["ip", "link", "add", "cni7", "type", "bridge"], check=True)
    pods.add("one", mesh(promiscMode=True))
    assert is_promiscuous("cni7")
    pods.call("DEL", "one", mesh())
    engine.attachments.remove(Managed(by=Manager.CNI, key="mesh"))
    assert not is_promiscuous("cni7")
    assert addresses(link="cni7") == set()


def test_an_interface_that_is_left_down(pods: Pods, engine: Engine) -> None:
    said = configuration("1.0.0", bridge="cni7", disableContainerInterface=True)
    ours = pods.add("ours", said)
    assert link("eth0", "-n", "ours")["operstate"] == "DOWN"
    assert host_end(ours)["master"] == "cni7"
    said["prevResult"] = ours
    assert pods.call("CHECK", "ours", said).status == 0
    subprocess.run(["ip", "-n", "ours", "link", "set", "eth0", "up"], check=True)
    assert pods.call("CHECK", "ours", said).code == 104
    assert pods.call("DEL", "ours", said).status == 0
    check_consistency(engine)


def test_every_interface_of_a_pod_is_its_own(pods: Pods, engine: Engine) -> None:
    pods.add("one", mesh())
    second = mesh(name="other", bridge="cni8", ipam={"subnet": "10.8.0.0/24"})
    pods.call("ADD", "one", second, CNI_IFNAME="net1")
    assert addresses("-n", "one", link="net1") == {"10.8.0.2/24"}
    assert pods.call("DEL", "one", second, CNI_IFNAME="net1").status == 0
    assert addresses("-n", "one") == {"10.7.0.2/24", "fd07::2/64"}
    check_consistency(engine)


def test_sixteen_at_once(pods: Pods, engine: Engine) -> None:
    names = [f"pod{number}" for number in range(32)]
    for name in names:
        pods.make(name)
    with ThreadPoolExecutor(16) as workers:
        results = list(workers.map(lambda name: pods.add(name, mesh()), names))
        assert len({r["ips"][0]["address"] for r in results}) == len(names)
        assert all(r.status == 0 for r in workers.map(lambda n: pods.call("DEL", n, mesh()), names))
    check_consistency(engine)


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0", "1.1.0"])
@pytest.mark.parametrize(
    "spoil",
    [
        "ip -n one addr del 10.7.0.2/24 dev eth0",
        "ip -n one link set eth0 down",
        "ip -n one route del default",
    ],
)
def test_check_sees_what_somebody_changed(pods: Pods, version: str, spoil: str) -> None:
    said = mesh(version)
    said["prevResult"] = pods.add("one", said)
    assert pods.call("CHECK", "one", said).status == 0
    subprocess.run(spoil.split(), check=True)
    assert pods.call("CHECK", "one", said).code == 104


def test_delete_after_the_daemon_was_away(make_netns: Callable[[str], str], tmp_path: Path) -> None:
    said = mesh()
    engine = Engine(tmp_path / "run", tmp_path / "state")
    with serving(engine.attachments, tmp_path / "first.sock") as path:
        Pods(HttpRuntime(path), make_netns).add("one", said)
    engine.close()
    subprocess.run(["ip", "netns", "del", "one"], check=True)
    again = Engine(tmp_path / "run", tmp_path / "state")
    try:
        with serving(again.attachments, tmp_path / "second.sock") as path:
            pods = Pods(HttpRuntime(path), make_netns)
            assert pods.call("DEL", "one", said, CNI_NETNS="").status == 0
            assert pods.add("two", said)["interfaces"][0]["name"] == "cni7"
            check_consistency(again)
            again.down(force=True)
    finally:
        again.close()


def test_garbage_collection(pods: Pods, engine: Engine) -> None:
    said = mesh("1.1.0")
    for name in ("one", "two", "three"):
        pods.add(name, said)
    subprocess.run(["ip", "netns", "del", "two"], check=True)
    listed = [{"containerID": "one", "ifname": "eth0"}]
    empty = dict.fromkeys(("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"), "")
    told = pods.plugin("GC", said | {"cni.dev/valid-attachments": listed}, empty)
    assert told.status == 0
    assert [v.sandbox.id for v in engine.sandboxes()] == ["one"]
    check_consistency(engine)


def test_status_when_no_address_is_left(pods: Pods) -> None:
    said = mesh("1.1.0", ipam={"subnet": "10.7.0.0/30"})
    empty = dict.fromkeys(("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"), "")
    assert pods.plugin("STATUS", said, empty).status == 0
    pods.add("one", said)
    told = pods.plugin("STATUS", said, empty)
    assert told.code == 50
    pods.make("two")
    assert pods.call("ADD", "two", said).code == 101
