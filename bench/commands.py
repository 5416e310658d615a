"""Whole commands, from start to end: time, CPU time and memory as the kernel counts them.

They are started by a process of their own, for a small one must do it: what the kernel says of a
command's memory includes whoever it was before exec (setmax_mm_hiwater_rss in exec_mmap).
"""

import json
import os
import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from subprocess import PIPE, Popen
from time import perf_counter
from types import TracebackType
from typing import NamedTuple, Self

_UNREAD = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]


class Run(NamedTuple):
    """What one command took, or several that ran one after another."""

    wall_ms: float
    cpu_ms: float
    """Of all CPUs, the kernel's work for it included."""
    peak_mb: float
    """Most resident memory of one process, in 10^6 bytes; at least the starter's, about 12."""


class Starter:
    """Runs commands whose output nobody reads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", __spec__.name]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def run(self, *command: str, ends: Collection[int] = (0,)) -> Run:
        """Run one; raises RuntimeError where it does not end as it should."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(command) + "\n")
        process.stdin.flush()
        exit_code, *used = json.loads(process.stdout.readline())
        if exit_code not in ends:
            raise RuntimeError(f"{shlex.join(command)}: exit code {exit_code}")
        return Run(*used)

    def run_all(self, commands: Sequence[Sequence[str]]) -> Run:
        """Run one after another, as a person would."""
        walls, cpus, peaks = zip(*(self.run(*c) for c in commands), strict=True)
        return Run(sum(walls), sum(cpus), max(peaks))


def _run(command: list[str]) -> tuple[int, float, float, float]:
    began = perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=_UNREAD)
    _, status, used = os.wait4(pid, 0)
    wall, cpu = perf_counter() - began, used.ru_utime + used.ru_stime
    peak = used.ru_maxrss * 1024 / 1e6
    return os.waitstatus_to_exitcode(status), wall * 1e3, cpu * 1e3, peak


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)
