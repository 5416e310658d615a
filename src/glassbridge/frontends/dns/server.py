"""The name server: it answers at the sockets that it is given, from what the engine knows."""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from pathlib import Path

from msgspec import Struct

from glassbridge.frontends.dns.datagrams import DatagramDoor
from glassbridge.frontends.dns.desk import Desk
from glassbridge.frontends.dns.name_source import NameSource
from glassbridge.frontends.dns.sockets import Place
from glassbridge.frontends.dns.streams import Callers, StreamDoor

RESOLV_CONF = Path("/etc/resolv.conf")
_DOMAIN_PORT = 53

_log = logging.getLogger(__name__)


class _Doors(Struct, frozen=True):
    datagrams: DatagramDoor
    streams: StreamDoor

    def close(self) -> None:
        self.datagrams.close()
        self.streams.close()


class NameServer:
    """Lives in one event loop: every call comes from there."""

    def __init__(
        self,
        source: NameSource,
        *,
        resolv_conf: Path = RESOLV_CONF,
        server_port: int = _DOMAIN_PORT,
    ) -> None:
        """`server_port` is where others are asked."""
        self._desk = Desk(source, resolv_conf, server_port)
        self._callers = Callers()
        self._doors: dict[Place, _Doors] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def places(self) -> frozenset[Place]:
        """Where it answers."""
        return frozenset(self._doors)

    def adopt(self, place: Place, udp: socket.socket, tcp: socket.socket) -> None:
        """Answer there, too; the sockets become its own, with what waits in them."""
        datagrams = DatagramDoor(place, udp, self._desk, self._spawn)
        streams = StreamDoor(place, tcp, self._desk, self._callers, self._spawn)
        self._doors[place] = _Doors(datagrams, streams)

    def leave(self, place: Place) -> None:
        """Answer what has arrived there, and no more; done already is success."""
        doors = self._doors.pop(place, None)
        if doors is not None:
            doors.close()

    async def close(self) -> None:
        """Leave everywhere, and end what is under way."""
        for place in self.places:
            self.leave(place)
        for task in self._tasks:
            task.cancel()
        await self._desk.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("answering a question failed", exc_info=error)
