"""CNI's own plugins, run for the same configuration on another host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FOLDER = "/usr/lib/cni"


class Reference:
    """bridge with host-local, and their chain, as libcni calls it, in a namespace for a host."""

    def __init__(self, netns: str, make_netns: Callable[[str], str], leases: Path) -> None:
        self._host = Path(netns).name
        self._make_netns = make_netns
        self._leases = leases

    def add(self, name: str, said: dict[str, Any], **variables: str) -> Any:
        """Make a pod and attach it; keys are those that ours is given, but for the types."""
        self._make_netns(name)
        return self.call("ADD", name, said, **variables)

    def call(self, command: str, name: str, said: dict[str, Any], **variables: str) -> Any:
        return self._run("bridge", command, name, said, variables)

    def add_chain(self, name: str, conflist: dict[str, Any], capabilities: dict[str, Any]) -> Any:
        """Make a pod and attach it by every plugin of a file, each with what it can take."""
        self._make_netns(name)
        result: Any = None
        for plugin in conflist["plugins"]:
            given = {k: v for k, v in capabilities.items() if k in plugin.get("capabilities", ())}
            said = {k: conflist[k] for k in ("cniVersion", "name")} | plugin
            said |= {"runtimeConfig": given} if given else {}
            said |= {"prevResult": result} if result else {}
            result = self._run(plugin["type"], "ADD", name, said, {})
            assert "code" not in result, result
        return result

    def _run(
        self, program: str, command: str, name: str, said: dict[str, Any], more: dict[str, str]
    ) -> Any:
        given = said | {"type": program}
        if said.get("ipam"):
            local = {"type": "host-local", "dataDir": str(self._leases)}
            given |= {"ipam": said["ipam"] | local}
        environment = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": name,
            "CNI_NETNS": f"/run/netns/{name}",
            "CNI_IFNAME": "eth0",
            "CNI_PATH": _FOLDER,
        } | more
        done = subprocess.run(
            ["ip", "netns", "exec", self._host, f"{_FOLDER}/{program}"],
            input=json.dumps(given),
            env=environment | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return json.loads(done.stdout) if done.stdout else None

    @property
    def netns(self) -> str:
        return f"/run/netns/{self._host}"

    @property
    def host(self) -> tuple[str, ...]:
        return ("-n", self._host)
