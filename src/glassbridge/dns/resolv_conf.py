"""resolv.conf(5): which servers this host asks, and how."""

from contextlib import suppress
from ipaddress import IPv4Address, ip_address

from msgspec import Struct

from glassbridge.model.address import IPAddress

MOST_SERVERS = 3
"""MAXNS of resolv.h: who writes more writes for nobody."""
_LONGEST_TIMEOUT, _MOST_ATTEMPTS = 30, 5
"""What glibc takes these options for at most."""


class Resolvers(Struct, frozen=True, kw_only=True):
    """Servers in the order in which they are asked."""

    servers: tuple[IPAddress, ...] = (IPv4Address("127.0.0.1"),)
    timeout: int = 5
    """Seconds."""
    attempts: int = 2
    rotate: bool = False


def parse_resolv_conf(text: str) -> Resolvers:
    """Read it as glibc does: what it does not understand counts as absent."""
    servers: list[IPAddress] = []
    options: dict[str, str] = {}
    for line in text.splitlines():
        match line.split():  # a comment is a line that begins so: no keyword does
            case ["nameserver", server, *_]:
                with suppress(ValueError):
                    servers.append(ip_address(server))
            case ["options", *words]:
                options |= dict(word.partition(":")[::2] for word in words)
            case _:
                pass
    defaults = Resolvers()
    return Resolvers(
        servers=tuple(dict.fromkeys(servers))[:MOST_SERVERS] or defaults.servers,
        timeout=_number(options.get("timeout"), defaults.timeout, _LONGEST_TIMEOUT),
        attempts=_number(options.get("attempts"), defaults.attempts, _MOST_ATTEMPTS),
        rotate="rotate" in options,
    )


def _number(text: str | None, default: int, most: int) -> int:
    if text is None or not (text.isascii() and text.isdigit()):
        return default
    return max(1, min(int(text), most))
