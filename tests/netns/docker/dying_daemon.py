"""A daemon that dies in the middle of a call of Docker's: `python dying_daemon.py METHOD MOMENT`.

It kills itself with SIGKILL before the engine hears of the call, ahead of the first operation in
the kernel, or when all is done and only the answer is missing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from glassbridge.app import daemon
from glassbridge.engine.engine import Engine
from glassbridge.frontends.docker import methods

MOMENTS = ("before", "operation", "after")


def die(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class Deadly:
    """A method of the table that does not survive a moment."""

    def __init__(self, method: methods.Method, moment: str) -> None:
        self._call: Callable[..., Any] = method.call
        self._moment = moment
        self.called = False

    def __call__(self, *arguments: Any) -> Any:
        self.called = True
        if self._moment == "before":
            die()
        answer = self._call(*arguments)
        die(answer)

    def operates(self, *_: object) -> None:
        if self.called and self._moment == "operation":
            die()


def main(name: str, moment: str) -> None:
    method = methods.METHODS[f"/{name}"]
    deadly = Deadly(method, moment)
    methods.METHODS[f"/{name}"] = methods.Method(
        deadly, method.body, method.error_key, method.blocks
    )
    doomed = partial(Engine, before=deadly.operates)
    setattr(daemon, "Engine", doomed)  # noqa: B010 - it is not exported
    daemon.run_daemon(ready_fd=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
