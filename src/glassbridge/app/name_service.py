"""The name server in the daemon: the engine opens its sockets, the event loop answers at them."""

import asyncio
import logging
import threading

from glassbridge.engine.names import Names
from glassbridge.errors import GlassbridgeError
from glassbridge.frontends.dns.server import NameServer
from glassbridge.frontends.dns.sockets import Place
from glassbridge.kernel.name_sockets import NameSockets

_PATIENCE = 1.0
"""Seconds."""

_log = logging.getLogger(__name__)


class NameService:
    """Made, started and stopped in the event loop; told of sockets by the engine's writer."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._loop = asyncio.get_running_loop()
        self._server = NameServer(names)

    async def start(self) -> None:
        """Answer at every network that stands or comes; without it everything else works."""
        try:
            await self._loop.run_in_executor(None, self._names.serve, self)
        except GlassbridgeError as error:
            _log.error("names are not answered: %s", error)

    async def stop(self) -> None:
        """Answer what has arrived, and listen no more."""
        self._names.quit()
        await self._server.close()

    def opened(self, sockets: NameSockets) -> None:
        """See engine.names.NameServing."""
        place = Place(sockets.address, sockets.port)
        self._loop.call_soon_threadsafe(self._server.adopt, place, sockets.udp, sockets.tcp)

    def closed(self, sockets: NameSockets) -> None:
        """See engine.names.NameServing; the loop never waits for the writer, who waits here."""
        place = Place(sockets.address, sockets.port)
        left = threading.Event()

        def leave() -> None:
            self._server.leave(place)
            left.set()

        self._loop.call_soon_threadsafe(leave)
        if not left.wait(_PATIENCE):
            _log.warning("names are still answered at %s port %d", *place)
