"""What CNI and netavark ask for: one interface of one container on one of their networks."""

from typing import Final

from msgspec import Struct

from glassbridge.model.address import IPAddress, IPInterface, IPNetwork, Mac
from glassbridge.model.endpoint import (
    Endpoint,
    Hiding,
    LinkSettings,
    PortWish,
    Sandbox,
    Shaping,
    StaticRoute,
)
from glassbridge.model.network import Ifname, Managed, Network


class AttachmentKey(Struct, frozen=True, kw_only=True):
    """By what a client finds its attachment again, with nothing else in hand."""

    network: Managed
    container: str
    ifname: Ifname

    def __str__(self) -> str:
        return f"{self.container} {self.ifname} on {self.network}"


class ForeignCable(Struct, frozen=True, kw_only=True):
    """A veth pair that an earlier plugin of a chain made, with the addresses that it carries."""

    host_end: Ifname
    bridge: Ifname
    addresses: tuple[IPInterface, ...]


class AttachmentRequest(Struct, frozen=True, kw_only=True):
    """`ADD` and `setup`; the network must exist (see Attachments.define)."""

    key: AttachmentKey
    netns: str
    name: str = ""
    """The container's; empty: named after its id."""
    aliases: tuple[str, ...] = ()
    wishes: tuple[IPAddress, ...] = ()
    """Addresses of the network's own pools; a family without one is leased."""
    given: tuple[IPInterface, ...] | None = None
    """Addresses that a foreign IPAM leased: taken as they are, and nothing is leased here."""
    mac: str = ""
    host_end: str = ""
    hairpin: bool = False
    ports: tuple[PortWish, ...] = ()
    hides: Hiding = Hiding.SIBLINGS
    default_routes: tuple[IPAddress, ...] = ()
    """Next hops; empty: no default route."""
    default_metric: int | None = None
    routes: tuple[StaticRoute, ...] = ()
    settings: LinkSettings | None = None
    shaping: Shaping | None = None
    cable: ForeignCable | None = None


class Attachment(Struct, frozen=True, kw_only=True):
    """What became of it."""

    key: AttachmentKey
    network: Network
    endpoint: Endpoint
    sandbox: Sandbox


class Told(Struct, frozen=True, kw_only=True):
    """What a client knows of changes that came after an attachment, by later plugins of a chain."""

    mac: Mac | None = None
    """Of the sandbox end."""
    destinations: frozenset[IPNetwork] | None = None
    """Where routes still lead; None: all are as they were added."""


AS_ADDED: Final = Told()
