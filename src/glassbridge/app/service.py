"""Reach the daemon, and start it when a command needs it and nobody has."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glassbridge.app.client import Client, NotRunning, root_needed
from glassbridge.app.paths import Paths
from glassbridge.errors import Unavailable
from glassbridge.frontends.api.bodies import FailureAnswer
from glassbridge.frontends.api.failures import failure_as_error
from glassbridge.model.address import from_json

READY = b"ready\n"


def connect() -> Client:
    """Connect to the daemon of this network namespace, started if need be."""
    paths = Paths.here()
    try:
        return Client(paths.socket)
    except NotRunning:
        if os.geteuid() != 0:
            raise root_needed() from None
    with _start_lock(paths):
        try:  # another caller may have started it while we waited for the lock
            return Client(paths.socket)
        except NotRunning:
            _start(paths)
    return Client(paths.socket)


def connect_if_running() -> Client | None:
    """Connect to the daemon unless it is not there: a read-only view can do without it."""
    try:
        return Client(Paths.here().socket)
    except NotRunning:
        return None


@contextmanager
def _start_lock(paths: Paths) -> Iterator[None]:
    try:
        paths.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(paths.start_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(
            f"the run folder {paths.run_dir} cannot be used: {error.strerror}",
            hint="GLASSBRIDGE_RUN_DIR names another",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _start(paths: Paths) -> None:
    """Start a daemon that outlives us; return when it listens, raise what it says if it cannot."""
    import subprocess  # noqa: PLC0415 - 8 ms that a command needs only when nobody listens yet

    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        with paths.log.open("ab") as log:
            subprocess.Popen(
                # -P: a folder that root happens to stand in must not be imported from
                [sys.executable, "-P", "-m", "glassbridge", "daemon", f"--ready-fd={writer}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                pass_fds=(writer,),
            )
        os.close(writer)
        writer = -1
        with os.fdopen(os.dup(reader), "rb") as pipe:
            said = pipe.read()
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
    if said == READY:
        return
    if said:
        raise failure_as_error(from_json(said, FailureAnswer).error)
    raise Unavailable(
        f"the daemon ended while it started: {_last_line(paths.log)}", hint=f"see {paths.log}"
    )


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
