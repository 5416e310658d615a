"""Calls that may block for long, awaited by a front-end."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


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
