"""The daemon: the one place where engine, API and socket meet."""

import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import sys
from contextlib import suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from glassbridge import __version__
from glassbridge.app.docker_plugin import DockerPlugin
from glassbridge.app.http_server import Server, configuration, listen
from glassbridge.app.name_service import NameService
from glassbridge.app.paths import Paths
from glassbridge.app.service import READY
from glassbridge.app.systemd import API, DOCKER, inherited_sockets, notify
from glassbridge.engine.engine import Engine
from glassbridge.errors import GlassbridgeError, PermissionRefused
from glassbridge.frontends.api.bodies import FailureAnswer
from glassbridge.frontends.api.failures import describe_failure
from glassbridge.frontends.api.server import application, refuse_everything
from glassbridge.frontends.cni import server as cni
from glassbridge.frontends.netavark import server as netavark
from glassbridge.model.address import to_json

_NEW_OBJECTS = 700
"""After so many the collector looks, as everywhere but in commands: often, and briefly."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of malloc.h."""

_LONG = 512 << 10
"""More than the event loop reads at once."""

_log = logging.getLogger(__name__)


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
    _allow_descriptors()
    _keep_little_memory()
    try:
        _serve(Paths.here(), ready_fd)
    except GlassbridgeError as error:
        _, failure = describe_failure(error)
        _tell(ready_fd, to_json(FailureAnswer(error=failure)))
        raise


def _allow_descriptors() -> None:
    """A shell's 1,024 are too few: published ports, name servers and questions take one each."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _keep_little_memory() -> None:
    """One heap for all threads, which take turns anyway, and long answers outside of it."""
    with suppress(AttributeError):  # mallopt(3) is glibc's
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, _LONG)
        set_option(_M_TRIM_THRESHOLD, 2 * _LONG)  # else each read would grow and shrink the heap


def _serve(paths: Paths, ready_fd: int | None) -> None:
    if os.geteuid() != 0:
        raise PermissionRefused(
            "the daemon changes the network of this machine, and that takes root",
            hint="use sudo, or `glassbridge lab` for a world of your own without root",
        )
    paths.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = Engine(paths.run_dir, paths.state_dir)
    try:
        inherited = inherited_sockets()
        plugin = DockerPlugin(engine, paths.docker_enabled, inherited.get(DOCKER))
        # whatever lies at our path is of a dead daemon, for the engine's lock is ours
        listener = inherited.get(API) or listen(paths.socket)
        try:
            asyncio.run(_answer(engine, plugin, listener, ready_fd))
        finally:
            listener.close()
            plugin.end()
            if API not in inherited:
                paths.socket.unlink(missing_ok=True)
    finally:
        engine.close()


async def _answer(
    engine: Engine, plugin: DockerPlugin, listener: socket.socket, ready_fd: int | None
) -> None:
    # what start-up made lives as long as we do: the collector need not look at it again and again
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    server = Server(configuration(_front_ends(engine, plugin), refuse_everything))
    await plugin.start(server)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: _stop(server))
    names = NameService(engine.names)
    await names.start()
    _log.info("glassbridge %s serves as pid %d", __version__, os.getpid())
    _tell(ready_fd, READY)
    notify(f"READY=1\nMAINPID={os.getpid()}")
    await server.serve(sockets=[listener])
    await names.stop()
    _log.info("stopped; networks and containers stay as they are")


def _front_ends(engine: Engine, plugin: DockerPlugin) -> ASGIApp:
    """What our own socket serves: the API, and what the plugins of CNI and netavark post."""
    api = application(engine, plugin)
    by_path = {
        cni.PATH: cni.application(engine.attachments),
        netavark.PATH: netavark.application(engine.attachments),
    }

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await by_path.get(scope["path"], api)(scope, receive, send)

    return answer


def _stop(server: Server) -> None:
    """End once the requests in flight are answered."""
    notify("STOPPING=1")
    server.should_exit = True


def _tell(ready_fd: int | None, message: bytes) -> None:
    if ready_fd is None:
        return
    with suppress(OSError):  # the caller may be gone: no reason for us to go
        os.write(ready_fd, message)
        os.close(ready_fd)
