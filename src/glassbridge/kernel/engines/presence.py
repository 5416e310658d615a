"""Whether this host has another container engine at all: most of ours need not be asked further."""

import os

from glassbridge.kernel.engines.processes import engine_processes

_FOLDERS = (
    "/var/lib/docker/containers",
    "/run/containerd/io.containerd.runtime.v2.task",
    "/var/lib/containers/storage",
    "/var/lib/cni/results",
    "/var/lib/cni/cache/results",
)
_PROCESSES = ("dockerd", "containerd", "conmon")


def is_other_engine_here() -> bool:
    """Whether one left something where it usually does, or one runs, wherever its files are."""
    return any(map(_holds, _FOLDERS)) or any(True for _ in engine_processes(_PROCESSES))


def _holds(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:  # absent, or not for us to see
        return False
