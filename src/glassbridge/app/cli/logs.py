"""A container's log on the screen, and its end noticed."""

import sys
import threading
from collections import deque
from concurrent.futures import Future, wait
from pathlib import Path
from typing import BinaryIO

from glassbridge.app.client import ref_in_path
from glassbridge.app.service import connect
from glassbridge.errors import InvalidRequest, NotFound, Unavailable
from glassbridge.frontends.api.bodies import WaitAnswer, WaitRequest
from glassbridge.model.container import Container, ContainerState

_CHUNK = 1 << 16
_LOOK_AGAIN = 0.05
"""Seconds between two looks at a log that may have grown."""


def show_log(container: Container, log: Path, *, follow: bool, tail: str) -> None:
    """Copy a container's log to stdout, from its last `tail` lines on."""
    lines = _lines_wanted(tail)
    try:
        stream = log.open("rb")
    except OSError as error:
        raise NotFound(f"the log of {container.name}, {log}: {error.strerror}") from error
    with stream:
        if lines is not None:
            stream.seek(_start_of_last(stream, lines))
        _copy(stream)
        if follow and container.state is ContainerState.RUNNING:
            copy_until(end_of(container), stream)


def end_of(container: Container) -> Future[int]:
    """A future of the exit code, from a thread that does not hold up our own end."""
    end: Future[int] = Future()

    def work() -> None:
        try:
            end.set_result(_wait(container))
        except BaseException as error:  # noqa: BLE001 - handed to the one who waits
            end.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return end


def _wait(container: Container) -> int:
    """Ask until there is a code; a daemon that was restarted meanwhile is asked again."""
    path = f"/v1/containers/{ref_in_path(container.id, 'container')}/wait"
    restarts = 0
    while True:
        with connect() as daemon:
            try:
                while True:
                    answer = daemon.post(path, WaitRequest(), WaitAnswer)
                    if answer.exit_code is not None:
                        return answer.exit_code
            except Unavailable:
                restarts += 1
                if restarts > 1:
                    raise


def copy_until(end: Future[int], stream: BinaryIO) -> int:
    """Copy a growing log to stdout until its container ends; returns the exit code."""
    while True:
        ended = end.done()  # asked before reading, so that the last words are not missed
        _copy(stream)
        if ended:
            return end.result()
        wait([end], timeout=_LOOK_AGAIN)


def _copy(stream: BinaryIO) -> None:
    out = sys.stdout.buffer
    while chunk := stream.read(_CHUNK):
        out.write(chunk)
    out.flush()


def _lines_wanted(tail: str) -> int | None:
    if tail == "all":
        return None
    if not (tail.isascii() and tail.isdecimal()):
        raise InvalidRequest(f"--tail {tail!r} is not a number of lines")
    return int(tail)


def _start_of_last(stream: BinaryIO, lines: int) -> int:
    """Where the last lines begin; the log is read once, and never held whole."""
    starts: deque[int] = deque(maxlen=lines)
    position = 0
    for line in stream:
        starts.append(position)
        position += len(line)
    return starts[0] if starts else position
