"""Whole commands, from start to end: time, CPU time and memory as the kernel counts them."""

import os
import shlex
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

_UNREAD = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]


class Run(NamedTuple):
    """What one command took, or several that ran one after another."""

    wall_ms: float
    cpu_ms: float
    """Of all CPUs, the kernel's work for it included."""
    peak_mb: float
    """Most resident memory of one process, in 10^6 bytes."""


def run(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a command whose output nobody reads; raises RuntimeError where it fails."""
    began = perf_counter()
    pid = os.posix_spawnp(command[0], [*command], environment, file_actions=_UNREAD)
    _, status, used = os.wait4(pid, 0)
    wall = perf_counter() - began
    if status:
        raise RuntimeError(f"{shlex.join(command)}: exit code {os.waitstatus_to_exitcode(status)}")
    cpu = used.ru_utime + used.ru_stime
    return Run(wall * 1e3, cpu * 1e3, used.ru_maxrss * 1024 / 1e6)


def run_all(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Run:
    """Run one after another, as a person would."""
    walls, cpus, peaks = zip(*(run(c, environment) for c in commands), strict=True)
    return Run(sum(walls), sum(cpus), max(peaks))
