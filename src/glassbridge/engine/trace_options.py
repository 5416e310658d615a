"""How a trace finds out."""

from collections.abc import Callable

from msgspec import Struct

USUAL_TIMEOUT = 1.0
"""Seconds for an answer, where nobody says otherwise."""


def _say_nothing(_sentence: str) -> None: ...


class TraceOptions(Struct, frozen=True, kw_only=True):
    """How to find out."""

    probe: bool = True
    """Send one packet, unless the sender or the state is not of this host."""
    live: bool = False
    """Instead, wait for the next packet of that flow that somebody else sends."""
    count: int = 1
    timeout: float = USUAL_TIMEOUT
    """Seconds to wait for an answer; live: for the packet."""
    full: bool = False
    """Keep frames whole."""
    recorded: str = ""
    """Where the state is from; empty: it is the host's, now."""
    say: Callable[[str], None] = _say_nothing
    """Told what is waited for, if it takes long."""
