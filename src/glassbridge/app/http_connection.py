"""One connection of HTTP/1.1: httptools takes it apart, requests are answered in their order."""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote

import httptools

from glassbridge.frontends.http_messages import MAX_BODY, Application, Request, Response

_MOST_WAITING = 16
"""So many requests may be sent ahead; the next is read when one of them is answered."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}" for s in HTTPStatus}
_log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """A caller; `choose` looks at the other end of its socket and says what answers it."""

    def __init__(
        self, choose: Callable[[asyncio.Transport], Application], opened: "set[Connection]"
    ) -> None:
        """Be one of `opened` from the connection's begin to its end."""
        self._choose = choose
        self._opened = opened
        self._parser = httptools.HttpRequestParser(self)
        # the first is being answered
        self._waiting: list[Request] = []
        self._is_last = False
        self._writable = asyncio.Event()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is closed."""
        self._writable.set()

    def end(self) -> None:
        """Answer what was asked, then close."""
        self._is_last = True
        if not self._waiting:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look at the peer before its first byte."""
        self._transport = cast(asyncio.Transport, transport)
        self._application = self._choose(self._transport)
        self._opened.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the caller; what it asked for is done all the same."""
        self._opened.discard(self)
        del self._parser  # it refers back to us
        self._writable.set()
        self.gone.set_result(None)

    def eof_received(self) -> bool:
        """Stay until all is answered: who asks nothing more may still listen."""
        self._is_last = True
        return bool(self._waiting)

    def pause_writing(self) -> None:
        """Answer no more to who does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has read."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Have it taken apart: the parser calls the methods below."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # answered already, in the protocol that we know
            self._is_last = True
        except httptools.HttpParserError as error:
            self._is_last = True
            if not self._waiting:
                self._write(Response(f"this is not HTTP: {error}\n".encode(), 400, "text/plain"))

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._body = bytearray()
        self._expects = False

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Mind the one header that asks for something; the parser knows the others that matter."""
        self._expects |= name.lower() == b"expect" and value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """Encourage a caller that waits for it."""
        if self._expects and not self._waiting:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; beyond what a request may have, it is read and dropped."""
        self._body += body[: MAX_BODY + 1 - len(self._body)]

    def on_message_complete(self) -> None:
        """Answer, or keep it until it is its turn."""
        target = httptools.parse_url(self._url)
        self._waiting.append(
            Request(
                method=self._parser.get_method().decode(),
                path=unquote(target.path.decode("ascii")),
                query=target.query or b"",
                received=bytes(self._body),
            )
        )
        keeps = self._parser.should_keep_alive() and self._parser.get_http_version() != "1.0"
        self._is_last |= not keeps
        if len(self._waiting) == 1:
            self._answering = asyncio.get_running_loop().create_task(self._answer())
        elif len(self._waiting) >= _MOST_WAITING:
            self._transport.pause_reading()

    async def _answer(self) -> None:
        """Answer all that waits."""
        while self._waiting:
            request = self._waiting[0]
            try:
                response = await self._application(request)
            except Exception:  # noqa: BLE001 - the caller must hear something, and the others
                _log.exception("%s %s failed", request.method, request.path)
                response = Response(b"internal error\n", 500, "text/plain")
            await self._writable.wait()
            self._waiting.pop(0)
            if not self._transport.is_closing():
                self._transport.resume_reading()
                self._write(response, has_body=request.method != "HEAD")

    def _write(self, response: Response, *, has_body: bool = True) -> None:
        is_last = self._is_last and not self._waiting
        self._transport.write(_encode(response, is_last=is_last, has_body=has_body))
        if is_last:
            self._transport.close()


def _encode(response: Response, *, is_last: bool, has_body: bool) -> bytes:
    lines = [
        _STATUS_LINES[response.status],
        f"content-length: {len(response.body)}",
        f"content-type: {response.media_type}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    if is_last:
        lines.append("connection: close")
    head = "\r\n".join([*lines, "\r\n"]).encode()
    return head + response.body if has_body else head
