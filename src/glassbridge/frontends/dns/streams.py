"""Questions over TCP at one place (RFC 7766): pipelined, answered as answers come."""

import asyncio
import socket
from collections import Counter

from glassbridge.dns.answering import Forward
from glassbridge.frontends.dns.desk import Desk, Spawn
from glassbridge.frontends.dns.sockets import Place

_IDLE_SECONDS = 5.0
"""For a whole question to come, and for an answer to be taken."""
_MOST_AT_ONCE = 32
"""Questions of one connection that others are asked; more are not read before."""
_MOST_CONNECTIONS, _MOST_OF_ONE = 256, 16
_REST_SECONDS = 1.0
"""After the kernel refused a connection: it would offer it again at once, for ever."""


class Callers:
    """How many connections there are, at all places together, and whose."""

    def __init__(self) -> None:
        self._by_asker: Counter[str] = Counter()

    def admit(self, asker: str) -> bool:
        """Count one more, if there is room."""
        if self._by_asker.total() >= _MOST_CONNECTIONS or self._by_asker[asker] >= _MOST_OF_ONE:
            return False
        self._by_asker[asker] += 1
        return True

    def leave(self, asker: str) -> None:
        """One less."""
        self._by_asker[asker] -= 1
        if not self._by_asker[asker]:
            del self._by_asker[asker]


class StreamDoor:
    """Open from its making to `close`; the socket becomes its own."""

    def __init__(
        self, place: Place, opened: socket.socket, desk: Desk, callers: Callers, spawn: Spawn
    ) -> None:
        self._desk, self._callers, self._spawn = desk, callers, spawn
        self._asked_at = str(place.address)
        self._socket = opened
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._accept)

    def close(self) -> None:
        """Accept no more; connections that stand end by themselves."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        try:
            connection, (asker, *_) = self._socket.accept()
        except BlockingIOError:
            return
        except OSError:
            self._loop.remove_reader(self._socket)
            self._loop.call_later(_REST_SECONDS, self._listen_again)
            return
        if not self._callers.admit(asker):
            connection.close()
            return
        connection.setblocking(False)
        self._spawn(self._serve(connection, asker))

    def _listen_again(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket, self._accept)

    async def _serve(self, connection: socket.socket, asker: str) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=connection)
            try:
                await Conversation(self._desk, self._asked_at, asker, reader, writer).hold()
            finally:
                writer.transport.abort()
        finally:
            connection.close()
            self._callers.leave(asker)


class Conversation:
    """One connection."""

    def __init__(
        self,
        desk: Desk,
        asked_at: str,
        asker: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._desk, self._asked_at, self._asker = desk, asked_at, asker
        self._reader, self._writer = reader, writer
        self._room = asyncio.Semaphore(_MOST_AT_ONCE)

    async def hold(self) -> None:
        """Answer until the other side has no more to ask, and has taken its answers."""
        try:
            async with asyncio.TaskGroup() as answers:
                await self._answer_all(answers)
            self._writer.close()
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._writer.wait_closed()
        except* (TimeoutError, OSError):  # gone, or too slow
            pass

    async def _answer_all(self, answers: asyncio.TaskGroup) -> None:
        """Take questions until there are none, or none comes in time."""
        while (message := await self._next()) is not None:
            found = self._desk.answer(
                message, asked_at=self._asked_at, asker=self._asker, over_tcp=True
            )
            if isinstance(found, Forward):
                await self._room.acquire()
                answers.create_task(self._ask_others(found))
            elif found is None:
                return
            else:
                await self._write(found)

    async def _next(self) -> bytes | None:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                length = int.from_bytes(await self._reader.readexactly(2), "big")
                return await self._reader.readexactly(length)
        except (TimeoutError, asyncio.IncompleteReadError):
            return None

    async def _ask_others(self, forward: Forward) -> None:
        try:
            await self._write(await self._desk.ask_others(forward, self._asker, over_tcp=True))
        finally:
            self._room.release()

    async def _write(self, message: bytes) -> None:
        self._writer.write(len(message).to_bytes(2, "big") + message)
        async with asyncio.timeout(_IDLE_SECONDS):
            await self._writer.drain()
