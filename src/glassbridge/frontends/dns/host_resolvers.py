"""The host's /etc/resolv.conf, as it is now."""

import logging
import os
from pathlib import Path

from glassbridge.dns.resolv_conf import Resolvers, parse_resolv_conf

_LOOK_SECONDS = 1.0
_LARGEST = 1 << 16

_log = logging.getLogger(__name__)
_Signature = tuple[int, int, int, int]


class HostResolvers:
    """Looked at again when a question needs it, at most once a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked = float("-inf")
        self._signature: _Signature | None = None
        self._resolvers = Resolvers()

    def current(self, now: float) -> Resolvers:
        """What it says; without a file, the server on this host, as resolv.conf(5) has it."""
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._resolvers

    def _look(self) -> None:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                signature = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
                if signature == self._signature:
                    return
                text = file.read(_LARGEST).decode("utf-8", "replace")
        except FileNotFoundError:
            self._signature, self._resolvers = None, Resolvers()
            return
        except OSError as error:
            _log.warning("cannot read %s, so what it said still counts: %s", self._path, error)
            return
        self._signature, self._resolvers = signature, parse_resolv_conf(text)
