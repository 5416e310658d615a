"""Questions over UDP at one place: as many as wait are answered in one go of the event loop."""

import asyncio
import socket

from glassbridge.dns.answering import Forward
from glassbridge.frontends.dns.desk import Desk, Spawn
from glassbridge.frontends.dns.sockets import Place

_IN_ONE_GO = 64
"""Then others in the loop have their turn."""
_LAST_GOES = 16
"""At the end; who never stops asking does not keep us."""
_LARGEST = 4096
"""No question is longer; what is cut here is refused as malformed."""
_Address = tuple[str, int] | tuple[str, int, int, int]


class DatagramDoor:
    """Open from its making to `close`; the socket becomes its own."""

    def __init__(self, place: Place, opened: socket.socket, desk: Desk, spawn: Spawn) -> None:
        self._desk, self._spawn = desk, spawn
        self._asked_at = str(place.address)
        self._socket = opened
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._answer_waiting)

    def close(self) -> None:
        """Answer what has arrived, and listen no more."""
        self._loop.remove_reader(self._socket)
        for _ in range(_LAST_GOES):
            if not self._answer_waiting():
                break
        self._socket.close()

    def _answer_waiting(self) -> bool:
        """Answer a number of questions; whether more may wait."""
        receive, answer, send = self._socket.recvfrom, self._desk.answer, self._send
        asked_at = self._asked_at
        for _ in range(_IN_ONE_GO):
            try:
                message, asker = receive(_LARGEST)
            except BlockingIOError:
                return False
            except OSError:  # ICMP about an earlier answer: it went to nobody
                continue
            found = answer(message, asked_at=asked_at, asker=asker[0], over_tcp=False)
            if isinstance(found, bytes):
                send(found, asker)
            elif found is not None:
                self._spawn(self._ask_others(found, asker))
        return True

    async def _ask_others(self, forward: Forward, asker: _Address) -> None:
        self._send(await self._desk.ask_others(forward, asker[0], over_tcp=False), asker)

    def _send(self, message: bytes, asker: _Address) -> None:
        try:
            self._socket.sendto(message, asker)
        except OSError:  # who asked is gone, or does not take answers as fast as it asks
            return
