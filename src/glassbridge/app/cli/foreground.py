"""What is run before our eyes: output, terminal, Ctrl-C and exit code are the command's."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from msgspec.structs import replace

from glassbridge.app.cli.exits import OWN_FAILURE, show_error
from glassbridge.app.cli.logs import copy_until, end_of
from glassbridge.app.cli.others_networks import ours_to_join
from glassbridge.app.client import ref_in_path
from glassbridge.app.paths import Paths
from glassbridge.app.service import connect
from glassbridge.errors import GlassbridgeError, KernelRefused
from glassbridge.frontends.api.bodies import DEFAULT_STOP_TIMEOUT, StopRequest
from glassbridge.model.container import Container
from glassbridge.model.requests import RunRequest
from glassbridge.model.views import SandboxView
from glassbridge.runtime.runtime import Runtime
from glassbridge.runtime.terminal import check_terminal, open_pty, relay

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def or_own_failure(command: Callable[[], int]) -> int:
    """The command's exit code; our own failures are told, and get a code that is none of its."""
    try:
        return command()
    except GlassbridgeError as error:
        show_error(error.message, error.hint)
        return OWN_FAILURE


def run_here(request: RunRequest, *, remove: bool, tty: bool) -> int:
    """Run a container, show it until its end, and return its exit code."""
    # with --rm we remove it ourselves: the daemon would do so before we had read all of its log
    container, code = _run_in_terminal(request) if tty else _run_in_log(request)
    if remove:
        with connect() as daemon:
            daemon.delete(_path(container), SandboxView)
    return code


def _run_in_log(request: RunRequest) -> tuple[Container, int]:
    if request.spec.interactive:
        spec = replace(request.spec, stdin=f"/proc/{os.getpid()}/fd/0")
        request = replace(request, spec=spec)
    with _interrupts_deferred():
        container = _start(request)
    end = end_of(container)
    log = Runtime(Paths.here().run_dir).log_path(container)
    patience = DEFAULT_STOP_TIMEOUT
    with _interrupts_raised(), _open(log) as stream:
        while True:
            try:
                return container, copy_until(end, stream)
            except KeyboardInterrupt:
                _stop_meanwhile(container, patience)
                patience = 0.0  # whoever insists means it


def _run_in_terminal(request: RunRequest) -> tuple[Container, int]:
    check_terminal()
    master, slave = open_pty()
    try:
        try:
            spec = replace(request.spec, tty=os.ttyname(slave))
            container = _start(replace(request, spec=spec))
        finally:
            os.close(slave)
        ended = _open_end(container)
        try:
            relay(master, ended)
        finally:
            os.close(ended)
    finally:
        os.close(master)
    return container, end_of(container).result()


def _start(request: RunRequest) -> Container:
    with ours_to_join(request.networks), connect() as daemon:
        view = daemon.post("/v1/containers", request, SandboxView)
    assert view.container is not None  # `run` answers with the container that it made
    return view.container


def _open_end(container: Container) -> int:
    """A descriptor that is readable once the container has ended."""
    descriptor = Runtime(Paths.here().run_dir).open_pidfd(container)
    if descriptor is not None:
        return descriptor
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.close(writer)
    return reader


def _stop_meanwhile(container: Container, patience: float) -> None:
    """Stop it while its last words are still being copied."""

    def stop() -> int:
        with connect() as daemon:
            daemon.post(f"{_path(container)}/stop", StopRequest(timeout=patience), SandboxView)
        return 0

    threading.Thread(target=or_own_failure, args=(stop,), daemon=True).start()


def _path(container: Container) -> str:
    return f"/v1/containers/{ref_in_path(container.id, 'container')}"


def _open(log: Path) -> BinaryIO:
    try:
        return log.open("rb")
    except OSError as error:
        raise KernelRefused(f"open the log {log}", error.errno or 0) from error


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Between asking for a container and knowing its id nobody could stop it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _interrupts_raised() -> Iterator[None]:
    """SIGTERM and SIGHUP mean to us what Ctrl-C means: stop the container."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
