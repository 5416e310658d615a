"""A host with Podman as Debian ships it, whose networks are netavark's or CNI's.

podman: web (8080 -> 80), client    keep: alice    moat: bob (both isolated)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.netns.foreign.machine import Machine

NETWORKS = ("keep", "moat")
CONTAINERS = {
    "web": ("podman", "-p", "8080:80"),
    "client": ("podman",),
    "alice": ("keep",),
    "bob": ("moat",),
}
# what the machine's control groups and limits would refuse a container
_FREE = ("--cgroups=disabled", "--ulimit", "host")


class PodmanHost:
    """Its containers; there is no daemon."""

    def __init__(self, machine: Machine, archive: Path, backend: str) -> None:
        self.machine = machine
        self._pids: dict[str, str] = {}
        self.backend = backend
        settings = f'[network]\nnetwork_backend="{backend}"\n[engine]\nruntime="crun"\n'
        machine("tee", "/etc/containers/containers.conf", text=settings)
        machine("podman", "import", str(archive), "page")
        for name in NETWORKS:
            machine("podman", "network", "create", "--opt", "isolate=true", name)
        for name, options in CONTAINERS.items():
            self.add(name, *options)

    def add(self, name: str, network: str, *options: str) -> None:
        command = ("podman", "run", "-d", *_FREE, "--name", name, "--network", network, *options)
        self.machine(*command, "page", "httpd", "-f", "-p", "80")

    def inspect(self, name: str) -> Any:
        return json.loads(self.machine("podman", "inspect", name))[0]

    def bridge(self, network: str) -> str:
        told = json.loads(self.machine("podman", "network", "inspect", network))[0]
        return str(told["network_interface"])

    def address(self, name: str, network: str) -> str:
        return str(self.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"])

    def inside(self, name: str) -> tuple[str, ...]:
        if name == "host":
            return ()
        if name not in CONTAINERS:
            return ("ip", "netns", "exec", name)
        if name not in self._pids:
            self._pids[name] = str(self.inspect(name)["State"]["Pid"])
        return ("nsenter", f"--net=/proc/{self._pids[name]}/ns/net")
