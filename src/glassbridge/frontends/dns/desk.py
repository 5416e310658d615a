"""Where every question arrives, whatever transport brought it; nothing is raised from here."""

import logging
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path

from glassbridge.dns.answering import Forward, respond
from glassbridge.dns.names import Names
from glassbridge.frontends.dns.forwarding import Forwarder
from glassbridge.frontends.dns.name_source import NameSource
from glassbridge.wire.dns import HEADER, Rcode, write_refusal

Spawn = Callable[[Coroutine[None, None, None]], None]
"""Starts what takes longer, and lets it end by itself."""

_log = logging.getLogger(__name__)


class Desk:
    """Answers from names as they are now, and knows whom to ask about others."""

    def __init__(self, source: NameSource, resolv_conf: Path, server_port: int) -> None:
        self._source = source
        self._version: int | None = None
        self._names = Names()
        self._turns = count()
        self._forwarder = Forwarder(self._names, resolv_conf, server_port)

    def answer(
        self, message: bytes, *, asked_at: str, asker: str, over_tcp: bool
    ) -> bytes | Forward | None:
        """Answer at once, or tell what others are to be asked; None for silence."""
        try:
            # read before the names: a change in between makes us look again, never miss one
            version = self._source.version
            if version != self._version:
                self._names.update(self._source.networks())
                self._version = version
            found = respond(
                message,
                self._names,
                asked_at=asked_at,
                asker=asker,
                turn=next(self._turns),
                over_tcp=over_tcp,
            )
            if isinstance(found, Forward):
                return self._forwarder.at_once(found) or found
        except Exception:  # noqa: BLE001 - one question that fails is not to stop the others
            _log.exception("a question of %s failed", asker)
            return _failed(message)
        return found

    async def ask_others(self, forward: Forward, asker: str, *, over_tcp: bool) -> bytes:
        """Wait for others, some seconds at most."""
        return await self._forwarder.ask(forward, asker, over_tcp=over_tcp)

    async def close(self) -> None:
        """Give up what is asked of others."""
        await self._forwarder.close()


def _failed(message: bytes) -> bytes | None:
    return write_refusal(message, Rcode.SERVFAIL) if len(message) >= HEADER.size else None
