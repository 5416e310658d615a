"""An application on a unix socket, in a thread, for tests that speak real HTTP with it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.types import ASGIApp
from tests.unit.engine_stand_in import EngineStandIn

from glassbridge.app.http_server import Refuse, Server, configuration
from glassbridge.frontends.api.server import application, refuse_everything


@contextmanager
def serving(engine: EngineStandIn, path: Path) -> Iterator[Path]:
    with serving_application(application(engine, engine), refuse_everything, path):
        yield path


@contextmanager
def serving_application(served: ASGIApp, refuse: Refuse, path: Path) -> Iterator[None]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(64)  # a client may connect before the loop runs
    server = Server(configuration(served, refuse))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
