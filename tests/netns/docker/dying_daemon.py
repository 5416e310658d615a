"""A daemon that dies in the middle of a call of Docker's: `python dying_daemon.py METHOD MOMENT`.

It kills itself with SIGKILL before the engine hears of the call, ahead of the first operation in
the kernel, or when all is done and only the answer is missing. At the moment `docker` it is dockerd
that is killed before it has the answer; whatever that left over is an orphan at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from glassbridge.app import daemon
from glassbridge.engine import orphans
from glassbridge.engine.engine import Engine
from glassbridge.frontends.docker import methods


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class Deadly:
    """A method of the table that does not survive a moment."""

    def __init__(self, method: methods.Method, moment: str) -> None:
        self._call: Callable[..., Any] = method.call
        self._moment = moment
        self.called = False

    def __call__(self, *arguments: Any) -> Any:
        is_first, self.called = not self.called, True
        if self._moment == "before":
            die()
        answer = self._call(*arguments)
        if self._moment != "docker":
            die()
        if is_first:
            os.kill(int(Path("/run/docker.pid").read_text()), signal.SIGKILL)
        return answer

    def operates(self, *_: object) -> None:
        if self.called and self._moment == "operation":
            die()


def main(name: str, moment: str) -> None:
    method = methods.METHODS[f"/{name}"]
    deadly = Deadly(method, moment)
    methods.METHODS[f"/{name}"] = methods.Method(
        deadly, method.body, method.error_key, method.blocks
    )
    if moment == "docker":
        orphans.GRACE = 0.0
    doomed = partial(Engine, before=deadly.operates)
    setattr(daemon, "Engine", doomed)  # noqa: B010 - it is not exported
    daemon.run_daemon(ready_fd=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
