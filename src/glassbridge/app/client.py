"""HTTP/1.1 over the daemon's unix socket, as much of it as our own server speaks.

http.client would do, but its import alone costs 30 ms of the 150 that `ps` may take.
"""

import os
import select
import signal
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

from glassbridge.errors import InvalidRequest, NotFound, PermissionRefused, Unavailable
from glassbridge.frontends.api.bodies import FailureAnswer
from glassbridge.frontends.api.failures import failure_as_error
from glassbridge.model.address import from_json, to_json

T = TypeVar("T")
_HEADER_END = b"\r\n\r\n"
_UNRESERVED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")
_CHUNK = 1 << 16
_END_SECONDS = 15
_PATIENCE_SECONDS = 10.0


class NotRunning(Unavailable):
    """Nobody listens on the daemon's socket."""


class Client:
    """One connection to the daemon; requests go one after another."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            self._socket.close()
            raise NotRunning(
                f"no daemon listens on {path}", hint="start it with: glassbridge up"
            ) from error
        except PermissionError as error:
            self._socket.close()
            raise root_needed() from error
        except OSError as error:
            self._socket.close()
            raise Unavailable(f"connect to {path}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def get(self, path: str, answer: type[T]) -> T:
        """Read something; raises Unavailable when the daemon does not answer in time.

        What changes something may take as long as it takes: a stop waits for its container.
        """
        self.ask(path)
        return self.hear(answer)

    def ask(self, path: str) -> None:
        """Ask for something to be read; `hear` has the answer."""
        self._send("GET", path, None)

    def hear(self, answer: type[T]) -> T:
        """The answer to what was asked last; raises as `get` does."""
        self._socket.settimeout(_PATIENCE_SECONDS)
        try:
            return self._receive_answer(answer)
        except TimeoutError as error:
            raise Unavailable(
                f"the daemon (pid {self._peer_pid()}) does not answer",
                hint=f"end it, the next command starts another: kill -9 {self._peer_pid()}",
            ) from error
        finally:
            self._socket.settimeout(None)

    def post(self, path: str, body: object, answer: type[T]) -> T:
        """Ask for something to be done."""
        return self.request("POST", path, body, answer)

    def delete(self, path: str, answer: type[T]) -> T:
        """Remove something."""
        return self.request("DELETE", path, None, answer)

    def request(self, method: str, path: str, body: object, answer: type[T]) -> T:
        """Send one request and decode its answer; raises the error that the daemon raised."""
        self._send(method, path, body)
        return self._receive_answer(answer)

    def _send(self, method: str, path: str, body: object) -> None:
        try:
            content = b"" if body is None else to_json(body)
        except UnicodeEncodeError as error:
            raise InvalidRequest(f"{error.object!r} is not valid UTF-8") from error
        head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(content)}"
        with suppress(BrokenPipeError):  # a refusal may have come before we had spoken
            self._socket.sendall(head.encode() + _HEADER_END + content)

    def _receive_answer(self, answer: type[T]) -> T:
        status, received = self._read_answer()
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's successes
            return from_json(received, answer)
        raise failure_as_error(from_json(received, FailureAnswer).error)

    def end_daemon(self) -> None:
        """Ask the process at the other end to stop, and return when it is gone."""
        pid = self._peer_pid()
        # it is alive while this connection is, so the descriptor cannot be of another process
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            signal.pidfd_send_signal(process, signal.SIGTERM)
            self._socket.close()
            if not select.select([process], [], [], _END_SECONDS)[0]:
                raise Unavailable(
                    f"the daemon (pid {pid}) did not end within {_END_SECONDS} s",
                    hint="its log says what it waits for",
                )
        finally:
            os.close(process)

    def _peer_pid(self) -> int:
        credentials = struct.Struct("iII")
        raw = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
        pid: int = credentials.unpack(raw)[0]
        return pid

    def _read_answer(self) -> tuple[int, bytes]:
        received = b""
        while (end := received.find(_HEADER_END)) < 0:
            received += self._receive()
        lines = received[:end].lower().split(b"\r\n")
        status = int(lines[0].split(b" ", 2)[1])
        headers = dict(line.split(b": ", 1) for line in lines[1:])
        length = int(headers[b"content-length"])
        parts = [received[end + len(_HEADER_END) :]]
        missing = length - len(parts[0])
        while missing > 0:
            parts.append(self._receive())
            missing -= len(parts[-1])
        return status, b"".join(parts)

    def _receive(self) -> bytes:
        try:
            chunk = self._socket.recv(_CHUNK)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            raise Unavailable(
                "the daemon closed the connection before it answered",
                hint="glassbridge status shows how it is doing; its log is in its run folder",
            )
        return chunk


def ref_in_path(ref: str, what: str) -> str:
    """Escape a name for a path; what cannot be a name at all is not found."""
    if not ref or "/" in ref or ref in {".", ".."}:
        raise NotFound(f"no such {what}: {ref!r}")
    return "".join(
        chr(b) if b in _UNRESERVED else f"%{b:02X}" for b in ref.encode(errors="surrogateescape")
    )


def root_needed() -> PermissionRefused:
    """The refusal that an ordinary user gets."""
    return PermissionRefused(
        "glassbridge changes the network of this machine, and that takes root",
        hint="use sudo, or `glassbridge lab` for a world of your own without root",
    )
