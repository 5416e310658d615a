"""The world that is measured in: namespaces made ahead, a quiet machine, and what machine it is."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

_NETNS = Path("/run/netns")
_QUIET_SHARE = 0.15
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 5.0
_BUSY_LOAD = 0.5
"""Load average by CPU above which the figures are doubtful."""
BUSY_WITH_OTHERS = 0.05
"""Share of the CPUs that others may have while we measure; they hold the kernel's locks, too."""
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_KTHREADD = 2
_PPID, _USER_TICKS, _SYSTEM_TICKS = 3, 13, 14
"""Fields of proc_pid_stat(5), counted from zero."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    samples: int
    burst: int
    rounds: int
    traces: int
    views: int
    windows: int
    """Of traffic, for each thing that it has beside it."""
    crowds: int
    """In how many sizes of crowd programs are measured beside ours."""
    peer_rounds: int
    docker_rounds: int


DEFAULT, QUICK = Extent(240, 1000, 2, 15, 3, 6, 3, 20, 5), Extent(20, 100, 1, 2, 1, 1, 2, 3, 1)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure means nothing without."""

    kernel: str
    cpus: int
    python: str
    load: tuple[float, float, float]

    @property
    def is_busy(self) -> bool:
        """Whether something else was running before us."""
        return self.load[0] / self.cpus > _BUSY_LOAD


def machine() -> Machine:
    return Machine(
        kernel=platform.release(),
        cpus=len(os.sched_getaffinity(0)),
        python=platform.python_version(),
        load=os.getloadavg(),
    )


_SECONDS_THAT_TELL = 1.0
"""The kernel counts in ticks of 10 ms, and a run of Docker alone ends before it is watched."""


class Stopwatch:
    """Who had the CPUs since it was made; children count once they have ended."""

    def __init__(self) -> None:
        self._began = self._read()

    def others_share(self) -> float:
        """Share of all CPU time that went to processes that are not ours."""
        total, others = (b - a for a, b in zip(self._began, self._read(), strict=True))
        return max(0.0, others / total) if total > _SECONDS_THAT_TELL else 0.0

    @staticmethod
    def _read() -> tuple[float, float]:
        """All CPU time so far, and what of it neither we nor kernel threads had; seconds."""
        busy, idle, interrupts = (ticks / _TICKS_PER_SECOND for ticks in _cpu_ticks())
        ours = sum(os.times()[:4])
        return busy + idle + interrupts, busy - ours - _kernel_thread_seconds()


def furnish() -> None:
    """Give this mount namespace an empty /run, and this network namespace a loopback.

    Python keeps bytecode there, whatever it is told elsewhere: an installed package has it.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = "/run/bytecode"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def build_floor(folder: Path) -> Path:
    """Compile the floor."""
    program = folder / "floor"
    source = Path(__file__).with_name("floor.c")
    subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    return program


@contextmanager
def namespaces(count: int) -> Iterator[tuple[str, ...]]:
    """Fresh namespaces, their lo still down; what is in them goes with them, outside any clock."""
    names = [f"bench{number}" for number in range(count)]
    _batch(f"netns add {name}" for name in names)
    wait_until_quiet()
    try:
        yield tuple(str(_NETNS / name) for name in names)
    finally:
        _batch(f"netns del {name}" for name in names)
        wait_until_quiet()


def wait_until_quiet() -> bool:
    """Wait for the kernel's own clearing up, which goes on after every answer; False if in vain."""
    end = monotonic() + _PATIENCE_SECONDS
    while monotonic() < end:
        if _busy_share() < _QUIET_SHARE:
            return True
    return False


def _busy_share() -> float:
    before = _cpu_ticks()
    sleep(_LOOK_SECONDS)
    busy, idle, interrupts = (b - a for a, b in zip(before, _cpu_ticks(), strict=True))
    return (busy + interrupts) / max(1, busy + interrupts + idle)


def _cpu_ticks() -> tuple[int, int, int]:
    """Busy, idle, and in interrupts, of all CPUs since boot (proc_stat(5))."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, idle, iowait, *interrupts = map(int, line.split()[1:8])
    return user + nice + system, idle + iowait, sum(interrupts)


def _kernel_thread_seconds() -> float:
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # ended since it was listed
            continue
        fields = text.rpartition(")")[2].split()  # the name may hold spaces: state is the first
        if int(fields[_PPID - 2]) == _KTHREADD:
            ticks += int(fields[_USER_TICKS - 2]) + int(fields[_SYSTEM_TICKS - 2])
    return ticks / _TICKS_PER_SECOND


def _batch(lines: Iterator[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
