"""CNI's own plugins, run for the same configuration on another host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FOLDER = "/usr/lib/cni"


class Reference:
    """bridge with host-local, as libcni calls it, in a namespace that stands for a host."""

    def __init__(self, netns: str, make_netns: Callable[[str], str], leases: Path) -> None:
        self._host = Path(netns).name
        self._make_netns = make_netns
        self._leases = leases

    def add(self, name: str, said: dict[str, Any], **variables: str) -> Any:
        """Make a pod and attach it; keys are those that ours is given, but for the types."""
        self._make_netns(name)
        return self.call("ADD", name, said, **variables)

    def call(self, command: str, name: str, said: dict[str, Any], **variables: str) -> Any:
        given = said | {"type": "bridge"}
        if said.get("ipam"):
            local = {"type": "host-local", "dataDir": str(self._leases)}
            given |= {"ipam": said["ipam"] | local}
        environment = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": name,
            "CNI_NETNS": f"/run/netns/{name}",
            "CNI_IFNAME": "eth0",
            "CNI_PATH": _FOLDER,
        } | variables
        done = subprocess.run(
            ["ip", "netns", "exec", self._host, f"{_FOLDER}/bridge"],
            input=json.dumps(given),
            env=environment | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return json.loads(done.stdout) if done.stdout else None

    @property
    def host(self) -> tuple[str, ...]:
        return ("-n", self._host)
