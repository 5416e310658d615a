"""One enquiry over real sockets: by UDP from a new port for each try, or by TCP."""

import asyncio
import os
import socket
from contextlib import ExitStack

from glassbridge.dns.enquiry import Enquiry, Heard, Try
from glassbridge.frontends.dns.sockets import socket_address, unconnected

_LARGEST = 65535
_Arrivals = asyncio.Queue[tuple[Try, bytes | None]]


async def ask_by_udp(enquiry: Enquiry, seconds: float, port: int) -> bytes | None:
    """Ask server after server, each beside those before it; None when nobody could tell."""
    arrivals: _Arrivals = asyncio.Queue()
    with ExitStack() as open_sockets:
        while attempt := enquiry.next(os.urandom(2)):
            try:
                open_sockets.enter_context(_Question(attempt, port, arrivals))
            except OSError:  # no way leads there
                enquiry.give_up(attempt)
                continue
            answer = await _listen(enquiry, arrivals, seconds)
            if answer is not None:
                return answer
        # the last one may have been in trouble while another thinks
        return await _listen(enquiry, arrivals, seconds)


async def _listen(enquiry: Enquiry, arrivals: _Arrivals, seconds: float) -> bytes | None:
    """Wait for an answer, for trouble that lets us go on at once, or until it is time to."""
    try:
        async with asyncio.timeout(seconds):
            while enquiry.is_waiting:
                attempt, message = await arrivals.get()
                if message is None:
                    enquiry.give_up(attempt)
                    return None
                match enquiry.hear(attempt, message):
                    case Heard.ANSWER:
                        return message
                    case Heard.TROUBLE:
                        return None
                    case Heard.NOTHING:
                        pass
    except TimeoutError:
        pass
    return None


class _Question:
    """A try's socket, while it is open."""

    def __init__(self, attempt: Try, port: int, arrivals: _Arrivals) -> None:
        self._attempt, self._port, self._arrivals = attempt, port, arrivals
        self._socket = unconnected(attempt.server, socket.SOCK_DGRAM)

    def __enter__(self) -> None:
        try:
            # connected, it hears nobody else; the kernel draws its own port
            self._socket.connect(socket_address(self._attempt.server, self._port))
            self._socket.send(self._attempt.message)
        except OSError:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _readable(self) -> None:
        try:
            message = self._socket.recv(_LARGEST)
        except BlockingIOError:
            return
        except OSError:  # ICMP said that nobody listens
            self._arrivals.put_nowait((self._attempt, None))
        else:
            self._arrivals.put_nowait((self._attempt, message))


async def ask_by_tcp(enquiry: Enquiry, seconds: float, port: int) -> bytes | None:
    """Ask server after server; None when nobody could tell."""
    while attempt := enquiry.next(os.urandom(2)):
        try:
            async with asyncio.timeout(seconds):
                message = await _exchange(attempt, port)
        except TimeoutError:
            continue
        except (OSError, asyncio.IncompleteReadError):
            enquiry.give_up(attempt)
            continue
        if enquiry.hear(attempt, message) is Heard.ANSWER:
            return message
    return None


async def _exchange(attempt: Try, port: int) -> bytes:
    opened = unconnected(attempt.server, socket.SOCK_STREAM)
    try:
        where = socket_address(attempt.server, port)
        await asyncio.get_running_loop().sock_connect(opened, where)
        reader, writer = await asyncio.open_connection(sock=opened)
    except BaseException:  # a cancelled one, too
        opened.close()
        raise
    try:
        writer.write(len(attempt.message).to_bytes(2, "big") + attempt.message)
        length = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(length)
    finally:
        writer.transport.abort()
