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
_PRIVATE = 0o600
_LAUNCH = "glassbridge.runtime.launch"

SHELL = "/bin/sh"
"""What takes the terminal inside, where the container has it."""


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


def bubblewrap_command(
    bubblewrap: str, command: Sequence[str], *, has_filter: bool, takes_terminal: bool
) -> list[str]:
    """Bubblewrap with the descriptors that `spawn` gives it.

    With `takes_terminal` a shell inside leads a session of its own and opens the terminal, which
    thereby controls that one: in bubblewrap's session Ctrl-C would end bubblewrap as well, and
    with it the container.
    """
    options = ["--args", str(_ARGUMENTS), "--json-status-fd", str(_STATUS)]
    if has_filter:
        options += ["--seccomp", str(_SECCOMP)]
    if takes_terminal:
        options.append("--new-session")
        command = [SHELL, "-c", 'exec "$@" <>/dev/console >&0 2>&0', "sh", *command]
    return [bubblewrap, *options, "--", *command]


class Streams(NamedTuple):
    """What a container reads from and writes to, by path."""

    input: str
    output: str
    is_terminal: bool = False
    is_ours: bool = True
    """The terminal shall control the session that `spawn` makes, not one further inside."""
    is_endless: bool = False
    """A FIFO that is held open for writing, so that it never ends."""


def spawn(command: Sequence[str], folder: Path, streams: Streams) -> int:
    """Start bubblewrap_command's words; returns the pid.

    A terminal becomes a session's own by being opened: the child leads a session without one.
    """
    create = os.O_CREAT | os.O_WRONLY
    control = 0 if streams.is_ours else os.O_NOCTTY
    own = [] if streams.is_terminal else [_open_input(streams)]
    files = [
        (os.POSIX_SPAWN_DUP2, own[0], 0)
        if own
        else (os.POSIX_SPAWN_OPEN, 0, streams.input, os.O_RDWR | control, 0),
        (os.POSIX_SPAWN_OPEN, 1, streams.output, create | os.O_APPEND | control, _PRIVATE),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        (os.POSIX_SPAWN_OPEN, _STATUS, str(folder / "status"), create | os.O_TRUNC, _PRIVATE),
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
        raise KernelRefused(f"start a process on {streams.input}", error.errno or 0) from error
    finally:
        for descriptor in own:
            os.close(descriptor)


def _open_input(streams: Streams) -> int:
    """Open without waiting: a FIFO whose writers are gone would hold the whole daemon up."""
    access = os.O_RDWR if streams.is_endless else os.O_RDONLY
    try:
        descriptor = os.open(streams.input, access | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelRefused(f"open the input {streams.input}", error.errno or 0) from error
    os.set_blocking(descriptor, True)
    return descriptor


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
