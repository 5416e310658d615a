"""The cheapest client that still speaks HTTP to the daemon: what it costs is a row of its own."""

import json
import re
import select
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import NamedTuple, Self

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_STATUS = slice(len("HTTP/1.1 "), len("HTTP/1.1 200"))
_LARGEST = 1 << 20


class Burst(NamedTuple):
    """Many requests at once."""

    latencies_us: tuple[float, ...]
    """From sending one to its whole answer, in the order of the answers."""
    seconds: float


def encode(method: str, path: str, body: object = None) -> bytes:
    """Encode a request, outside the clock."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(content)}"
    return head.encode() + _HEAD_END + content


class Connection:
    """A kept connection; one request at a time."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Read once; the answer when it is complete."""
        chunk = self.socket.recv(_LARGEST)
        if not chunk:
            raise ConnectionError("the daemon closed the connection")
        self._received += chunk
        head = self._received.find(_HEAD_END)
        if head < 0:
            return None
        length = _LENGTH.search(self._received, 0, head + len(_HEAD_END))
        if length is None:
            raise ConnectionError(f"no length: {self._received[:head]!r}")
        if len(self._received) < head + len(_HEAD_END) + int(length[1]):
            return None
        answer, self._received = self._received, b""
        return answer

    def request(self, request: bytes, status: int) -> float:
        """Send one and wait for its answer; microseconds."""
        began = perf_counter()
        self.send(request)
        while (answer := self.receive()) is None:
            pass
        took = (perf_counter() - began) * 1e6
        expect(answer, status)
        return took


def expect(answer: bytes, status: int) -> None:
    """Raise what the daemon said if it is not what was asked for: a failure is no figure."""
    if int(answer[_STATUS]) != status:
        raise RuntimeError(f"status {status} was expected: {answer.decode(errors='replace')}")


def burst(path: Path, requests: Sequence[bytes], concurrency: int, status: int) -> Burst:
    """Send all requests with so many under way at any time, over as many kept connections."""
    connections = [Connection(path) for _ in range(min(concurrency, len(requests)))]
    try:
        return _drive(connections, requests, status)
    finally:
        for connection in connections:
            connection.socket.close()


def _drive(connections: Sequence[Connection], requests: Sequence[bytes], status: int) -> Burst:
    waiting = iter(requests)
    by_fd = {c.socket.fileno(): c for c in connections}
    sent_at: dict[int, float] = {}
    answers: list[bytes] = []
    latencies: list[float] = []
    readable = select.epoll()
    began = perf_counter()
    for fd, connection in by_fd.items():
        readable.register(fd, select.EPOLLIN)
        _send_next(connection, waiting, sent_at)
    while sent_at:
        for fd, _ in readable.poll():
            answer = by_fd[fd].receive()
            if answer is None:
                continue
            latencies.append((perf_counter() - sent_at.pop(fd)) * 1e6)
            answers.append(answer)
            _send_next(by_fd[fd], waiting, sent_at)
    seconds = perf_counter() - began
    readable.close()
    for answer in answers:
        expect(answer, status)
    return Burst(tuple(latencies), seconds)


def _send_next(connection: Connection, waiting: Iterator[bytes], sent_at: dict[int, float]) -> None:
    request = next(waiting, None)
    if request is not None:
        sent_at[connection.socket.fileno()] = perf_counter()
        connection.send(request)
