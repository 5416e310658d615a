"""What a firewall rule looks at: one packet at one hook, and what a field of it shows."""

from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet
from glassbridge.model.snapshot import Namespace
from glassbridge.walk.firewall.hooks import HookCall, Tracking
from glassbridge.walk.firewall.words import names_of


class Sight(Struct, frozen=True, kw_only=True):
    """The packet as a rule sees it, with all that a field may ask about it."""

    namespace: Namespace
    call: HookCall
    packet: Packet
    """As it is by now: earlier chains of the hook may have translated it."""
    mark: int | None = 0
    """None: a rule that may or may not match has set it."""
    connection: str = ""
    """Its state; empty: conntrack has not seen it, or not yet."""
    tracking: Tracking | None = None


class Lack(Enum):
    """Why a field shows nothing."""

    ABSENT = "absent"
    """The packet has no such field: nothing matches, negated or not (NFT_BREAK)."""
    UNKNOWN = "unknown"
    NOT_CHOSEN = "not chosen"
    """A port that the kernel will choose when the packet is sent."""


class Shown(Struct, frozen=True):
    """What a field shows, in every form that a rule may compare it with."""

    texts: tuple[str, ...] = ()
    number: int | None = None
    address: IPAddress | None = None


Reading = Shown | Lack
Reader = Callable[[Sight], Reading]
"""How a field is read."""


def show_number(field: str, number: int) -> Shown:
    """A number of a field, with all its names."""
    return Shown(names_of(field, number), number)


def numbered(field: str, number: Callable[[Sight], int | Lack]) -> Reader:
    """A field that is a number."""

    def reader(sight: Sight) -> Reading:
        found = number(sight)
        return found if isinstance(found, Lack) else show_number(field, found)

    return reader
