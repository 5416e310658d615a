"""Starts bubblewrap as a session of its own that owes the daemon nothing.

No pipe leads back, so neither the daemon's death nor its restart reaches a container.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from glassbridge.errors import KernelRefused

PACKAGES = str(Path(__file__).parents[2])
_STATUS, _ARGUMENTS, _SECCOMP = 3, 4, 5
_LAUNCH = "glassbridge.runtime.launch"


def program(module: str, *arguments: str) -> list[str]:
    """The command that runs a module's `main(arguments)` without site packages: 10 ms."""
    boot = (
        f"import sys; sys.path.insert(0, sys.argv[1]); import {module} as m; m.main(sys.argv[2:])"
    )
    interpreter = os.path.realpath(sys.executable)
    return [interpreter, "-I", "-S", "-c", boot, PACKAGES, *arguments]


def launch_command(
    command: Sequence[str],
    *,
    netns: str = "",
    user: Sequence[str] = ("", "", "", ""),
    kept: int | None = None,
) -> list[str]:
    """The command that becomes `command` with what launch.main documents done before."""
    mask = "" if kept is None else f"{kept:x}"
    return program(_LAUNCH, netns, *user, mask, *command)


def bubblewrap_command(bubblewrap: str, command: Sequence[str], *, has_filter: bool) -> list[str]:
    """Bubblewrap with the descriptors that `spawn` gives it."""
    options = ["--args", str(_ARGUMENTS), "--json-status-fd", str(_STATUS)]
    if has_filter:
        options += ["--seccomp", str(_SECCOMP)]
    return [bubblewrap, *options, "--", *command]


class Streams(NamedTuple):
    """What a container reads from and writes to, by path."""

    input: str
    input_flags: int
    output: str


def spawn(command: Sequence[str], folder: Path, streams: Streams) -> int:
    """Start bubblewrap_command's words; returns the pid.

    A terminal becomes the session's own by being opened: the child leads a session without one.
    """
    private = 0o600
    create = os.O_CREAT | os.O_WRONLY
    files = [
        (os.POSIX_SPAWN_OPEN, 0, streams.input, streams.input_flags, 0),
        (os.POSIX_SPAWN_OPEN, 1, streams.output, create | os.O_APPEND, private),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        (os.POSIX_SPAWN_OPEN, _STATUS, str(folder / "status"), create | os.O_TRUNC, private),
        (os.POSIX_SPAWN_OPEN, _ARGUMENTS, str(folder / "arguments"), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, _SECCOMP, str(folder / "seccomp"), os.O_RDONLY, 0),
        *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable(beyond=_SECCOMP)),
    ]
    try:
        return os.posix_spawn(
            command[0],
            list(command),
            {"PATH": os.environ.get("PATH", os.defpath)},
            file_actions=files,
            setsid=True,
            setsigmask=(),
        )
    except OSError as error:
        raise KernelRefused(
            f"start a process with input {streams.input}", error.errno or 0
        ) from error


def _inheritable(beyond: int) -> list[int]:
    """Descriptors that would leak into the container, such as sockets passed by systemd."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - only names, and this fd closes with it
        try:
            if int(name) > beyond and os.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:  # closed meanwhile
            continue
    return found
