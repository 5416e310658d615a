"""`docker run -d` and `docker rm -f`, by the real dockerd: Docker's own bridge, and our driver.

The machine that it runs in, and the way to have it use us, are those of the tests.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.figures import Aim, BurstRow, Check, PeerRow
from bench.peers import Peer, Words, burst, take_turns
from bench.world import Extent
from tests.netns.docker.driven_host import RULES_FOR_IPV6, DrivenHost
from tests.netns.foreign.machine import Machine, root_archive, started

RUN, REMOVE = "docker run -d", "docker rm -f"
PORTS = (0, 10, 50)
CROWDS = (0, 100)
AIM = 10
"""Of so many ports ours is to be faster."""
_OURS, _THEIRS = "ours", "Docker's bridge"
_FIRST_PORT = 30000


class Runs:
    """Containers on one network, each with so many ports."""

    def __init__(self, machine: Machine, network: str, ports: int, first_port: int) -> None:
        self._machine, self._network = machine, network
        self._ports, self._first_port = ports, first_port

    def attach(self, number: int) -> float:
        options = ["--name", self._name(number), "--network", self._network]
        if self._ports:
            last = self._ports - 1
            outside = f"{self._first_port}-{self._first_port + last}"
            options += ["-p", f"{outside}:8000-{8000 + last}"]
        return self._docker("run", "-d", *options, "page", "sleep", "100000")

    def detach(self, number: int) -> float:
        return self._docker("rm", "-f", self._name(number))

    def _name(self, number: int) -> str:
        return f"{self._network}-{self._ports}-{number}"

    def _docker(self, *words: str) -> float:
        began = perf_counter()
        done = subprocess.run(
            self._machine.command("docker", *words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        took = perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"docker {' '.join(words)}: {done.stderr.strip()}")
        return took * 1e6


def measure_docker(extent: Extent) -> tuple[list[PeerRow], list[BurstRow], list[Check]]:
    """All of this module."""
    # not below /run, which is the machine's own
    with TemporaryDirectory() as name, started("bench") as machine:
        folder = Path(name)
        host = DrivenHost(machine, root_archive(folder), folder, *RULES_FOR_IPV6)
        host.network(_network_of(_OURS))
        host("network", "create", _network_of(_THEIRS))
        return _measure(machine, extent)


def _measure(machine: Machine, extent: Extent) -> tuple[list[PeerRow], list[BurstRow], list[Check]]:
    words = Words(RUN, REMOVE, CROWDS[: extent.crowds - 1], extent.docker_rounds)
    peers, beside = _peers(machine)
    crowd = {label: peers[label] for label in peers if label.endswith(", 0 ports")}
    rows: list[PeerRow] = []
    bursts: list[BurstRow] = []
    present = 0
    for size in words.crowds:
        for label, peer in crowd.items():
            if size > present:
                bursts.append(burst(label, RUN, peer.attach, range(present, size)))
        present = size
        rows += take_turns(peers, words, size, beside)
    for label, peer in crowd.items():
        bursts.append(burst(label, REMOVE, peer.detach, range(present)))
    return rows, bursts, check(rows)


def _peers(machine: Machine) -> tuple[Mapping[str, Peer], Mapping[str, str]]:
    peers: dict[str, Peer] = {}
    beside: dict[str, str] = {}
    for count in PORTS:
        for who in (_OURS, _THEIRS):
            label = f"{who}, {count} ports"
            first = _FIRST_PORT + 100 * len(peers)
            peers[label] = Runs(machine, _network_of(who), count, first)
            beside[label] = f"{_OURS}, {count} ports"
    return peers, beside


def _network_of(who: str) -> str:
    return {_OURS: "ours", _THEIRS: "theirs"}[who]


def check(rows: list[PeerRow]) -> list[Check]:
    """What the issue aims at, beside what was measured."""
    label = f"{_THEIRS}, {AIM} ports"
    return [
        Check(
            Aim(f"docker run, {AIM} ports, {r.present} there", 1, "x faster", at_least=True),
            r.of_ours,
        )
        for r in rows
        if (r.label, r.what) == (label, RUN)
    ]
