"""`trace`, as a whole command, against what a person does instead; and what others feel of it.

Instead of one trace stand ten commands, run one after another, that ask the same kernel for the
same facts. To think about what they print is not in the figure.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from random import Random

from bench.commands import Run, Starter
from bench.daemon import Daemon, attach_request
from bench.figures import Aim, Check, CommandRow, TrafficRow, command_row, traffic_row
from bench.traffic import PingPong
from bench.world import Extent, namespaces, wait_until_quiet

NETWORK = "traces"
CONCURRENCY = 32
FEW = 10
"""Containers on a host of a person; the extent says how many a large host has."""
TEN_TOOLS, TRACE, PREDICTION = "ten tools by hand", "trace", "trace --no-probe"
QUIET = "alone"
VIEWS = ("topology", "doctor", f"snapshot -o {os.devnull}")
WARNED = 2
"""How doctor ends where a bridge is nearly full, as with a thousand ports it is."""
WINDOW_SECONDS = 1.5


def measure_traces(extent: Extent) -> tuple[list[CommandRow], list[TrafficRow], list[Check]]:
    """All of this module."""
    commands: list[CommandRow] = []
    traffic: list[TrafficRow] = []
    with Daemon(Path("/run")) as daemon, Starter(daemon.environment) as starter:
        daemon.make_network(NETWORK)
        for present in (FEW, extent.burst):
            with namespaces(present) as paths:
                host = Host(daemon, starter, paths)
                commands += host.measure_commands(extent.traces)
                commands += host.measure_views(extent.views) if present > FEW else []
                traffic += host.measure_traffic(extent.windows)
                host.close()
    return commands, traffic, check(commands)


class Host:
    """Containers on one bridge."""

    def __init__(self, daemon: Daemon, starter: Starter, paths: Sequence[str]) -> None:
        self._daemon, self._starter, self._paths = daemon, starter, paths
        self._names = [f"traced-{number}" for number in range(len(paths))]
        pairs = zip(self._names, paths, strict=True)
        daemon.attach_all([attach_request(*pair, NETWORK) for pair in pairs], CONCURRENCY)
        wait_until_quiet()

    def close(self) -> None:
        self._daemon.detach_all(self._names, concurrency=256)

    def measure_commands(self, rounds: int) -> list[CommandRow]:
        """A pair of containers for each round; the three take turns in an order that changes."""
        took: dict[str, list[Run]] = {TEN_TOOLS: [], PREDICTION: [], TRACE: []}
        for number in range(-1, rounds):
            chance = Random(number)
            one, other = chance.sample(range(len(self._paths)), 2)
            for label in chance.sample(list(took), len(took)):
                ran = self._run(label, one, other)
                if number >= 0:  # the first round only warms up: bytecode, pages of the programs
                    took[label].append(ran)
        tools = took[TEN_TOOLS]
        return [command_row(label, len(self._paths), runs, tools) for label, runs in took.items()]

    def measure_views(self, rounds: int) -> list[CommandRow]:
        """What looks at everything there is."""
        return [
            command_row(
                view,
                len(self._paths),
                [self._run_glassbridge(*view.split()) for _ in range(rounds)],
            )
            for view in VIEWS
        ]

    def measure_traffic(self, windows: int) -> list[TrafficRow]:
        """Round trips between two containers, alone and beside traces between two others."""
        beside = {QUIET: None, PREDICTION: ["--no-probe"], TRACE: []}
        took: dict[str, list[tuple[float, ...]]] = {label: [] for label in beside}
        *_, here, there = self._paths
        game = PingPong(here, there, self._address(len(self._paths) - 1))
        for number in range(windows):
            for label in Random(number).sample(list(beside), len(beside)):
                with self._traces_in_a_loop(beside[label]):
                    took[label].append(game.play(WINDOW_SECONDS))
        game.close()
        quiet = took[QUIET]
        return [
            traffic_row(label, len(self._paths), rounds, quiet, WINDOW_SECONDS)
            for label, rounds in took.items()
        ]

    def _run(self, label: str, one: int, other: int) -> Run:
        if label == TEN_TOOLS:
            return self._starter.run_all(self._ten_tools(one, other))
        flags = ["--no-probe"] if label == PREDICTION else []
        return self._run_glassbridge("trace", self._names[one], self._names[other], *flags)

    def _run_glassbridge(self, *arguments: str) -> Run:
        command = self._daemon.command(*arguments)
        return self._starter.run(*command, ends=(0, WARNED) if "doctor" in arguments else (0,))

    @contextmanager
    def _traces_in_a_loop(self, flags: Sequence[str] | None) -> Iterator[None]:
        if flags is None:
            yield
            return
        command = self._daemon.command("trace", *self._names[:2], *flags)
        loop = subprocess.Popen(
            ["sh", "-c", 'while "$@"; do :; done', "sh", *command],
            stdout=subprocess.DEVNULL,
            env=self._daemon.environment,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(loop.pid, signal.SIGKILL)
            loop.wait()

    def _ten_tools(self, one: int, other: int) -> list[list[str]]:
        here, there = Path(self._paths[one]).name, Path(self._paths[other]).name
        address = str(self._address(other))
        return [
            line.split()
            for line in (
                f"ip -n {here} route get {address}",
                f"ip -n {here} neigh show {address}",
                f"ip -n {here} -d link show eth0",
                "ip -d link show",
                "bridge link show",
                "bridge fdb show",
                "nft -a list ruleset",
                "conntrack -L",
                "sysctl net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables",
                f"ip netns exec {there} ss -lntu",
            )
        ]

    def _address(self, number: int) -> IPv4Address:
        name = Path(self._paths[number]).name
        shown = subprocess.run(
            ["ip", "-j", "-n", name, "-4", "address", "show", "eth0"],
            capture_output=True,
            check=True,
        )
        return IPv4Address(json.loads(shown.stdout)[0]["addr_info"][0]["local"])


def check(commands: Sequence[CommandRow]) -> list[Check]:
    """What the issue aims at, beside what was measured."""
    limits = {TRACE: 1500, PREDICTION: 150}
    traces = [c for c in commands if c.label in limits]
    return [
        *(
            Check(Aim(f"{c.label}, {c.present} present", limits[c.label], "ms"), c.p50_ms)
            for c in traces
        ),
        Check(Aim("trace, most memory", 60, "MB"), max(c.peak_mb for c in traces)),
    ]
