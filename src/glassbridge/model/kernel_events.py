"""What the kernel announces while nobody asks: someone changed a link, a route or the ruleset."""

from msgspec import Struct

from glassbridge.model.network import Ifname
from glassbridge.model.tables import Ifindex


class LinkNew(Struct, frozen=True):
    """A link appeared, or something about it changed; this is how it is now."""

    ifindex: Ifindex
    ifname: Ifname
    is_up: bool
    group: int
    master: Ifindex | None


class LinkGone(Struct, frozen=True):
    """A link was deleted, or moved to another namespace."""

    ifindex: Ifindex
    ifname: Ifname


class AddressChanged(Struct, frozen=True):
    """A link got or lost an address."""

    ifindex: Ifindex


class RouteChanged(Struct, frozen=True):
    """A default route came or went."""


class RulesetChanged(Struct, frozen=True):
    """Somebody else's nftables transaction."""

    generation: int
    process: str
    """The short name of the program that made it."""
    tables: tuple[str, ...]
    """Which tables it touched: `inet filter`; a table that was deleted is among them."""


class EventsLost(Struct, frozen=True):
    """The kernel dropped announcements (ENOBUFS): everything has to be read again."""

    source: str
    """`links` or `ruleset`."""


KernelEvent = LinkNew | LinkGone | AddressChanged | RouteChanged | RulesetChanged | EventsLost
