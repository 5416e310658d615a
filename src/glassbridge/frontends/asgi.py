"""What every front-end that speaks HTTP needs of ASGI: a whole body, and calls that may block."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from starlette.types import Receive

from glassbridge.errors import InvalidRequest

MAX_BODY = 1 << 20
T = TypeVar("T")


async def read_body(receive: Receive) -> bytes:
    """Read it to its end; raises InvalidRequest when it is too long or the caller goes away."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("the caller went away before its request was complete")
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > MAX_BODY:
            raise InvalidRequest(f"the request is longer than {MAX_BODY} bytes")
        if not message.get("more_body", False):
            return body


async def in_own_thread(call: Callable[[], T]) -> T:
    """Run a call that may block for long in a thread that does not hold up the process's end."""
    future: Future[T] = Future()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to the one who waits
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=work, name="api-long", daemon=True).start()
    return await asyncio.wrap_future(future)
