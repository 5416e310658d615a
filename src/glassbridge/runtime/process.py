"""A process that cannot be mistaken for a later one of the same number."""

import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

_PF_FORKNOEXEC = 0x40  # linux/sched.h: forked, and no exec yet


class Process(Struct, frozen=True, kw_only=True):
    """A pid with its start time in clock ticks since boot."""

    pid: int
    started_ticks: int

    def is_running(self) -> bool:
        """It exists and has not exited; a zombie does not run."""
        fields = _stat(self.pid)
        return bool(fields) and int(fields[19]) == self.started_ticks and fields[0] not in "ZX"

    def has_executed(self) -> bool:
        """It has become another program since it was forked; False when it is gone, too."""
        fields = _stat(self.pid)
        return bool(fields) and not int(fields[6]) & _PF_FORKNOEXEC

    def open_pidfd(self) -> int | None:
        """A descriptor that polls readable at its exit, owned by the caller; None: gone already."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        # looked at after opening: from now on the descriptor means this process or none
        if self.is_running():
            return descriptor
        os.close(descriptor)
        return None

    def send(self, number: int) -> bool:
        """Send a signal; False when the process is gone."""
        descriptor = self.open_pidfd()
        if descriptor is None:
            return False
        try:
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True

    def wait(self, seconds: float) -> bool:
        """Wait for the exit of any process, child or not; False when time is up first."""
        descriptor = self.open_pidfd()
        if descriptor is None:
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        try:
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(descriptor)

    def reap(self) -> None:
        """Take the zombie away if it is our child."""
        if process_now(self.pid) == self:
            with suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)

    def hears(self, number: int) -> bool:
        """It catches the signal, or blocks it to fetch it in another way."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        masks = dict(line.split(":\t", 1) for line in status.splitlines() if line[:3] == "Sig")
        return bool((int(masks["SigCgt"], 16) | int(masks["SigBlk"], 16)) >> (number - 1) & 1)


def process_now(pid: int) -> Process | None:
    """The process that has this number at present."""
    fields = _stat(pid)
    return Process(pid=pid, started_ticks=int(fields[19])) if fields else None


def holding_files_of(folder: Path) -> tuple[Process, ...]:
    """The running processes that have a file below a folder open."""
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - hot: every process of the host
        if entry.isdecimal() and _holds(f"/proc/{entry}/fd", f"{folder}/"):
            process = process_now(int(entry))
            if process is not None and process.is_running():
                found.append(process)
    return tuple(found)


def _holds(descriptors: str, below: str) -> bool:
    with suppress(OSError):  # it ended, or is another user's
        for number in os.listdir(descriptors):  # noqa: PTH208 - hot
            with suppress(OSError):  # closed meanwhile
                if os.readlink(f"{descriptors}/{number}").startswith(below):  # noqa: PTH115 - hot
                    return True
    return False


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on (proc(5) numbers it 3); empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 2 :].split()  # a program's name may hold spaces and brackets
