"""Docker's plugin in the daemon: a socket where dockerd looks, there as long as it is enabled."""

import asyncio
import logging
import socket
import threading
from collections.abc import Coroutine
from pathlib import Path

from glassbridge.app.http_server import Door, Server, listen
from glassbridge.app.paths import DOCKER_SOCKET
from glassbridge.engine.engine import Engine
from glassbridge.engine.inhabitants import with_members
from glassbridge.errors import Conflict, GlassbridgeError, PermissionRefused
from glassbridge.frontends.api.bodies import FreedAnswer, PluginAnswer
from glassbridge.frontends.docker.server import application, refuse_everything
from glassbridge.model.network import Manager
from glassbridge.model.views import NetworkView

_log = logging.getLogger(__name__)


class DockerPlugin:
    """Serves both of Docker's protocols; once started, thread-safe."""

    def __init__(self, engine: Engine, setting: Path, inherited: socket.socket | None) -> None:
        """`setting` is a file that exists while the plugin is enabled."""
        self._engine = engine
        self._setting = setting
        self._inherited = inherited
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._door: Door | None = None

    async def start(self, server: Server) -> None:
        """Serve if systemd says so, or somebody did; not being able to is no reason to end."""
        self._server = server
        self._loop = asyncio.get_running_loop()
        if self._inherited is not None:
            await self._open(self._inherited)
        elif self._setting.exists():
            try:
                self._listener = _listen()
                await self._open(self._listener)
            except GlassbridgeError as error:
                _log.warning("Docker's plugin is not served: %s", error.message)

    def end(self) -> None:
        """Take the socket away; Docker waits a while for it to come back."""
        if self._listener is not None:
            DOCKER_SOCKET.unlink(missing_ok=True)

    def plugin(self) -> PluginAnswer:
        """How things stand."""
        return PluginAnswer(
            enabled=self._inherited is not None or self._setting.exists(),
            socket=str(DOCKER_SOCKET),
            serving=self._inherited is not None or self._listener is not None,
            by_systemd=self._inherited is not None,
            orphans=tuple(o.what for o in self._engine.ipam.orphans()),
        )

    def free_orphans(self) -> FreedAnswer:
        """Give back what is held for networks that Docker does not know."""
        return FreedAnswer(freed=tuple(o.what for o in self._engine.ipam.free_orphans()))

    def enable_plugin(self) -> PluginAnswer:
        """Serve now and after every start; raises Conflict when another program has the socket."""
        with self._lock:
            if self._inherited is None:
                if self._listener is None:
                    self._listener = _listen()
                    self._wait_for(self._open(self._listener))
                self._setting.touch(mode=0o600)
        return self.plugin()

    def disable_plugin(self, *, force: bool) -> PluginAnswer:
        """Serve no longer; raises Conflict while networks of Docker's are here."""
        with self._lock:
            if self._inherited is not None:
                raise Conflict(
                    f"systemd listens on {DOCKER_SOCKET}",
                    hint="systemctl disable --now glassbridge-docker.socket",
                )
            networks = self._networks()
            if networks and not force:
                members = {m.sandbox.id: m for view in networks for m in view.endpoints}
                called = with_members(networks, tuple(members.values()))
                names = ", ".join(view.network.name for view in called)
                raise Conflict(
                    f"Docker has networks here: {names}",
                    hint="docker network rm them, or: glassbridge docker disable --force",
                )
            if self._listener is not None:
                self._wait_for(self._close())
                DOCKER_SOCKET.unlink(missing_ok=True)
            self._setting.unlink(missing_ok=True)
            for view in networks:
                self._take_down(view)
        return self.plugin()

    async def _open(self, listener: socket.socket) -> None:
        served = application(self._engine.driver, self._engine.ipam)
        self._door = Door(self._server, served, refuse_everything)
        await self._door.open(listener)

    async def _close(self) -> None:
        if self._door is not None:
            await self._door.close()
        self._door = self._listener = None

    def _networks(self) -> tuple[NetworkView, ...]:
        return tuple(
            view
            for view in self._engine.networks()
            if view.network.managed is not None and view.network.managed.by is Manager.DOCKER
        )

    def _take_down(self, view: NetworkView) -> None:
        for sandbox in view.endpoints:
            for plugged in sandbox.endpoints:
                if plugged.endpoint.network == view.network.id:
                    self._engine.driver.forget(plugged.endpoint.id)
        if view.network.managed is not None:
            self._engine.driver.remove_network(view.network.managed)

    def _wait_for(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _listen() -> socket.socket:
    try:
        DOCKER_SOCKET.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        return listen(DOCKER_SOCKET)
    except OSError as error:
        raise PermissionRefused(
            f"the socket {DOCKER_SOCKET} cannot be made: {error.strerror}"
        ) from error
