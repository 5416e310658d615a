"""A host with CNI's own plugins (bridge, host-local, portmap, firewall), driven in two ways.

by containerd (`ctr run --cni`): alpha, beta
by the plugins' protocol, on namespaces of `ip netns`: gamma (9090 -> 80), delta
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.netns.foreign.machine import Machine, wait_until

_PLUGINS = "/usr/lib/cni"
_VERSION = "0.4.0"
NETWORK, BRIDGE = "mesh", "cni7"
_CHAIN: list[dict[str, Any]] = [
    {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": "10.7.0.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    },
    {"type": "portmap", "capabilities": {"portMappings": True}},
    {"type": "firewall"},
]
_PAGE = ("httpd", "-f", "-p", "80")
PUBLISHED = [{"hostPort": 9090, "containerPort": 80, "protocol": "tcp"}]


class CniHost:
    """containerd, and namespaces without any engine, on one network of CNI."""

    def __init__(self, machine: Machine, archive: Path, log: Path) -> None:
        self.machine = machine
        self.addresses: dict[str, str] = {}
        network = {"cniVersion": _VERSION, "name": NETWORK, "plugins": _CHAIN}
        machine("tee", f"/etc/cni/net.d/10-{NETWORK}.conflist", text=json.dumps(network))
        machine("mount", "-t", "tmpfs", "tmpfs", "/opt")
        machine("mkdir", "-p", "/opt/cni", "/run/page")
        machine("ln", "-s", _PLUGINS, "/opt/cni/bin")  # where ctr looks
        machine("tar", "-xf", str(archive), "-C", "/run/page")
        machine.start("containerd", log=log)
        wait_until("containerd answers", lambda: machine.run("ctr", "version").returncode == 0)
        machine("tee", "/run/container.json", text=json.dumps(self._specification()))
        for name in ("alpha", "beta"):
            machine("ctr", "run", "-d", "--cni", "--config", "/run/container.json", name)
        for name, ports in (("gamma", PUBLISHED), ("delta", [])):
            machine("ip", "netns", "add", name)
            self.addresses[name] = self._add(name, ports)
            machine.start("ip", "netns", "exec", name, "busybox", *_PAGE, log=log)

    def _specification(self) -> Any:
        self.machine("sh", "-c", "cd /run && runc spec")
        told = json.loads(self.machine("cat", "/run/config.json"))
        told["root"] = {"path": "/run/page"}
        told["process"] |= {"terminal": False, "args": list(_PAGE), "rlimits": []}
        told["mounts"] = [m for m in told["mounts"] if m["type"] != "cgroup"]
        del told["linux"]["resources"]  # the machine's control groups have no controllers
        return told

    def _add(self, name: str, ports: list[Any]) -> str:
        """What libcni does: each plugin gets the result of the one before."""
        result: Any = None
        for plugin in _CHAIN:
            asked = {"cniVersion": _VERSION, "name": NETWORK, **plugin, "prevResult": result}
            if plugin["type"] == "portmap":
                asked["runtimeConfig"] = {"portMappings": ports}
            environment = (
                "CNI_COMMAND=ADD",
                f"CNI_CONTAINERID={name}",
                f"CNI_NETNS=/run/netns/{name}",
                "CNI_IFNAME=eth0",
                f"CNI_PATH={_PLUGINS}",
            )
            program = f"{_PLUGINS}/{plugin['type']}"
            answer = self.machine("env", *environment, program, text=json.dumps(asked))
            result = json.loads(answer)
        return str(result["ips"][0]["address"]).partition("/")[0]

    def inside(self, name: str) -> tuple[str, ...]:
        if name == "host":
            return ()
        if name not in {"alpha", "beta"}:
            return ("ip", "netns", "exec", name)
        tasks = (line.split() for line in self.machine("ctr", "task", "ls").splitlines())
        (pid,) = (task[1] for task in tasks if task[0] == name)
        return ("nsenter", f"--net=/proc/{pid}/ns/net")
