"""What is written of a container's first process: bubblewrap's report, and our own record."""

import os
import time
from pathlib import Path

import msgspec

from glassbridge.runtime.process import Process, process_now

_TICKS = os.sysconf("SC_CLK_TCK")
_CLOCK_STEP_SECONDS = 1.0


def report_of(folder: Path) -> dict[str, int]:
    """Bubblewrap's lines; the exit code is there only if the command was executed."""
    report: dict[str, int] = {}
    for line in _read(folder / "status").splitlines():
        try:
            report |= msgspec.json.decode(line, type=dict[str, int])
        except msgspec.DecodeError:  # still being written
            break
    return report


def record_init(folder: Path, init: Process) -> None:
    """Note which process is the container's first, as the host sees it."""
    path = folder / "init"
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(init))


def recorded_init(folder: Path) -> Process | None:
    """The container's first process; None when it never had one, or that is gone."""
    text = _read(folder / "init")
    return msgspec.json.decode(text, type=Process) if text else _unrecorded_init(folder)


def _unrecorded_init(folder: Path) -> Process | None:
    """Of a start that broke off ahead of the record only the report tells, and that by number.

    Who has the number now is the one that is meant if he is older than the report.
    """
    child = report_of(folder).get("child-pid")
    found = None if child is None else process_now(child)
    if found is None:
        return None
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    reported = (folder / "status").stat().st_mtime - boot
    is_older = found.started_ticks / _TICKS < reported + _CLOCK_STEP_SECONDS
    return found if is_older else None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
