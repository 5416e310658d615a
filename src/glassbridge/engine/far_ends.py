"""Whose namespace the number of a link means, told as cheaply as it can be.

Exactly for namespaces that were read: the kernel is asked for their numbers. By the word of our
daemon for host ends of its own that were not: a thousand questions less. Only for a link that is
still not explained, every namespace of the host is looked for.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from glassbridge.engine.roster import Roster
from glassbridge.kernel.discovery import number_namespaces
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.model.snapshot import Namespace
from glassbridge.model.views import SandboxView


class FarEnds:
    """Numbers of namespaces that were read -> cookies."""

    def __init__(self, roster: Roster, known: Iterable[SandboxView]) -> None:
        self._roster = roster
        self._by_alias = {
            member.endpoint.alias: view.sandbox.netns_cookie
            for view in known
            for member in view.endpoints
        }
        self._hopeless: set[tuple[int, int]] = set()

    def find(
        self, namespace: Namespace, fd: int, read: Collection[int], *, is_new: bool
    ) -> Mapping[int, int]:
        """All that can be told of one namespace, open as `fd`, since `read` were read."""
        numbers = {k.link_nsid for k in namespace.stack.links if k.link_nsid is not None}
        if not numbers:
            return {}
        cookie = namespace.cookie
        found = dict(namespace.peers)
        if is_new and cookie == self._roster.home.cookie:
            found = self._told(namespace)
        with RouteSocket(fd) as route:
            # the host first, read or not: that is where a container's cable leads
            asked = chain((self._roster.home.cookie,), read)
            exact = number_namespaces(route, ((c, self._roster.path_of(c)) for c in asked), numbers)
            wrong = {n for n, other in found.items() if other in read and n not in exact}
            found = {n: c for n, c in found.items() if n not in wrong} | exact
            left = {n for n in numbers - found.keys() if (cookie, n) not in self._hopeless}
            if left:
                found |= self._search(route, left)
                self._hopeless |= {(cookie, n) for n in left - found.keys()}
        return found

    def _told(self, namespace: Namespace) -> dict[int, int]:
        """Host ends bear the number of their endpoint as alias."""
        told = {}
        for link in namespace.stack.links:
            cookie = self._by_alias.get(link.alias) if link.alias else None
            if cookie and link.link_nsid is not None:
                told[link.link_nsid] = cookie
        return told

    def _search(self, route: RouteSocket, numbers: set[int]) -> dict[int, int]:
        """Among the containers of every engine, then among all namespaces of the host."""
        found: dict[int, int] = {}
        for look in (self._roster.ask_engines, self._roster.search):
            look()
            # those that our daemon does not know were found last, and are the likelier ones
            others = reversed([*self._roster.paths()])
            found |= number_namespaces(route, others, numbers - found.keys())
        return found
