"""CNI's ADD and DEL: one plugin of ours, and Debian's plugins in chains, all driven as libcni does.

The unit of work is what a container gets: an interface with an address and a way out, or the same
with masquerading, one published port and the firewall's consent.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.daemon import Daemon
from bench.figures import Aim, BurstRow, Check, PeerRow
from bench.peers import Peer, Words, measure_peers
from bench.programs import CNI, NATIVE, SCRIPT, ask, build_plugins
from bench.world import Extent, namespaces

PLUGINS = Path("/usr/lib/cni")
ADD, DEL = "CNI ADD", "CNI DEL"
PLAIN, PLAIN_SCRIPT, PUBLISHED = "ours", "ours, plugin in Python", "ours, one port"
BRIDGE, CHAIN = "bridge, host-local", "bridge, portmap, firewall, tuning"
BESIDE = {PLAIN: PLAIN, PLAIN_SCRIPT: PLAIN, BRIDGE: PLAIN, PUBLISHED: PUBLISHED, CHAIN: PUBLISHED}
CROWDS = (0, 100, 300)
_FIRST_PORT = 30000
_VERSION = "1.0.0"


class Conflist:
    """A network as a runtime has it, and what each container got of it."""

    def __init__(
        self,
        name: str,
        plugins: Sequence[Mapping[str, Any]],
        folder: Path,
        environment: Mapping[str, str],
        namespaces: Sequence[str],
        *,
        publish: bool,
    ) -> None:
        self._name, self._plugins, self._folder = name, plugins, folder
        self._environment, self._namespaces, self._publish = environment, namespaces, publish
        self._results: dict[int, Any] = {}

    def attach(self, number: int) -> float:
        began = perf_counter()
        result = None
        for plugin in self._plugins:
            result = self._call("ADD", number, plugin, result)
        took = perf_counter() - began
        self._results[number] = result
        return took * 1e6

    def detach(self, number: int) -> float:
        result = self._results.pop(number, None)  # None where ADD failed
        began = perf_counter()
        for plugin in reversed(self._plugins):
            self._call("DEL", number, plugin, result)
        return (perf_counter() - began) * 1e6

    def _call(self, command: str, number: int, plugin: Mapping[str, Any], result: Any) -> Any:  # noqa: ANN401 - JSON
        said = {"cniVersion": _VERSION, "name": self._name, **plugin}
        if self._publish and plugin.get("capabilities"):
            mapping = {
                "hostPort": _FIRST_PORT + number, "containerPort": 80, "protocol": "tcp",
            }  # fmt: skip
            said["runtimeConfig"] = {"portMappings": [mapping]}
        if result is not None:
            said["prevResult"] = result
        environment = {
            **self._environment,
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": f"{self._name}-{number}",
            "CNI_NETNS": self._namespaces[number],
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(self._folder),
        }
        return ask([str(self._folder / plugin["type"])], environment, said)


def measure_cni(extent: Extent) -> tuple[list[PeerRow], list[BurstRow], list[Check]]:
    """All of this module."""
    crowds = CROWDS[: extent.crowds]
    words = Words(ADD, DEL, crowds, extent.peer_rounds, burst=crowds[1])
    folder = Path("/run/cni-bench")
    ours = build_plugins(folder)
    each = crowds[-1] + 1
    with Daemon(folder) as daemon, namespaces(each * len(BESIDE)) as paths:
        shares = [paths[n * each : (n + 1) * each] for n in range(len(BESIDE))]
        peers = _peers(ours, daemon.environment, shares)
        rows, bursts = measure_peers(peers, words, BESIDE)
    for link in ("cni-plain", "cni-chain"):
        subprocess.run(["ip", "link", "del", link], check=True)
    # the chain leaves its empty chains, and our daemon what a later one is to find
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    return rows, bursts, check(rows, bursts)


def _peers(
    ours: Mapping[str, Path], environment: Mapping[str, str], shares: Sequence[Sequence[str]]
) -> Mapping[str, Peer]:
    plain: dict[str, Any] = {"type": CNI, "isGateway": True}
    published = {
        **plain, "ipMasq": True, "hairpinMode": True, "capabilities": {"portMappings": True},
    }  # fmt: skip
    chain = [
        {**_bridge("cni-chain", 90), "ipMasq": True, "hairpinMode": True},
        {"type": "portmap", "capabilities": {"portMappings": True}},
        {"type": "firewall"},
        {"type": "tuning"},
    ]
    made: dict[str, tuple[list[dict[str, Any]], Path]] = {
        PLAIN: ([{**plain, "ipam": _own_ipam(91)}], ours[NATIVE]),
        PLAIN_SCRIPT: ([{**plain, "ipam": _own_ipam(92)}], ours[SCRIPT]),
        BRIDGE: ([_bridge("cni-plain", 93)], PLUGINS),
        PUBLISHED: ([{**published, "ipam": _own_ipam(94)}], ours[NATIVE]),
        CHAIN: (chain, PLUGINS),
    }
    return {
        label: Conflist(
            f"bench{n}", plugins, place, environment, shares[n],
            publish=label in {PUBLISHED, CHAIN},
        )
        for n, (label, (plugins, place)) in enumerate(made.items())
    }  # fmt: skip


def _bridge(name: str, subnet: int) -> dict[str, Any]:
    return {"type": "bridge", "bridge": name, "isGateway": True, "ipam": _ipam(subnet)}


def _ipam(subnet: int) -> dict[str, Any]:
    leases = "/run/cni-bench/leases"
    return {"type": "host-local", "dataDir": leases, **_own_ipam(subnet)}


def _own_ipam(subnet: int) -> dict[str, Any]:
    ranges = [[{"subnet": f"10.{subnet}.0.0/16"}]]
    return {"ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}


def check(rows: Sequence[PeerRow], bursts: Sequence[BurstRow]) -> list[Check]:
    """What the issue aims at, beside what was measured."""
    of_chain = [r for r in rows if r.label == CHAIN]
    own = {(r.what, r.present): r.p50_ms for r in rows if r.label == PUBLISHED}
    first, last = min(r.present for r in rows), max(r.present for r in rows)
    limits = {ADD: 5, DEL: 4}
    return [
        *(
            Check(
                Aim(f"{r.what}, {r.present} present", limits[r.what], "x faster", True), r.of_ours
            )
            for r in of_chain
        ),
        *(
            Check(Aim(f"{what} of ours, growth", 1.25, ""), own[what, last] / own[what, first])
            for what in (ADD, DEL)
        ),
        *(
            Check(Aim(f"{b.what} of ours in a burst: failed", 0, ""), b.failed)
            for b in bursts
            if b.label == PUBLISHED
        ),
    ]


def is_installed() -> bool:
    """Whether the reference plugins are there."""
    return os.access(PLUGINS / "bridge", os.X_OK)
