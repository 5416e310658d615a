"""The daemon: the one place where engine, API and socket meet."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from glassbridge import __version__
from glassbridge.app.paths import Paths
from glassbridge.app.service import READY
from glassbridge.app.systemd import inherited_socket, notify
from glassbridge.engine.engine import Engine
from glassbridge.errors import GlassbridgeError, PermissionRefused
from glassbridge.frontends.api.bodies import FailureAnswer
from glassbridge.frontends.api.failures import describe_failure
from glassbridge.frontends.api.peer import PeerCheckedProtocol
from glassbridge.frontends.api.server import application
from glassbridge.model.address import to_json

_BACKLOG = 1024
_GRACE = 2
"""Seconds that requests in flight get when we stop."""
_NEW_OBJECTS = 700
"""After so many the collector looks, as everywhere but in commands: often, and briefly."""

_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """uvicorn ends by raising the signal again, which would count as a failure of the unit."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """End once the requests in flight are answered."""
        notify("STOPPING=1")
        self.should_exit = True


def run_daemon(*, ready_fd: int | None) -> None:
    """Serve until SIGTERM or SIGINT; networks and containers stay as they are.

    `ready_fd` is the pipe of the caller that started us: it hears that we listen, or why not.
    """
    # who started us may have had signals blocked, and that is inherited
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        _serve(Paths.here(), ready_fd)
    except GlassbridgeError as error:
        _, failure = describe_failure(error)
        _tell(ready_fd, to_json(FailureAnswer(error=failure)))
        raise


def _serve(paths: Paths, ready_fd: int | None) -> None:
    if os.geteuid() != 0:
        raise PermissionRefused(
            "the daemon changes the network of this machine, and that takes root",
            hint="use sudo, or `glassbridge lab` for a world of your own without root",
        )
    paths.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = Engine(paths.run_dir, paths.state_dir)
    try:
        listener = inherited_socket()
        inherited = listener is not None
        if listener is None:
            listener = _listen(paths)
        try:
            asyncio.run(_answer(engine, listener, ready_fd))
        finally:
            listener.close()
            if not inherited:
                paths.socket.unlink(missing_ok=True)
    finally:
        engine.close()


def _listen(paths: Paths) -> socket.socket:
    """Bind our socket; whatever lies there is of a dead daemon, for the engine's lock is ours."""
    paths.socket.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    mask = os.umask(0o177)
    try:
        listener.bind(os.fspath(paths.socket))
    finally:
        os.umask(mask)
    listener.listen(_BACKLOG)
    return listener


async def _answer(engine: Engine, listener: socket.socket, ready_fd: int | None) -> None:
    config = uvicorn.Config(
        application(engine),
        http=PeerCheckedProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=_GRACE,
    )
    # what start-up made lives as long as we do: the collector need not look at it again and again
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    _log.info("glassbridge %s serves as pid %d", __version__, os.getpid())
    _tell(ready_fd, READY)
    notify(f"READY=1\nMAINPID={os.getpid()}")
    await server.serve(sockets=[listener])
    _log.info("stopped; networks and containers stay as they are")


def _tell(ready_fd: int | None, message: bytes) -> None:
    if ready_fd is None:
        return
    with suppress(OSError):  # the caller may be gone: no reason for us to go
        os.write(ready_fd, message)
        os.close(ready_fd)
