"""A daemon that dies in the middle of `run`: `python dying_run.py RUN_DIR STATE_DIR SECONDS STEP`.

STEP names a function of ours; the process kills itself with SIGKILL when that returns.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from glassbridge.engine import container_stack, containers
from glassbridge.engine.engine import Engine
from glassbridge.model.container import ContainerSpec
from glassbridge.model.endpoint import PortWish
from glassbridge.model.requests import RunRequest
from glassbridge.runtime import runtime

STEPS: dict[str, tuple[Any, str]] = {
    "recorded": (containers.Containers, "_create"),
    "namespace made": (container_stack, "create_netns"),
    "attached": (container_stack.ContainerStacks, "make"),
    "prepared": (runtime.Runtime, "prepare"),
    "spawned": (runtime, "spawn"),
    "executed": (runtime.Runtime, "start"),
}


def request(seconds: str) -> RunRequest:
    """A container that sleeps; by its command a test finds the process, among all of /proc."""
    return RunRequest(
        name="web",
        spec=ContainerSpec(rootfs="/", command=("sleep", seconds)),
        ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
    )


def die_after(step: str) -> None:
    """Have the process kill itself when that step is done."""
    owner, name = STEPS[step]
    done = getattr(owner, name)

    def deadly(*arguments: Any, **options: Any) -> None:
        done(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)


if __name__ == "__main__":
    run_dir, state_dir, seconds, step = sys.argv[1:]
    die_after(step)
    Engine(Path(run_dir), Path(state_dir)).run(request(seconds))
