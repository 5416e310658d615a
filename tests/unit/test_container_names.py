"""Names out of the files of engines: shortened copies of what the engines themselves wrote.

Docker 20.10.24, Podman 4.3.1 with CNI, containerd 1.6.20, libvirt 9.0.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.kernel.engines.cni import find_cni
from glassbridge.kernel.engines.containerd import find_containerd
from glassbridge.kernel.engines.docker import find_docker
from glassbridge.kernel.engines.libvirt import find_libvirt
from glassbridge.kernel.engines.podman import find_podman
from glassbridge.kernel.engines.processes import EngineProcess, option
from glassbridge.model.found import Findings
from glassbridge.model.ruleset import Origin

WEB_ID = "468fc9f48c6409f331c265934ae1cec6d125d1fbe5b9557fc396d216ebd027c1"
DB_ID = "2bd65f68f5ea8430bf3e717aa4d758360dc6775c1410a25f83bfd5b592a289e2"
NOBODY = 2**22 + 1
"""More than the kernel numbers processes (PID_MAX_LIMIT)."""


def write(root: Path, path: str, content: Any) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content))


def process(root: Path, *arguments: str) -> EngineProcess:
    return EngineProcess(pid=NOBODY, arguments=arguments, root=str(root))


def describe(findings: Findings) -> list[tuple[str, str, bool, list[str]]]:
    return [
        (c.name, str(c.origin), c.is_running, [str(a) for a in c.addresses])
        for c in findings.containers
    ]


# -- Docker


def docker_container(name: str, container: str, **settings: Any) -> dict[str, Any]:
    return {
        "StreamConfig": {},
        "State": {"Running": True, "Paused": False, "Pid": NOBODY, "Health": None},
        "ID": container,
        "Config": {"Env": ["SECRET=x"], "Cmd": ["sleep", "1000"]},
        "NetworkSettings": {"Bridge": "", "Networks": {}, "Ports": None, **settings},
        "Name": f"/{name}",
    }


WEB = docker_container(
    "web",
    WEB_ID,
    Networks={
        "bridge": {
            "IPAMConfig": None,
            "NetworkID": "32a8b94193b61b59208d033df63ea922e09405c4ac943467ef14ba87a5cc73bc",
            "Gateway": "172.17.0.1",
            "IPAddress": "172.17.0.2",
            "IPPrefixLen": 16,
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
        }
    },
    Ports={
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
        "443/tcp": None,
        "9/sctp": [{"HostIp": "", "HostPort": "9"}],
    },
    SandboxKey="/run/docker/netns/6e5a76b67900",
)
DB = docker_container(
    "db",
    DB_ID,
    Networks={
        "back": {
            "NetworkID": "e9bf675b6c2cff6b8e010e8f8c999c05e2bb8fac7f6df6d11cce72f287295cc2",
            "IPAddress": "172.18.0.2",
            "IPPrefixLen": 16,
            "GlobalIPv6Address": "fd01::2",
            "GlobalIPv6PrefixLen": 64,
        },
        "gone": None,
    },
    Ports={"5432/tcp": [{"HostIp": "::", "HostPort": "5432"}]},
    SandboxKey="/run/docker/netns/a3439e81f52d",
)


@pytest.mark.parametrize(
    ("arguments", "configuration", "folder"),
    [
        (("dockerd",), None, "/var/lib/docker"),
        (("dockerd", "--data-root", "/srv/d"), None, "/srv/d"),
        (("dockerd", "--data-root=/srv/d"), '{"data-root": "/elsewhere"}', "/srv/d"),
        (("dockerd", "-H", "fd://"), '{"data-root": "/mnt/docker", "debug": true}', "/mnt/docker"),
    ],
)
def test_docker(
    tmp_path: Path, arguments: tuple[str, ...], configuration: str | None, folder: str
) -> None:
    if configuration:
        write(tmp_path, "/etc/docker/daemon.json", configuration)
    for container in (WEB, DB):
        write(tmp_path, f"{folder}/containers/{container['ID']}/config.v2.json", container)
        write(tmp_path, container["NetworkSettings"]["SandboxKey"], "")
    found = find_docker([process(tmp_path, *arguments)])
    assert describe(found) == [
        ("db", "Docker", True, ["172.18.0.2", "fd01::2"]),
        ("web", "Docker", True, ["172.17.0.2"]),
    ]
    assert [(n.name, n.bridge, [str(s) for s in n.subnets]) for n in found.networks] == [
        ("back", "br-e9bf675b6c2c", ["172.18.0.0/16", "fd01::/64"]),
        ("bridge", "docker0", ["172.17.0.0/16"]),
    ]
    assert [c.netns for c in found.containers] == [
        f"{tmp_path}/run/docker/netns/a3439e81f52d",
        f"{tmp_path}/run/docker/netns/6e5a76b67900",
    ]
    published = [
        f"{p.host_address} {p.host_port}/{p.transport} {p.container_address} {p.container_port}"
        for c in found.containers
        for p in c.published
    ]
    assert published == [
        ":: 5432/tcp fd01::2 5432",
        "127.0.0.1 5353/udp 172.17.0.2 53",
        "0.0.0.0 8080/tcp 172.17.0.2 80",
        ":: 8080/tcp 172.17.0.2 80",
    ], "what is only exposed, and SCTP, are not published as a walk understands it"
    assert found.complaints == ()


def test_docker_after_a_crash_of_the_host(tmp_path: Path) -> None:
    """The file says Running; its process is nobody, its namespace is gone."""
    write(tmp_path, f"/var/lib/docker/containers/{WEB_ID}/config.v2.json", WEB)
    (web,) = find_docker([process(tmp_path, "dockerd")]).containers
    assert not web.is_running
    assert web.pid is None


def test_docker_with_broken_files(tmp_path: Path) -> None:
    folder = "/var/lib/docker/containers"
    write(tmp_path, f"{folder}/{DB_ID}/config.v2.json", DB)
    write(tmp_path, f"{folder}/a/config.v2.json", json.dumps(WEB)[:-30])
    write(tmp_path, f"{folder}/b/config.v2.json", "")
    write(tmp_path, f"{folder}/c/config.v2.json", b"\xff\xfe")
    write(tmp_path, f"{folder}/d/config.v2.json", {"ID": 7, "Name": "x"})
    write(tmp_path, f"{folder}/e/other.json", "{}")
    write(tmp_path, f"{folder}/stray", "")
    bad = docker_container("odd", "f" * 64, Networks={"n": {"IPAddress": "x"}}, Ports={"x": [{}]})
    write(tmp_path, f"{folder}/f/config.v2.json", bad)
    found = find_docker([process(tmp_path, "dockerd")])
    assert [c.name for c in found.containers] == ["db", "odd"]
    assert [c.partition(":")[0].rpartition("/")[0][-1] for c in found.complaints] == [*"abcd"]


# -- Podman


def conmon(root: Path, name: str, container: str, *more: str) -> EngineProcess:
    folder = f"/run/containers/storage/overlay-containers/{container}/userdata"
    write(root, f"{folder}/pidfile", "157")
    return process(
        root,
        *("/usr/bin/conmon", "--api-version", "1", "-c", container, "-u", container),
        *("-r", "/usr/bin/crun", "-p", f"{folder}/pidfile", "-n", name),
        *("--exit-command", "/usr/bin/podman", "--exit-command-arg", "--root"),
        *("--exit-command-arg", "/srv/storage", *more),
    )


def test_podman(tmp_path: Path) -> None:
    stored = [
        {"id": WEB_ID, "names": ["web"], "metadata": "{}", "flags": {"MountLabel": ""}},
        {"id": DB_ID, "names": ["idle"], "image": "b089"},
    ]
    write(tmp_path, "/srv/storage/overlay-containers/containers.json", stored)
    network = {
        "name": "back",
        "id": "0" * 64,
        "driver": "bridge",
        "network_interface": "podman1",
        "created": "2026-11-23T22:37:46Z",
        "subnets": [{"subnet": "10.89.0.0/24", "gateway": "10.89.0.1"}],
        "internal": True,
    }
    write(tmp_path, "/etc/containers/networks/back.json", network)
    write(tmp_path, "/etc/containers/networks/odd.json", network | {"subnets": [{"subnet": "x"}]})
    write(tmp_path, "/etc/containers/networks/mac.json", network | {"driver": "macvlan"})
    found = find_podman([conmon(tmp_path, "web", WEB_ID)], str(tmp_path))
    assert describe(found) == [("web", "Podman", True, []), ("idle", "Podman", False, [])]
    assert found.containers[0].pid == 157
    assert [(n.name, n.bridge, n.internal) for n in found.networks] == [("back", "podman1", True)]
    assert [c.partition(":")[0] for c in found.complaints] == ["/etc/containers/networks/odd.json"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("k8s_nginx_shop-1_default_0b1c_0", "shop-1/nginx"),
        ("k8s_POD_shop-1_default_0b1c_0", "shop-1"),
        ("k8s_x", "k8s_x"),
    ],
)
def test_crio(tmp_path: Path, name: str, shown: str) -> None:
    (found,) = find_podman([conmon(tmp_path, name, WEB_ID)], str(tmp_path)).containers
    assert (found.name, found.origin) == (shown, Origin.KUBERNETES)


def test_a_conmon_that_is_about_to_end(tmp_path: Path) -> None:
    keeper = process(tmp_path, "conmon", "-c", WEB_ID, "-n", "web", "-p", "/gone")
    assert find_podman([keeper, process(tmp_path, "")], str(tmp_path)) == Findings()


# -- containerd


def task(root: Path, space: str, name: str, pid: str = "73", **bundle: Any) -> None:
    folder = f"/run/containerd/io.containerd.runtime.v2.task/{space}/{name}"
    write(root, f"{folder}/init.pid", pid)
    plain = {"ociVersion": "1.0.2", "process": {"env": ["SECRET=x"]}, "annotations": None}
    write(root, f"{folder}/config.json", plain | bundle)


def test_containerd(tmp_path: Path) -> None:
    cri = "io.kubernetes.cri"
    pod = {f"{cri}.sandbox-name": "shop-1", f"{cri}.sandbox-namespace": "default"}
    network = {"namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/cni-1"}]}
    task(tmp_path, "k8s.io", "a" * 64, annotations=pod, linux=network)
    task(tmp_path, "k8s.io", "b" * 64, annotations={**pod, f"{cri}.container-name": "nginx"})
    task(tmp_path, "default", "plain", linux={"namespaces": [{"type": "network"}]})
    task(tmp_path, "default", "c" * 64, annotations={"nerdctl/name": "cache"})
    task(tmp_path, "default", "d" * 64)
    task(tmp_path, "default", "starting", pid="")
    task(tmp_path, "moby", WEB_ID)
    write(tmp_path, "/run/containerd/io.containerd.runtime.v2.task/default/bad/init.pid", "1")
    write(tmp_path, "/run/containerd/io.containerd.runtime.v2.task/default/bad/config.json", "{")
    found = find_containerd([process(tmp_path, "containerd")])
    assert [(c.name, str(c.origin), c.netns, c.pid) for c in found.containers] == [
        ("cache", "containerd", "", 73),
        ("d" * 12, "containerd", "", 73),
        ("plain", "containerd", "", 73),
        ("shop-1", "Kubernetes", f"{tmp_path}/run/netns/cni-1", 73),
        ("shop-1/nginx", "Kubernetes", "", 73),
    ]
    assert len(found.complaints) == 1


@pytest.mark.parametrize("told", ["--state=/srv/state", "--config=/etc/c.toml"])
def test_containerd_elsewhere(tmp_path: Path, told: str) -> None:
    write(tmp_path, "/etc/c.toml", 'version = 2\nstate = "/srv/state"\n')
    folder = "/srv/state/io.containerd.runtime.v2.task/default/plain"
    write(tmp_path, f"{folder}/init.pid", "73")
    write(tmp_path, f"{folder}/config.json", {})
    (found,) = find_containerd([process(tmp_path, "containerd", told)]).containers
    assert found.name == "plain"


# -- CNI

CNI_NETWORK = {
    "cniVersion": "0.4.0",
    "name": "back",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni1",
            "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.89.0.0/24"}]]},
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}


def cached(name: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "kind": "cniCacheV1",
        "containerId": WEB_ID,
        "config": base64.b64encode(json.dumps(CNI_NETWORK).encode()).decode(),
        "ifName": "eth0",
        "networkName": "back",
        "cniArgs": [["IgnoreUnknown", "1"], ["K8S_POD_NAME", name]],
        "capabilityArgs": {
            "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]
        },
        "result": {
            "cniVersion": "0.4.0",
            "interfaces": [
                {"mac": "de:62:1e:6f:e9:05", "name": "cni1"},
                {"mac": "26:83:c9:9a:73:36", "name": "eth0", "sandbox": "/run/netns/cni-1"},
            ],
            "ips": [{"address": "10.89.0.2/24", "gateway": "10.89.0.1", "version": "4"}],
        },
    }
    return plain | changes


def test_cni(tmp_path: Path) -> None:
    results = "/var/lib/cni/results"
    write(tmp_path, f"{results}/back-1-eth0", cached("web"))
    write(tmp_path, f"{results}/back-2-eth0", cached("", containerId="plain", cniArgs=[]))
    write(tmp_path, f"{results}/back-3-eth0", cached("x", config="%%%", result={}))
    write(tmp_path, f"{results}/back-4-eth0", "{")
    alone = {"name": "lone", "type": "bridge", "ipam": {"subnet": "10.1.0.0/16"}}
    write(tmp_path, "/etc/cni/net.d/10-lone.conf", alone)
    write(tmp_path, "/etc/cni/net.d/20-ptp.conf", {"name": "ptp", "type": "ptp"})
    write(tmp_path, "/etc/cni/net.d/cni.lock", "")
    found = find_cni(str(tmp_path))
    assert describe(found) == [
        ("web", "CNI", True, ["10.89.0.2"]),
        ("plain", "CNI", True, ["10.89.0.2"]),
    ]
    assert [(n.name, n.bridge, [str(s) for s in n.subnets]) for n in found.networks] == [
        ("lone", "cni0", ["10.1.0.0/16"]),
        ("back", "cni1", ["10.89.0.0/24"]),
    ]
    (port, *_) = found.containers[0].published
    assert (str(port.host_address), port.host_port, port.container_port) == ("0.0.0.0", 8080, 80)
    assert [c.partition(":")[0] for c in found.complaints] == [f"{results}/back-4-eth0"]


# -- libvirt

VIRBR0 = """<!--
WARNING: THIS IS AN AUTO-GENERATED FILE.
-->
<networkstatus>
  <class_id bitmap='0-2'/>
  <network>
    <name>default</name>
    <uuid>f8e9a1d8-5e0e-4bb8-9a3b-6a1e1f0f5f11</uuid>
    <forward mode='nat'>
      <nat><port start='1024' end='65535'/></nat>
    </forward>
    <bridge name='virbr0' stp='on' delay='0'/>
    <mac address='52:54:00:aa:bb:cc'/>
    <ip address='192.168.122.1' netmask='255.255.255.0'>
      <dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp>
    </ip>
    <ip family='ipv6' address='fd00:7a::1' prefix='64'/>
  </network>
</networkstatus>
"""


def test_libvirt(tmp_path: Path) -> None:
    write(tmp_path, "/run/libvirt/network/default.xml", VIRBR0)
    write(tmp_path, "/run/libvirt/network/direct.xml", "<network><name>direct</name></network>")
    write(tmp_path, "/run/libvirt/network/driver.pid", "1")
    (network,) = find_libvirt(str(tmp_path)).networks
    assert (network.name, network.bridge, network.internal) == ("default", "virbr0", False)
    assert [str(s) for s in network.subnets] == ["192.168.122.0/24", "fd00:7a::/64"]


# -- all of them


def test_a_host_without_any_engine(tmp_path: Path) -> None:
    nothing = Findings()
    assert find_docker([process(tmp_path, "dockerd")]) == nothing
    assert find_podman([], str(tmp_path)) == nothing
    assert find_containerd([process(tmp_path, "containerd")]) == nothing
    assert find_cni(str(tmp_path)) == nothing
    assert find_libvirt(str(tmp_path)) == nothing


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (("x", "--root", "/a"), "/a"),
        (("x", "--root=/a"), "/a"),
        (("x", "--root=/a", "--root", "/b"), "/b"),
        (("x", "--root"), ""),
        (("x",), ""),
    ],
)
def test_options(arguments: tuple[str, ...], value: str) -> None:
    assert option(arguments, "--root") == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
)


@given(where=st.sampled_from(["State", "NetworkSettings", "Name", "Networks", "Ports"]), value=JSON)
def test_any_garbage_in_a_file_is_told_or_taken(
    tmp_path_factory: pytest.TempPathFactory, where: str, value: Any
) -> None:
    root = tmp_path_factory.mktemp("host")
    inside = where in {"Networks", "Ports"}
    broken = (
        WEB | {"NetworkSettings": {**WEB["NetworkSettings"], where: value}}
        if inside
        else WEB | {where: value}
    )
    write(root, f"/var/lib/docker/containers/{WEB_ID}/config.v2.json", broken)
    found = find_docker([process(root, "dockerd")])
    assert len(found.containers) + len(found.complaints) == 1


@given(body=st.binary(max_size=80))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    root = tmp_path_factory.mktemp("host")
    write(root, "/var/lib/cni/results/x", body)
    write(root, "/etc/cni/net.d/x.conf", body)
    write(root, "/run/libvirt/network/x.xml", body)
    write(root, "/etc/containers/networks/x.json", body)
    write(root, "/run/containerd/io.containerd.runtime.v2.task/a/b/init.pid", body)
    write(root, "/run/containerd/io.containerd.runtime.v2.task/a/b/config.json", body)
    for found in (
        find_cni(str(root)),
        find_libvirt(str(root)),
        find_podman([], str(root)),
        find_containerd([process(root, "containerd", "--config=/etc/cni/net.d/x.conf")]),
    ):
        assert found.containers == ()
