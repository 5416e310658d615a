"""The plugin's server on a unix socket, in a thread, and the shim's side of its conversation."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from tests.unit.cni.calling import Answered, environment

from glassbridge.frontends.attachments_protocol import AttachmentsEngine
from glassbridge.frontends.cni.server import application


@contextmanager
def serving(engine: AttachmentsEngine, path: Path) -> Iterator[Path]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(64)
        config = uvicorn.Config(application(engine), ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield path
        finally:
            server.should_exit = True
            thread.join()


def joined(variables: dict[str, str], stdin: bytes) -> bytes:
    return b"".join(f"{k}={v}\0".encode() for k, v in variables.items()) + b"\0" + stdin


def posted(path: Path, body: bytes, target: str = "/cni") -> tuple[int, Answered]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    top, _, content = received.partition(b"\r\n\r\n")
    lines = top.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    errors = int(headers.get("stderr-length", "0"))
    cut = len(content) - errors
    answered = Answered(int(headers.get("exit-code", "-1")), content[:cut], content[cut:])
    return int(lines[0].split()[1]), answered


class HttpRuntime:
    """Calls the plugin as its shim does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(
        self, command: str, said: object, variables: dict[str, str] | None = None
    ) -> Answered:
        stdin = json.dumps(said).encode()
        status, answered = posted(
            self._path, joined(environment(command, **(variables or {})), stdin)
        )
        assert status == 200
        return answered
