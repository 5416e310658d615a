"""HTTP/1.1 on a unix socket, byte by byte: what a caller may do, and what it hears."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple, Self

import pytest
from tests.unit.api_server import serving_application

from glassbridge.errors import InvalidRequest, PermissionRefused
from glassbridge.frontends.http_messages import MAX_BODY, Application, Request, Response

PATIENCE = 30.0


class Heard(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    text: bytes


class Echo:
    """Answers with what it was asked; `/wait` when the test lets it."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.release: Future[None] = Future()

    async def __call__(self, request: Request) -> Response:
        self.asked.release()
        if request.path == "/wait":
            await asyncio.wrap_future(self.release)
        if request.path == "/fault":
            raise RuntimeError("by the test")
        try:
            length = len(request.body())
        except InvalidRequest as error:
            return Response(error.message.encode(), 400)
        if request.path == "/long":
            return Response(b"x" * int(request.query))
        shown = f"{request.method} {request.path} {request.query.decode()} {length}"
        return Response(shown.encode(), media_type="text/plain", headers={"x-known": "yes"})


@pytest.fixture
def echo() -> Echo:
    return Echo()


class Caller:
    """One end of a connection: bytes out, answers in."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(os.fspath(path))
        self.stream = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.socket.close()

    def sendall(self, data: bytes) -> None:
        self.socket.sendall(data)

    def heard(self, *, has_body: bool = True) -> Heard:
        """The next answer."""
        status = int(self.stream.readline().split()[1])
        headers = {}
        while (line := self.stream.readline()) != b"\r\n":
            name, _, value = line.decode().strip().partition(": ")
            headers[name] = value
        length = int(headers["content-length"]) if has_body else 0
        return Heard(status, headers, self.stream.read(length))

    def is_closed(self) -> bool:
        """Whether the other end closes, and says nothing before it does."""
        return self.stream.read(1) == b""


@pytest.fixture
def caller(echo: Echo, tmp_path: Path) -> Iterator[Caller]:
    path = tmp_path / "s.sock"
    with serving_application(echo, refuse, path), Caller(path) as caller:
        yield caller


def refuse(error: PermissionRefused) -> Application:
    async def answer(_: Request) -> Response:
        return Response(error.message.encode(), 403)

    return answer


def release_behind(caller: Caller, echo: Echo) -> None:
    assert caller.is_closed()
    echo.release.set_result(None)


def get(target: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "host: x", *headers, "\r\n"]).encode()


def test_a_request_is_read_whole_however_it_is_cut(caller: Caller) -> None:
    body = b"x" * 1000
    request = f"POST /a%20b?q=1 HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    for place in range(0, len(request), 7):
        caller.sendall(request[place : place + 7])
    answer = caller.heard()
    assert (answer.status, answer.text) == (200, b"POST /a b q=1 1000")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-known"] == "yes"


def test_a_chunked_body_is_one_body(caller: Caller) -> None:
    head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    caller.sendall(head + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
    assert caller.heard().text == b"POST /  7"


def test_requests_sent_ahead_are_answered_in_their_order(caller: Caller) -> None:
    targets = [f"/{number}" for number in range(500)]
    sender = threading.Thread(target=caller.sendall, args=(b"".join(map(get, targets)),))
    sender.start()
    assert [caller.heard().text for _ in targets] == [f"GET {t}  0".encode() for t in targets]
    sender.join(PATIENCE)


def test_a_caller_that_reads_late_gets_all(caller: Caller) -> None:
    size = 3 << 20
    caller.sendall(get(f"/long?{size}") + get("/last", "connection: close"))
    assert caller.heard().text == b"x" * size
    assert caller.heard().text == b"GET /last  0"
    assert caller.is_closed()


def test_who_says_that_nothing_follows_is_answered(caller: Caller, echo: Echo) -> None:
    caller.sendall(get("/wait"))
    caller.socket.shutdown(socket.SHUT_WR)
    assert echo.asked.acquire(timeout=PATIENCE)
    echo.release.set_result(None)
    assert caller.heard().text == b"GET /wait  0"
    assert caller.is_closed()


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/", "connection: close"),
        b"GET / HTTP/1.0\r\n\r\n",
        get("/", "upgrade: h2c", "connection: upgrade"),
    ],
    ids=["close", "1.0", "upgrade"],
)
def test_the_last_answer_says_so(caller: Caller, request_bytes: bytes) -> None:
    caller.sendall(request_bytes)
    answer = caller.heard()
    assert (answer.status, answer.text) == (200, b"GET /  0")
    assert answer.headers["connection"] == "close"
    assert caller.is_closed()


def test_what_is_too_long_is_refused_and_the_next_is_not(caller: Caller) -> None:
    head = f"POST / HTTP/1.1\r\ncontent-length: {MAX_BODY + 5}\r\n\r\n".encode()
    caller.sendall(head + b"x" * (MAX_BODY + 5) + get("/next"))
    answer = caller.heard()
    refusal = f"the request is longer than {MAX_BODY} bytes"
    assert (answer.status, answer.text) == (400, refusal.encode())
    assert caller.heard().text == b"GET /next  0"


def test_who_waits_to_be_encouraged_is(caller: Caller) -> None:
    caller.sendall(b"POST / HTTP/1.1\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
    encouraged = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert caller.stream.read(len(encouraged)) == encouraged
    caller.sendall(b"ab")
    assert caller.heard().text == b"POST /  2"


def test_head_has_no_body(caller: Caller) -> None:
    caller.sendall(b"HEAD / HTTP/1.1\r\n\r\n" + get("/next"))
    answer = caller.heard(has_body=False)
    assert answer.headers["content-length"] == str(len(b"HEAD /  0"))
    assert caller.heard().text == b"GET /next  0"


@pytest.mark.parametrize(
    "nonsense", [b"nonsense\r\n\r\n", b"GET \xff HTTP/1.1\r\n\r\n", b"\0" * 64]
)
def test_what_is_not_http_is_told_and_closed(caller: Caller, nonsense: bytes) -> None:
    caller.sendall(nonsense)
    answer = caller.heard()
    assert answer.status == 400
    assert b"not HTTP" in answer.text
    assert caller.is_closed()


def test_a_fault_is_an_answer_and_no_end(caller: Caller) -> None:
    caller.sendall(get("/fault") + get("/next"))
    assert caller.heard().status == 500
    assert caller.heard().text == b"GET /next  0"


def test_a_caller_that_goes_away_takes_nobody_with_it(echo: Echo, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with serving_application(echo, refuse, path):
        with Caller(path) as gone:
            gone.sendall(get("/wait"))
            assert echo.asked.acquire(timeout=PATIENCE)
        echo.release.set_result(None)
        with Caller(path) as other:
            other.sendall(get("/"))
            assert other.heard().text == b"GET /  0"


def test_the_end_waits_for_answers(echo: Echo, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with serving_application(echo, refuse, path):
        busy, idle = Caller(path), Caller(path)
        idle.sendall(get("/"))
        assert idle.heard().text == b"GET /  0"
        assert echo.asked.acquire(timeout=PATIENCE)
        busy.sendall(get("/wait"))
        assert echo.asked.acquire(timeout=PATIENCE)
        # the end begins with those that wait for nothing
        letting = threading.Thread(target=release_behind, args=(idle, echo))
        letting.start()
    letting.join(PATIENCE)
    with busy, idle:
        assert busy.heard().text == b"GET /wait  0"
        assert busy.is_closed()
