"""A host with Docker as Debian ships it: five networks, and containers that serve a page each.

bridge: web (8080 -> 80), client    front: shop, cart    back: db
quiet (icc=false): hermit, monk     vault (--internal): safe
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.netns.foreign.machine import Machine, wait_until

NETWORKS: dict[str, tuple[str, ...]] = {
    "front": ("--ipv6", "--subnet", "fd00:f::/64"),
    "back": ("--ipv6", "--subnet", "fd00:b::/64"),
    "quiet": ("-o", "com.docker.network.bridge.enable_icc=false"),
    "vault": ("--internal",),
    "lonely": ("-o", "com.docker.network.bridge.name=lonely0"),
}
CONTAINERS = {
    "web": ("bridge", "-p", "8080:80"),
    "client": ("bridge",),
    "shop": ("front",),
    "cart": ("front",),
    "db": ("back",),
    "hermit": ("quiet",),
    "monk": ("quiet",),
    "safe": ("vault",),
}


class DockerHost:
    """The daemon, and its containers."""

    def __init__(self, machine: Machine, archive: Path, log: Path) -> None:
        self.machine = machine
        self._pids: dict[str, str] = {}
        machine.start("dockerd", "--experimental", "--ip6tables", log=log)
        wait_until("dockerd answers", lambda: machine.run("docker", "version").returncode == 0)
        machine("docker", "import", str(archive), "page")
        for name, options in NETWORKS.items():
            machine("docker", "network", "create", *options, name)
        for name, options in CONTAINERS.items():
            self.add(name, *options)
        # so that the outside may ask for containers' own addresses, too
        machine("ip", "-n", "outside", "route", "add", "172.16.0.0/12", "via", "203.0.113.1")

    def add(self, name: str, network: str, *options: str) -> None:
        command = ("docker", "run", "-d", "--name", name, "--network", network, *options)
        self.machine(*command, "page", "httpd", "-f", "-p", "80")

    def inspect(self, name: str) -> Any:
        return json.loads(self.machine("docker", "inspect", name))[0]

    def bridge(self, network: str) -> str:
        found = self.inspect(network)
        return str(
            found["Options"].get("com.docker.network.bridge.name") or f"br-{found['Id'][:12]}"
        )

    def address(self, name: str, network: str) -> str:
        return str(self.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"])

    def inside(self, name: str) -> tuple[str, ...]:
        """What enters the network of a container, of the host (nothing) or of the outside."""
        if name == "host":
            return ()
        if name not in CONTAINERS:
            return ("ip", "netns", "exec", name)
        if name not in self._pids:
            self._pids[name] = str(self.inspect(name)["State"]["Pid"])
        return ("nsenter", f"--net=/proc/{self._pids[name]}/ns/net")
