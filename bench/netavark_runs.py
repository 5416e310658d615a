"""netavark's setup and teardown: Debian's program, and our plugin as netavark calls one.

Podman has a lock of its own around these calls, so there is no burst of them.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.daemon import Daemon
from bench.figures import BurstRow, Check, PeerRow
from bench.peers import Peer, Words, measure_peers
from bench.programs import NATIVE, NETAVARK, ask, build_plugins
from bench.world import Extent, namespaces

PROGRAM = Path("/usr/lib/podman/netavark")
SETUP, TEARDOWN = "netavark setup", "netavark teardown"
PLAIN, PUBLISHED = "ours, no port", "ours, port"
THEIRS, THEIRS_PUBLISHED = "netavark, no port", "netavark, port"
BESIDE = {PLAIN: PLAIN, THEIRS: PLAIN, PUBLISHED: PUBLISHED, THEIRS_PUBLISHED: PUBLISHED}
CROWDS = (0, 100, 300)
_FIRST_PORT = {PUBLISHED: 30000, THEIRS_PUBLISHED: 31000}
_FOLDER = Path("/run/netavark-bench")


class Network:
    """A network of Podman's, and who sets up containers on it."""

    def __init__(self, number: int, environment: Mapping[str, str], first_port: int | None) -> None:
        self.subnet = IPv4Network(f"10.{80 + number}.0.0/16")
        self.environment, self._first_port = environment, first_port
        self.made = {
            "name": f"bench{number}",
            "id": f"{number:064x}",
            "network_interface": f"nv{number}",
            "subnets": [{"subnet": str(self.subnet), "gateway": str(self.subnet[1])}],
            "ipv6_enabled": False,
            "internal": False,
            "dns_enabled": False,
            "ipam_options": {"driver": "host-local"},
        }

    def container(self, number: int) -> dict[str, Any]:
        ports = []
        if self._first_port is not None:
            host_port = self._first_port + number
            ports = [
                {"container_port": 80, "host_port": host_port, "host_ip": "", "protocol": "tcp",
                 "range": 1},
            ]  # fmt: skip
        name = f"{self.made['name']}-{number}"
        return {"container_id": name, "container_name": name, "port_mappings": ports}

    def options(self, number: int) -> dict[str, Any]:
        return {"static_ips": [str(self.subnet[2 + number])], "interface_name": "eth0"}


class Ours:
    """The plugin, told what netavark tells one."""

    def __init__(self, network: Network, program: Path, namespaces: Sequence[str]) -> None:
        self._network, self._program, self._namespaces = network, program, namespaces

    def attach(self, number: int) -> float:
        return self._call("setup", number)

    def detach(self, number: int) -> float:
        return self._call("teardown", number)

    def _call(self, command: str, number: int) -> float:
        said = {
            **self._network.container(number),
            "network": {**self._network.made, "driver": "glassbridge"},
            "network_options": self._network.options(number),
        }
        words = [str(self._program), command, self._namespaces[number]]
        began = perf_counter()
        ask(words, self._network.environment, said)
        return (perf_counter() - began) * 1e6


class Theirs(Ours):
    """netavark itself, told what Podman tells it."""

    def _call(self, command: str, number: int) -> float:
        name = self._network.made["name"]
        said = {
            **self._network.container(number),
            "networks": {name: self._network.options(number)},
            "network_info": {name: {**self._network.made, "driver": "bridge"}},
        }
        words = [
            str(self._program), "--config", str(_FOLDER), command, self._namespaces[number],
        ]  # fmt: skip
        began = perf_counter()
        ask(words, self._network.environment, said)
        return (perf_counter() - began) * 1e6


def measure_netavark(extent: Extent) -> tuple[list[PeerRow], list[BurstRow], list[Check]]:
    """All of this module."""
    words = Words(SETUP, TEARDOWN, CROWDS[: extent.crowds], extent.peer_rounds, filling=1)
    ours = build_plugins(_FOLDER)[NATIVE] / NETAVARK
    each = words.crowds[-1] + 1
    with Daemon(_FOLDER) as daemon, namespaces(each * len(BESIDE)) as paths:
        peers: dict[str, Peer] = {}
        for n, label in enumerate(BESIDE):
            network = Network(n, daemon.environment, _FIRST_PORT.get(label))
            share = paths[n * each : (n + 1) * each]
            is_ours = BESIDE[label] == label
            peers[label] = (
                Ours(network, ours, share) if is_ours else Theirs(network, PROGRAM, share)
            )
        rows, _ = measure_peers(peers, words, BESIDE)
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    return rows, [], []


def is_installed() -> bool:
    """Whether netavark is there."""
    return os.access(PROGRAM, os.X_OK)
