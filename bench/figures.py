"""From samples to figures: quantiles, growth, and what the issue aims at; arithmetic only."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean

from bench.commands import Run


@dataclass(frozen=True, slots=True)
class Series:
    """What one case took, in microseconds, in the order in which it was measured.

    Several runs of the same burst stay apart: growth is a property of one run.
    """

    label: str
    runs: tuple[tuple[float, ...], ...]
    per_second: float | None = None
    """Of a burst: its size by its wall time."""

    @property
    def samples(self) -> tuple[float, ...]:
        return tuple(s for run in self.runs for s in run)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    label: str
    n: int
    p50_us: float
    p99_us: float
    growth: float
    of_floor: float
    """p50 by the p50 of the floor in the same run."""
    per_second: float | None


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command, run as a whole on a host with so many containers."""

    label: str
    present: int
    n: int
    p50_ms: float
    worst_ms: float
    cpu_ms: float
    """p50."""
    peak_mb: float
    """Of all runs."""
    of_tools: float | None = None
    """p50 by that of the ten tools in the same rounds."""


@dataclass(frozen=True, slots=True)
class TrafficRow:
    """Round trips of others on the same bridge, while something else goes on."""

    beside: str
    present: int
    n: int
    p50_us: float
    p99_us: float
    per_second: float
    of_quiet_p50: float
    of_quiet_rate: float
    """Beside nothing else, in windows in between: 1 is no cost at all."""


@dataclass(frozen=True, slots=True)
class Window:
    """Answers of one server in a stretch of time."""

    answers: int
    seconds: float
    cpu_seconds: float
    """The server's own, the kernel's work for it included."""


@dataclass(frozen=True, slots=True)
class NameRow:
    """A name server that is asked as fast as it answers."""

    label: str
    names: int
    n: int
    per_second: float
    """Median of the windows."""
    per_cpu_second: float
    of_peer: float
    """per_second by that of the peer, in windows in between."""


@dataclass(frozen=True, slots=True)
class PeerRow:
    """One program at one piece of work, with so many containers there already."""

    label: str
    what: str
    present: int
    n: int
    p50_ms: float
    worst_ms: float
    of_ours: float
    """p50 by that of ours at the same work, in the same rounds."""


@dataclass(frozen=True, slots=True)
class BurstRow:
    """Many at once."""

    label: str
    what: str
    n: int
    workers: int
    failed: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Aim:
    """One target: at most `limit`, or at least."""

    label: str
    limit: float
    unit: str
    at_least: bool = False

    def is_met(self, measured: float) -> bool:
        return measured >= self.limit if self.at_least else measured <= self.limit


@dataclass(frozen=True, slots=True)
class Check:
    """A target beside what was measured."""

    aim: Aim
    measured: float

    @property
    def is_met(self) -> bool:
        return self.aim.is_met(self.measured)


def quantile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` of all are not greater than (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def growth(samples: Sequence[float]) -> float:
    """Mean of the last decile by mean of the first."""
    decile = max(1, len(samples) // 10)
    return fmean(samples[-decile:]) / fmean(samples[:decile])


def row(series: Series, floor: Series) -> Row:
    """Condense a series; `floor` was measured in between its samples."""
    p50 = quantile(series.samples, 0.5)
    return Row(
        label=series.label,
        n=len(series.samples),
        p50_us=p50,
        p99_us=quantile(series.samples, 0.99),
        growth=fmean(growth(run) for run in series.runs),
        of_floor=p50 / quantile(floor.samples, 0.5),
        per_second=series.per_second,
    )


def command_row(
    label: str, present: int, runs: Sequence[Run], tools: Sequence[Run] = ()
) -> CommandRow:
    """Condense runs; `tools` ran in between them."""
    p50 = quantile([r.wall_ms for r in runs], 0.5)
    return CommandRow(
        label=label,
        present=present,
        n=len(runs),
        p50_ms=p50,
        worst_ms=max(r.wall_ms for r in runs),
        cpu_ms=quantile([r.cpu_ms for r in runs], 0.5),
        peak_mb=max(r.peak_mb for r in runs),
        of_tools=p50 / quantile([r.wall_ms for r in tools], 0.5) if tools else None,
    )


def traffic_row(
    beside: str,
    present: int,
    windows: Sequence[Sequence[float]],
    quiet: Sequence[Sequence[float]],
    seconds: float,
) -> TrafficRow:
    """Condense windows of so many seconds each; the quiet ones lay in between them."""
    samples, calm = ([s for window in some for s in window] for some in (windows, quiet))
    p50, rate = quantile(samples, 0.5), len(samples) / len(windows) / seconds
    return TrafficRow(
        beside=beside,
        present=present,
        n=len(samples),
        p50_us=p50,
        p99_us=quantile(samples, 0.99),
        per_second=rate,
        of_quiet_p50=p50 / quantile(calm, 0.5),
        of_quiet_rate=rate / (len(calm) / len(quiet) / seconds),
    )


def name_row(label: str, names: int, windows: Sequence[Window], peer: Sequence[Window]) -> NameRow:
    """Condense windows; those of the peer lay in between them."""
    rate, peer_rate = (quantile([w.answers / w.seconds for w in s], 0.5) for s in (windows, peer))
    answers = sum(w.answers for w in windows)
    return NameRow(
        label=label,
        names=names,
        n=answers,
        per_second=rate,
        per_cpu_second=answers / sum(w.cpu_seconds for w in windows),
        of_peer=rate / peer_rate,
    )
