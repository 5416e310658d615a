"""Attach and detach, one by one and in bursts, against the floor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.cases import ATTACH, CASES, FLOOR, Case, Floor
from bench.daemon import Daemon, attach_request
from bench.figures import Aim, Check, Row, Series, quantile, row
from bench.http_client import Burst
from bench.world import Extent, build_floor, namespaces, wait_until_quiet

CROWD = 256
"""How many detaches are under way at once."""
CONCURRENCIES = (1, 32)
PS_RUNS = 10
NETWORK = "burst"


@dataclass(slots=True)
class Crowd:
    """What is seen while all endpoints of a burst are there, and when they go."""

    ps_us: list[float]
    resident_mb: list[float]
    detach_seconds: list[float]


def measure_attaches(extent: Extent) -> tuple[list[Row], list[Check]]:
    """All of this module."""
    floor = build_floor(Path("/run"))
    with Daemon(Path("/run")) as daemon:
        print(f"daemon at its start: {daemon.resident_mb():.1f} MB")
        singles = measure_singles(daemon, floor, extent.samples)
        bursts, crowd = measure_bursts(daemon, floor, extent)
    rows = [
        *(row(s, singles[FLOOR]) for s in singles.values()),
        *(row(s, bursts[0]) for s in bursts),
    ]
    return rows, check(rows, bursts, crowd)


def measure_singles(daemon: Daemon, floor: Path, samples: int) -> Mapping[str, Series]:
    """Every case once per round, in an order that changes, so that none always follows another."""
    with namespaces(samples * len(CASES)) as paths:
        cases: dict[str, Case] = {label: make(daemon, floor) for label, make in CASES.items()}
        took: dict[str, list[float]] = {label: [] for label in cases}
        fresh = iter(paths)
        for number in range(samples):
            order = list(cases)
            Random(number).shuffle(order)
            for label in order:
                took[label].append(cases[label].once(number, next(fresh)))
        for case in cases.values():
            case.close()
    return {label: Series(label, (tuple(times),)) for label, times in took.items()}


def measure_bursts(daemon: Daemon, floor: Path, extent: Extent) -> tuple[list[Series], Crowd]:
    """Bursts of the floor and of the daemon in turns; the floor's series comes first."""
    daemon.make_network(NETWORK)
    floor_runs: list[tuple[float, ...]] = []
    attach_runs: dict[int, list[Burst]] = {c: [] for c in CONCURRENCIES}
    crowd = Crowd([], [], [])
    for _ in range(extent.rounds):
        with namespaces(extent.burst) as paths:
            case = Floor(floor)
            floor_runs.append(tuple(case.once(*numbered) for numbered in enumerate(paths)))
            case.close()
        for concurrency, runs in attach_runs.items():
            with namespaces(extent.burst) as paths:
                runs.append(attach_and_detach(daemon, paths, concurrency, crowd))
    size = extent.rounds * extent.burst
    seconds = sum(map(sum, floor_runs)) / 1e6
    series = [Series(f"{extent.burst} x floor", tuple(floor_runs), size / seconds)]
    for concurrency, runs in attach_runs.items():
        label = f"{extent.burst} attaches, {concurrency} at once"
        latencies = tuple(run.latencies_us for run in runs)
        series.append(Series(label, latencies, size / sum(run.seconds for run in runs)))
    return series, crowd


def attach_and_detach(
    daemon: Daemon, paths: Sequence[str], concurrency: int, crowd: Crowd
) -> Burst:
    names = [f"{NETWORK}-{number}" for number in range(len(paths))]
    requests = [attach_request(*each, NETWORK) for each in zip(names, paths, strict=True)]
    attached = daemon.attach_all(requests, concurrency)
    wait_until_quiet()
    crowd.resident_mb.append(daemon.resident_mb())
    crowd.ps_us += [daemon.ps(expected=len(paths)) for _ in range(PS_RUNS)]
    wait_until_quiet()
    crowd.detach_seconds.append(daemon.detach_all(names, CROWD).seconds)
    return attached


def check(rows: Sequence[Row], bursts: Sequence[Series], crowd: Crowd) -> list[Check]:
    """What the issue aims at, beside what was measured."""
    attach = next(r for r in rows if r.label == ATTACH)
    checks = [Check(Aim("attach, p50", 2, "x floor"), attach.of_floor)]
    for burst in rows[-len(bursts) + 1 :]:
        assert burst.per_second is not None
        checks.append(Check(Aim(f"{burst.label}: growth", 2, ""), burst.growth))
        checks.append(
            Check(Aim(f"{burst.label}: rate", 500, "/s", at_least=True), burst.per_second)
        )
    there = len(bursts[0].runs[0])
    return [
        *checks,
        Check(Aim(f"{there} detaches, {CROWD} at once", 1, "s"), max(crowd.detach_seconds)),
        Check(Aim(f"glassbridge ps of {there}", 150, "ms"), quantile(crowd.ps_us, 0.5) / 1e3),
        Check(Aim(f"daemon with {there} endpoints", 45, "MB"), max(crowd.resident_mb)),
    ]
