"""An application on a unix socket, in a thread, for tests that speak real HTTP with it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.unit.engine_stand_in import EngineStandIn

from glassbridge.app.http_server import Door, Refuse
from glassbridge.frontends.api.server import application, refuse_everything
from glassbridge.frontends.http_messages import Application


@contextmanager
def serving(engine: EngineStandIn, path: Path) -> Iterator[Path]:
    with serving_application(application(engine, engine), refuse_everything, path):
        yield path


@contextmanager
def serving_application(served: Application, refuse: Refuse, path: Path) -> Iterator[None]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(64)  # a client may connect before the loop runs
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        door = Door(served, refuse)
        await door.open(listener)
        await stop.wait()
        await door.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
