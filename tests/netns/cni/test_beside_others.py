"""In one chain with the reference plugins, and with their IPAM."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.netns.cni.pods import Pods, addresses, shown
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import ask, listening
from tests.unit.cni.calling import configuration

from glassbridge.engine.engine import Engine

VERSIONS = ("0.3.1", "0.4.0", "1.0.0")
TCP = socket.SOCK_STREAM
PLUGINS = Path("/usr/lib/cni")


@pytest.fixture(autouse=True)
def _plugins() -> None:
    if not (PLUGINS / "host-local").exists():
        pytest.skip("needs /usr/lib/cni/host-local: scripts/prepare.sh installs it")


def local(leases: Path, subnet: str = "10.6.0.0/24") -> dict[str, Any]:
    routes = [{"dst": "0.0.0.0/0"}]
    return {"type": "host-local", "subnet": subnet, "dataDir": str(leases), "routes": routes}


def leased(leases: Path, name: str) -> set[str]:
    """The addresses that host-local has written down."""
    return {file.name for file in (leases / name).glob("10.*")} if leases.exists() else set()


def reference(command: str, pod: str, said: dict[str, Any]) -> Any:
    """Run the reference bridge on our own host, as the first plugin of a chain."""
    variables = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": pod,
        "CNI_NETNS": f"/run/netns/{pod}",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": str(PLUGINS),
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }
    told = subprocess.run(
        [PLUGINS / "bridge"],
        input=json.dumps(said),
        env=variables,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return json.loads(told) if told else None


@pytest.mark.parametrize("version", VERSIONS)
def test_host_local_leases_for_us(pods: Pods, engine: Engine, tmp_path: Path, version: str) -> None:
    said = configuration(version, isGateway=True, ipam=local(tmp_path))
    result = pods.add("one", said)
    assert result["ips"][0]["address"] == "10.6.0.2/24"
    assert addresses("-n", "one") == {"10.6.0.2/24"}
    assert leased(tmp_path, "mesh") == {"10.6.0.2"}
    assert pods.reaches("one", "10.6.0.1")
    pods.make("two")
    assert pods.call("ADD", "two", said, CNI_NETNS="/run/netns/one").code == 100
    assert leased(tmp_path, "mesh") == {"10.6.0.2"}
    assert pods.call("DEL", "one", said, CNI_NETNS="").status == 0
    assert leased(tmp_path, "mesh") == set()
    check_consistency(engine)


def test_what_host_local_says_is_told(pods: Pods, tmp_path: Path) -> None:
    said = configuration(ipam=local(tmp_path, "10.6.0.0/30"))
    pods.add("one", said)
    pods.make("two")
    told = pods.call("ADD", "two", said)
    assert told.code == 999
    assert "no IP addresses available in range set" in told.said["msg"]


@pytest.mark.parametrize("version", VERSIONS)
def test_behind_the_reference_bridge(
    pods: Pods, engine: Engine, tmp_path: Path, version: str
) -> None:
    first = configuration(
        version, type="bridge", bridge="cni9", isGateway=True, ipam=local(tmp_path)
    )
    mappings = [{"hostPort": 8080, "containerPort": 80}]
    ours = configuration(version, runtimeConfig={"portMappings": mappings}, txQLen=77)
    for pod in ("one", "two"):
        pods.make(pod)
    previous = reference("ADD", "one", first)
    result = pods.add("one", ours | {"prevResult": previous})
    assert {k: v for k, v in previous.items() if v} == result
    with listening("/run/netns/one", 80, TCP):
        assert ask("", "10.6.0.1", 8080, TCP)
        assert ask("", "127.0.0.1", 8080, TCP)
        other = configuration(version, runtimeConfig={}, prevResult=reference("ADD", "two", first))
        pods.add("two", other)
        assert ask("/run/netns/two", "10.6.0.1", 8080, TCP)
        (link,) = shown("ip", "-n", "one", "-j", "link", "show", "dev", "eth0")
        assert link["txqlen"] == 77
        assert pods.call("DEL", "one", configuration(version)).status == 0
        assert not ask("", "127.0.0.1", 8080, TCP)
    assert addresses("-n", "one") == {"10.6.0.2/24"}  # the cable is not ours to take
    reference("DEL", "one", first)
    assert pods.call("DEL", "two", configuration(version)).status == 0
    reference("DEL", "two", first)
    check_consistency(engine)


def test_limits_and_settings_of_our_own_cable(pods: Pods, engine: Engine) -> None:
    said = configuration(
        ipam={"subnet": "10.7.0.0/24"},
        ingressRate=8_000_000,
        ingressBurst=800_000,
        egressRate=4_000_000,
        egressBurst=400_000,
        txQLen=500,
        allmulti=True,
        sysctl={"net.ipv4.conf.IFNAME.arp_filter": "1"},
    )
    result = pods.add("one", said)
    host_end = result["interfaces"][1]["name"]
    kinds = [q["kind"] for q in shown("tc", "-j", "qdisc", "show", "dev", host_end)]
    assert "tbf" in kinds
    (link,) = shown("ip", "-n", "one", "-j", "link", "show", "dev", "eth0")
    assert (link["txqlen"], "ALLMULTI" in link["flags"]) == (500, True)
    read = pods.inside("one", "sysctl", "-n", "net.ipv4.conf.eth0.arp_filter")
    assert read.stdout == "1\n"
    assert pods.call("DEL", "one", said).status == 0
    assert [k["ifname"] for k in shown("ip", "-j", "link", "show", "type", "ifb")] == []
    check_consistency(engine)


def test_as_libcni_calls(pods: Pods, engine: Engine) -> None:
    """A sandbox of Kubernetes: status, add, check, garbage collection, two deletes."""
    said = configuration("1.1.0", isGateway=True, ipam={"subnet": "10.7.0.0/24"})
    empty = dict.fromkeys(("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"), "")
    args = (
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;"
        "K8S_POD_INFRA_CONTAINER_ID=one;K8S_POD_UID=7"
    )
    assert pods.plugin("STATUS", said, empty).status == 0
    added = pods.add("one", said, CNI_ARGS=args)
    assert [v.sandbox.name for v in engine.sandboxes()] == ["web.shop"]
    again = said | {"prevResult": added}
    assert pods.call("CHECK", "one", again, CNI_ARGS=args).status == 0
    valid = [{"containerID": "one", "ifname": "eth0"}]
    listed = {"cni.dev/valid-attachments": valid, "cni.dev/attachments": valid}
    assert pods.plugin("GC", said | listed, empty).status == 0
    assert len(engine.sandboxes()) == 1
    for _ in range(2):
        assert pods.call("DEL", "one", again, CNI_ARGS=args).status == 0
    # the pod is made again under its name while the runtime still remembers the first one
    pods.add("two", said, CNI_ARGS=args)
    pods.add("three", said, CNI_ARGS=args)
    assert len(engine.sandboxes()) == 2


def test_limits_as_containerd_gives_them(pods: Pods) -> None:
    """Of a pod's annotations it knows the rate alone, and gives the largest burst there is."""
    limit = {"ingressRate": 10_000_000, "ingressBurst": (1 << 32) - 1}
    said = configuration(ipam={"subnet": "10.7.0.0/24"}, runtimeConfig={"bandwidth": limit})
    host_end = pods.add("one", said)["interfaces"][1]["name"]
    (limited,) = (
        q for q in shown("tc", "-j", "qdisc", "show", "dev", host_end) if q["kind"] == "tbf"
    )
    assert limited["options"]["rate"] == 10_000_000 // 8
