"""Which servers a question goes to, and in which order."""

from collections.abc import Iterable

from msgspec import Struct

from glassbridge.dns.resolv_conf import MOST_SERVERS, Resolvers
from glassbridge.model.address import IPAddress

PATIENCE = 4.5
"""Seconds for all servers together: whoever asked us gives up after five (resolv.conf(5))."""
_SHUNNED = 30.0
"""Seconds for which a silent server is asked after all others."""
_MOST_REMEMBERED = 256


class Itinerary(Struct, frozen=True):
    """Whom to ask one after the other, and how long to listen before the next is asked."""

    servers: tuple[IPAddress, ...]
    """One may be in it several times."""
    seconds: float
    """For each."""


class Upstreams:
    """What is known of servers from earlier questions. Times are seconds of any clock."""

    def __init__(self) -> None:
        self._shunned: dict[IPAddress, float] = {}
        self._turn = 0

    def plan(self, resolvers: Resolvers, now: float, *, over_tcp: bool) -> Itinerary:
        """Order the servers for one question: silent ones last, else as they are named.

        TCP repeats by itself what is lost, so there each is asked once.
        """
        servers = resolvers.servers[:MOST_SERVERS]
        if resolvers.rotate and servers:
            self._turn = (self._turn + 1) % len(servers)
            servers = servers[self._turn :] + servers[: self._turn]
        ordered = tuple(sorted(servers, key=lambda s: self._shunned.get(s, 0.0) > now))
        tries = ordered if over_tcp else ordered * resolvers.attempts
        return Itinerary(tries, min(resolvers.timeout, PATIENCE / max(1, len(tries))))

    def note(self, silent: Iterable[IPAddress], heard: Iterable[IPAddress], now: float) -> None:
        """Learn from a question: who did not answer, and who did."""
        for server in silent:
            self._shunned[server] = now + _SHUNNED
        for server in heard:
            self._shunned.pop(server, None)
        while len(self._shunned) > _MOST_REMEMBERED:
            del self._shunned[next(iter(self._shunned))]
