"""The API on a unix socket, in a thread, for tests that speak real HTTP with it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from glassbridge.frontends.api.engine_protocol import EngineProtocol
from glassbridge.frontends.api.peer import PeerCheckedProtocol
from glassbridge.frontends.api.server import application


@contextmanager
def serving(engine: EngineProtocol, path: Path) -> Iterator[Path]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(64)  # a client may connect before the loop runs
    config = uvicorn.Config(
        application(engine), http=PeerCheckedProtocol, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield path
    finally:
        server.should_exit = True
        thread.join()
