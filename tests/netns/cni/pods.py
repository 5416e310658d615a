"""Namespaces on a network, attached and detached as libcni does it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.cni.calling import Answered
from tests.unit.cni.plugin_server import HttpRuntime


def shown(*command: str) -> Any:
    """What a tool of the kernel's says as JSON."""
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(told or "[]")


def addresses(*where: str, link: str = "eth0") -> set[str]:
    """The addresses of a link but its link-local ones, as CIDR."""
    (told,) = shown("ip", *where, "-j", "addr", "show", "dev", link)
    return {f"{a['local']}/{a['prefixlen']}" for a in told["addr_info"] if a["scope"] == "global"}


def routes(netns: str) -> set[tuple[str, str]]:
    """Destination and next hop of every route of a namespace that somebody asked for."""
    told = (
        *shown("ip", "-n", netns, "-j", "route"),
        *shown("ip", "-n", netns, "-6", "-j", "route"),
    )
    return {(r["dst"], r.get("gateway", "")) for r in told if not r["dst"].startswith("fe80")}


class Pods:
    """Pods by name: the container's id is the name of its namespace."""

    def __init__(self, plugin: HttpRuntime, make_netns: Callable[[str], str]) -> None:
        self.plugin = plugin
        self._make_netns = make_netns

    def make(self, name: str) -> str:
        return self._make_netns(name)

    def variables(self, name: str, **more: str) -> dict[str, str]:
        return {
            "CNI_CONTAINERID": name,
            "CNI_NETNS": f"/run/netns/{name}",
            "CNI_PATH": "/usr/lib/cni",
        } | more

    def call(self, command: str, name: str, said: dict[str, Any], **more: str) -> Answered:
        return self.plugin(command, said, self.variables(name, **more))

    def add(self, name: str, said: dict[str, Any], **more: str) -> Any:
        """Make a pod and attach it."""
        if not Path(f"/run/netns/{name}").exists():
            self.make(name)
        return self.call("ADD", name, said, **more).result

    def inside(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ip", "netns", "exec", name, *command],
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
        )

    def reaches(self, name: str, address: str) -> bool:
        return self.inside(name, "ping", "-c1", "-W2", address).returncode == 0

    def misses(self, name: str, address: str) -> bool:
        """What is dropped is never answered, however long one waits."""
        return self.inside(name, "ping", "-c1", "-W0.5", address).returncode != 0
