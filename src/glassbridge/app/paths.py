"""Where a daemon keeps its things: by the network namespace, so that each has its own."""

import os
from pathlib import Path
from typing import Self

from msgspec import Struct

_RUN = Path("/run/glassbridge")
_STATE = Path("/var/lib/glassbridge")

DOCKER_SOCKET = Path("/run/docker/plugins/glassbridge.sock")
"""dockerd finds a plugin by its name in this folder (moby's pkg/plugins/discovery.go)."""


class Paths(Struct, frozen=True):
    """The folders of the daemon that serves the caller's network namespace."""

    run_dir: Path
    state_dir: Path
    lab: bool

    @classmethod
    def here(cls) -> Self:
        """Derive them from this process's namespace and environment."""
        run_dir = _from_environment("GLASSBRIDGE_RUN_DIR")
        inode = _foreign_netns()
        if run_dir is None:
            run_dir = _RUN if inode is None else _RUN / str(inode)
            default_state = _STATE if inode is None else run_dir / "state"
        else:
            default_state = run_dir / "state"
        state_dir = _from_environment("GLASSBRIDGE_STATE_DIR") or default_state
        return cls(run_dir, state_dir, lab=os.environ.get("GLASSBRIDGE_LAB") == "1")

    @property
    def socket(self) -> Path:
        """The daemon's unix socket."""
        return self.run_dir / "glassbridge.sock"

    @property
    def log(self) -> Path:
        """Where a daemon that was started on demand writes."""
        return self.run_dir / "daemon.log"

    @property
    def docker_enabled(self) -> Path:
        """An empty file that exists while Docker's plugin is enabled."""
        return self.state_dir / "docker-enabled"

    @property
    def start_lock(self) -> Path:
        """Held by a caller while it starts the daemon."""
        return self.run_dir / "start.lock"


def _from_environment(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value).absolute() if value else None


def _foreign_netns() -> int | None:
    """The inode of our network namespace, unless it is that of pid 1."""
    # every namespace has a /proc/net/dev of its own (proc_create_net), with an inode of its own;
    # /proc/1/ns/net would need ptrace rights over pid 1, which even root may lack
    try:
        first, ours = (Path(f"/proc/{pid}/net/dev").stat() for pid in ("1", "self"))
    except OSError:  # pid 1 is hidden (hidepid)
        return None
    if (ours.st_dev, ours.st_ino) == (first.st_dev, first.st_ino):
        return None
    return Path("/proc/self/ns/net").stat().st_ino
