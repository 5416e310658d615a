"""A host with Podman, netavark and our daemon, whose plugin was installed as the page says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.netns.foreign.machine import Machine

# what the machine's control groups and limits would refuse a container
_FREE = ("--cgroups=disabled", "--ulimit", "host")
PLUGINS = "/run/plugins"
NETAVARK = "/usr/lib/podman/netavark"


class PluginHost:
    """Podman's commands, and what stands on the host afterwards."""

    def __init__(self, machine: Machine, archive: Path) -> None:
        self.machine = machine
        settings = machine.screen("netavark", "install", "--plugin-dir", PLUGINS)
        lines = [line for line in settings.splitlines() if line.startswith(("[", "netavark_"))]
        lines += ["[engine]", 'runtime="crun"']
        machine("tee", "/etc/containers/containers.conf", text="\n".join(lines))
        machine.screen("up")
        machine("podman", "import", str(archive), "page")

    def close(self) -> None:
        self.machine("podman", "rm", "-fa", "-t0")
        self.machine.screen("down", "--force")

    def podman(self, *words: str) -> str:
        return self.machine("podman", *words)

    def refusal(self, *words: str) -> str:
        done = self.machine.run("podman", *words)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def network(self, name: str, *flags: str) -> Any:
        self.podman("network", "create", "-d", "glassbridge", *flags, name)
        return json.loads(self.podman("network", "inspect", name))[0]

    def run(self, name: str, network: str, *flags: str) -> None:
        command = ("run", "-d", *_FREE, "--name", name, "--network", network, *flags)
        self.podman(*command, "page", "httpd", "-f", "-p", "80")

    def remove(self, *names: str) -> None:
        self.podman("rm", "-f", "-t0", *names)

    def inspect(self, name: str, network: str) -> Any:
        told = json.loads(self.podman("inspect", name))[0]
        return told["NetworkSettings"]["Networks"][network]

    def inside(self, name: str) -> tuple[str, ...]:
        pid = json.loads(self.podman("inspect", name))[0]["State"]["Pid"]
        return ("nsenter", f"--net=/proc/{pid}/ns/net")

    def address(self, name: str, network: str) -> str:
        return str(self.inspect(name, network)["IPAddress"])

    def bridges(self) -> set[str]:
        links = json.loads(self.machine("ip", "-j", "link", "show", "type", "bridge"))
        return {link["ifname"] for link in links}

    def published(self) -> list[int]:
        told = self.machine.look("ports")
        return [port["host_port"] for ports in told.values() for port in ports]

    def plugin(self, *arguments: str, text: str = "{}") -> subprocess.CompletedProcess[str]:
        return self.machine.run(f"{PLUGINS}/glassbridge", *arguments, text=text)
