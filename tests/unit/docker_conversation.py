"""Calls as dockerd makes them: HTTP/1.1 on a kept connection, the Host header empty."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HEADERS = {
    "Host": "",
    "User-Agent": "Go-http-client/1.1",
    "Accept": "application/vnd.docker.plugins.v1.2+json",
}


class Caller(http.client.HTTPConnection):
    """One connection to a plugin's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))

    def raw(
        self, path: str, body: bytes, headers: dict[str, str] = HEADERS, verb: str = "POST"
    ) -> tuple[int, Any]:
        self.putrequest(verb, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.putheader(name, value)
        self.endheaders(body or None)
        answer = self.getresponse()
        content = answer.read()
        assert answer.headers["content-type"] == HEADERS["Accept"]
        return answer.status, json.loads(content)

    def __call__(self, method: str, asked: object = None) -> Any:
        """The answer; `asked` as Go encodes it."""
        body = b"" if asked is None else json.dumps(asked).encode() + b"\n"
        status, answer = self.raw(f"/{method}", body)
        assert status == 200, (method, status, answer)
        return answer


@contextmanager
def calling(path: Path) -> Iterator[Caller]:
    caller = Caller(path)
    try:
        yield caller
    finally:
        caller.close()
