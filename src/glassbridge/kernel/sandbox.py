"""A sandbox while it is worked on: its namespace held open, and a socket in it."""

import os
import re

from glassbridge.kernel.netns import open_netns, open_netns_of
from glassbridge.kernel.rtnetlink import RouteSocket

_OF_PROCESS = re.compile(r"/proc/(\d+)/ns/net")


class OpenSandbox:
    """Closed at the end of each batch: an open descriptor would keep a dead namespace alive."""

    __slots__ = ("cookie", "fd", "links")

    def __init__(self, path: str) -> None:
        """Open the namespace at `path`; raises NotFound, InvalidRequest or PermissionRefused."""
        process = _OF_PROCESS.fullmatch(path)
        self.fd = open_netns_of(int(process[1])) if process else open_netns(path)
        try:
            self.links = RouteSocket(self.fd)
        except BaseException:
            os.close(self.fd)
            raise
        self.cookie = self.links.netns_cookie

    def close(self) -> None:
        """Let go of the namespace."""
        self.links.close()
        os.close(self.fd)
