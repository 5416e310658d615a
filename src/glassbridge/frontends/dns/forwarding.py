"""Questions that others are asked: from the cache, joined to the same question, or anew."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit
from time import monotonic

from msgspec.structs import replace

from glassbridge.dns.answering import Forward
from glassbridge.dns.cache import AnswerCache, Question
from glassbridge.dns.enquiry import Enquiry
from glassbridge.dns.names import Names
from glassbridge.dns.resolv_conf import Resolvers
from glassbridge.dns.upstreams import PATIENCE, Upstreams
from glassbridge.frontends.dns.asking_others import ask_by_tcp, ask_by_udp
from glassbridge.frontends.dns.host_resolvers import HostResolvers
from glassbridge.model.address import IPAddress
from glassbridge.wire.dns import RECURSION_AVAILABLE, Rcode, pass_on, without_ttls, write_answer

_MOST_WAITING = 1024
"""As Docker."""
_DESCRIPTORS = 16
"""For each question that waits, so that those of the daemon's other work are never used up."""
_SHARE_OF_ONE = 4
"""The part of all that one asker may have: his dead servers keep nobody else from asking."""

_log = logging.getLogger(__name__)


class Forwarder:
    """Asks others on behalf of containers."""

    def __init__(self, names: Names, resolv_conf: Path, port: int) -> None:
        self._names, self._port = names, port
        self._host = HostResolvers(resolv_conf)
        self._upstreams = Upstreams()
        self._cache = AnswerCache()
        self._under_way: dict[tuple[Question, bool], asyncio.Task[bytes | None]] = {}
        self._waiting: Counter[str] = Counter()
        self._all_waiting = 0
        self._most_waiting = most_waiting()

    def at_once(self, forward: Forward) -> bytes | None:
        """Answer from the cache, if it has it."""
        now = monotonic()
        question = Question.of(forward.query, self._resolvers(forward, now).servers)
        answer = self._cache.find(question, now)
        return None if answer is None else _pass_on(answer, forward)

    async def ask(self, forward: Forward, asker: str, *, over_tcp: bool) -> bytes:
        """Ask by the transport that the question came by: who gets a part only, asks by TCP."""
        most_of_one = self._most_waiting // _SHARE_OF_ONE
        if self._all_waiting >= self._most_waiting or self._waiting[asker] >= most_of_one:
            return _refuse(forward, Rcode.REFUSED)
        with self._counted(asker):
            resolvers = self._resolvers(forward, monotonic())
            key = (Question.of(forward.query, resolvers.servers), over_tcp)
            task = self._under_way.get(key)
            if task is None:
                task = asyncio.create_task(self._enquire(forward, key[0], resolvers, over_tcp))
                self._under_way[key] = task
                task.add_done_callback(lambda _: self._under_way.pop(key, None))
            answer = await asyncio.shield(task)
        if answer is None:
            return _refuse(forward, Rcode.SERVFAIL)
        return _pass_on(answer, forward)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _enquire(
        self, forward: Forward, question: Question, resolvers: Resolvers, over_tcp: bool
    ) -> bytes | None:
        itinerary = self._upstreams.plan(resolvers, monotonic(), over_tcp=over_tcp)
        enquiry = Enquiry(forward.query, itinerary.servers)
        ask = ask_by_tcp if over_tcp else ask_by_udp
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await ask(enquiry, itinerary.seconds, self._port)
        except TimeoutError:
            answer = None
        except Exception:  # noqa: BLE001 - whatever it is, whoever asked gets an answer
            _log.exception("asking %s failed", ", ".join(map(str, itinerary.servers)))
            answer = None
        now = monotonic()
        self._upstreams.note(enquiry.silent, enquiry.heard_from, now)
        if answer is not None:
            self._cache.keep(question, answer, now)
        return answer

    def _resolvers(self, forward: Forward, now: float) -> Resolvers:
        """The asker's own servers or the host's, without those that would ask us again.

        Who has none but a gateway of ours as his own means us, and us as others have us.
        """
        own = self._without_gateways(forward.servers)
        if own:
            return Resolvers(servers=own)
        hosts = self._host.current(now)
        servers = self._without_gateways(hosts.servers)
        return hosts if servers == hosts.servers else replace(hosts, servers=servers)

    def _without_gateways(self, servers: tuple[IPAddress, ...]) -> tuple[IPAddress, ...]:
        return tuple(s for s in servers if not self._names.is_gateway(s))

    @contextmanager
    def _counted(self, asker: str) -> Iterator[None]:
        self._all_waiting += 1
        self._waiting[asker] += 1
        try:
            yield
        finally:
            self._all_waiting -= 1
            self._waiting[asker] -= 1
            if not self._waiting[asker]:
                del self._waiting[asker]


def most_waiting() -> int:
    """How many questions may wait for others at once."""
    descriptors, _ = getrlimit(RLIMIT_NOFILE)
    return _MOST_WAITING if descriptors < 0 else min(_MOST_WAITING, descriptors // _DESCRIPTORS)


def _pass_on(answer: bytes, forward: Forward) -> bytes:
    kept = without_ttls(answer) if forward.is_passing else answer
    return pass_on(kept, forward.query, forward.limit)


def _refuse(forward: Forward, rcode: Rcode) -> bytes:
    return write_answer(forward.query, RECURSION_AVAILABLE, rcode, limit=forward.limit)
