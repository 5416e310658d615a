"""One session of measurements: everything takes turns, so that a slow minute is slow for all.

Of every figure the ratio to what was measured beside it is what travels; microseconds do not.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from bench.attaches import measure_attaches
from bench.cni_chain import measure_cni
from bench.docker_runs import measure_docker
from bench.figures import BurstRow, Check, CommandRow, NameRow, PeerRow, Row, TrafficRow
from bench.names import measure_names
from bench.netavark_runs import measure_netavark
from bench.report import (
    print_bursts,
    print_checks,
    print_commands,
    print_disturbance,
    print_machine,
    print_names,
    print_peers,
    print_rows,
    print_traffic,
    write_json,
)
from bench.traces import measure_traces
from bench.world import DEFAULT, QUICK, Extent, Stopwatch, furnish, machine, wait_until_quiet

RESULT, QUICK_RESULT = Path(".cache/bench/latest.json"), Path(".cache/bench/quick.json")
"""Figures of one machine are no part of the project; `make clean` takes them."""
ATTACH, TRACE, NAMES, CNI, NETAVARK, DOCKER = PARTS = (
    "attach", "trace", "names", "cni", "netavark", "docker",
)  # fmt: skip


class Beside:
    """What was measured of programs that do the same work as ours."""

    def __init__(self, only: str | None, extent: Extent) -> None:
        self._only, self._extent = only, extent
        self.peers: list[PeerRow] = []
        self.bursts: list[BurstRow] = []
        self.checks: list[Check] = []

    def measure(
        self,
        part: str,
        measure: Callable[[Extent], tuple[list[PeerRow], list[BurstRow], list[Check]]],
    ) -> None:
        """One part, if it is asked for."""
        if self._only in {None, part}:
            peers, bursts, checks = measure(self._extent)
            self.peers += peers
            self.bursts += bursts
            self.checks += checks


def main() -> None:
    asked = _asked()
    extent = QUICK if asked.quick else DEFAULT
    result = asked.json or (QUICK_RESULT if asked.quick else RESULT)
    furnish()
    here = machine()
    print_machine(here)
    if not wait_until_quiet():
        print("WARNING: the machine does not come to rest")
    stopwatch = Stopwatch()
    rows: list[Row] = []
    commands: list[CommandRow] = []
    traffic: list[TrafficRow] = []
    names: list[NameRow] = []
    checks: list[Check] = []
    if asked.only in {None, ATTACH}:
        rows, checks = measure_attaches(extent)
    if asked.only in {None, TRACE}:
        commands, traffic, more = measure_traces(extent)
        checks += more
    if asked.only in {None, NAMES}:
        names, more = measure_names(extent)
        checks += more
    beside = Beside(asked.only, extent)
    beside.measure(CNI, measure_cni)
    beside.measure(NETAVARK, measure_netavark)
    others_share = stopwatch.others_share()
    # dockerd is no child of ours that ends, hence would count among the others
    beside.measure(DOCKER, measure_docker)
    checks += beside.checks
    print_rows(rows)
    print_commands(commands)
    print_traffic(traffic)
    print_names(names)
    print_peers(beside.peers)
    print_bursts(beside.bursts)
    print_checks(checks)
    print_disturbance(others_share)
    write_json(
        result,
        here,
        others_share,
        rows,
        commands,
        traffic,
        names,
        beside.peers,
        beside.bursts,
        checks,
    )


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run: figures mean nothing")
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"instead of {RESULT}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
