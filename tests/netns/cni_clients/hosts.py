"""Two runtimes that call CNI's plugins, and nothing but ours to call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.netns.foreign.machine import Machine, wait_until

NETWORK = "glassbridge"
_PAGE = ("httpd", "-f", "-p", "80")


class _Host:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine("mount", "-t", "tmpfs", "tmpfs", "/opt")
        machine.screen("cni", "install")
        machine.screen("up")

    def close(self) -> None:
        self.machine.screen("down", "--force")

    def address(self, name: str) -> str:
        link = json.loads(
            self.machine(*self.inside(name), "ip", "-j", "-4", "address", "show", "eth0")
        )
        return str(link[0]["addr_info"][0]["local"])

    def inside(self, name: str) -> tuple[str, ...]:
        raise NotImplementedError

    def serves(self, url: str, *where: str) -> bool:
        return self.machine.fetches(url, *where, patience=30)


class ContainerdHost(_Host):
    """`ctr run --cni`: a runtime without networks of its own."""

    def __init__(self, machine: Machine, archive: Path, log: Path) -> None:
        super().__init__(machine)
        machine("ln", "-s", "/usr/lib/cni/loopback", "/opt/cni/bin/loopback")  # go-cni calls it
        machine("mkdir", "/run/page")
        machine("tar", "-xf", str(archive), "-C", "/run/page")
        machine.start("containerd", log=log)
        wait_until("containerd answers", lambda: machine.run("ctr", "version").returncode == 0)
        machine("tee", "/run/container.json", text=json.dumps(self._specification()))

    def run(self, name: str) -> None:
        self.machine("ctr", "run", "-d", "--cni", "--config", "/run/container.json", name)

    def remove(self, name: str) -> None:
        self.machine("ctr", "task", "rm", "-f", name)
        self.machine("ctr", "container", "rm", name)

    def inside(self, name: str) -> tuple[str, ...]:
        tasks = (line.split() for line in self.machine("ctr", "task", "ls").splitlines())
        (pid,) = (task[1] for task in tasks if task[0] == name)
        return ("nsenter", f"--net=/proc/{pid}/ns/net")

    def _specification(self) -> Any:
        self.machine("sh", "-c", "cd /run && runc spec")
        told = json.loads(self.machine("cat", "/run/config.json"))
        told["root"] = {"path": "/run/page"}
        told["process"] |= {"terminal": False, "args": list(_PAGE), "rlimits": []}
        told["mounts"] = [m for m in told["mounts"] if m["type"] != "cgroup"]
        del told["linux"]["resources"]  # the machine's control groups have no controllers
        return told


class Podman4Host(_Host):
    """Podman with `network_backend = "cni"`."""

    def __init__(self, machine: Machine, archive: Path) -> None:
        settings = '[network]\nnetwork_backend="cni"\n[engine]\nruntime="crun"\n'
        machine("tee", "/etc/containers/containers.conf", text=settings)
        super().__init__(machine)
        machine("podman", "import", str(archive), "page")

    def close(self) -> None:
        self.machine("podman", "rm", "-fa", "-t0")
        super().close()

    def podman(self, *words: str) -> str:
        return self.machine("podman", *words)

    def run(self, name: str, *flags: str) -> None:
        free = ("--cgroups=disabled", "--ulimit", "host", "--network", NETWORK)
        self.podman("run", "-d", *free, "--name", name, *flags, "page", *_PAGE)

    def remove(self, *names: str) -> None:
        self.podman("rm", "-f", "-t0", *names)

    def inside(self, name: str) -> tuple[str, ...]:
        pid = self.podman("inspect", "-f", "{{.State.Pid}}", name).strip()
        return ("nsenter", f"--net=/proc/{pid}/ns/net")
