"""One daemon per folder: an flock(2) that dies with its holder, and says who that is."""

import fcntl
import os
from pathlib import Path
from typing import Self

from glassbridge.errors import Conflict
from glassbridge.store.refusals import refusals

LOCK_FILE = "lock"


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can look into: specifications of containers hold secrets.

    Raises PermissionRefused or Unavailable.
    """
    with refusals(f"cannot make folder {folder}"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


class FolderLock:
    """Hold a folder until closed; raises Conflict naming the holder's pid."""

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_FILE
        with refusals(f"cannot lock {path}"):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise Conflict(
                f"folder {folder} is in use by another glassbridge daemon"
                + (f", pid {holder}" if holder else ""),
                hint="talk to that one, or stop it first",
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let the folder go; the file stays, since unlinking it would race with the next holder."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
