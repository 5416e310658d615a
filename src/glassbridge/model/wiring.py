"""What is plugged into what on a host: namespaces, bridges, cables, and whose they are.

The JSON of it is schema `topology/1`: keys are added, never renamed or removed.
"""

from collections.abc import Iterator

from msgspec import Struct

from glassbridge.model.address import Mac
from glassbridge.model.ruleset import Origin

SCHEMA = "topology/1"


class Hanging(Struct, frozen=True, kw_only=True):
    """One link of a namespace, and all that hangs on it."""

    ifname: str
    """Empty for a link that only its far end has: macvlan, ipvlan, a vlan handed on."""
    kind: str = ""
    """`bridge`, `veth`, `vlan`, `macvlan`, `tun`, ...; empty for hardware."""
    mac: Mac | None = None
    addresses: tuple[str, ...] = ()
    """With their prefix length."""
    is_up: bool = True
    is_uplink: bool = False
    """A default route leads over it."""
    port: int | None = None
    """Its number in the bridge that it is plugged into."""
    is_isolated: bool = False
    network: str = ""
    """What people call this bridge."""
    owner: Origin = Origin.UNKNOWN
    """Whose network that is."""
    is_internal: bool = False
    far: "FarEnd | None" = None
    """Where its cable ends."""
    links: tuple["Hanging", ...] = ()
    """Its ports, and the links stacked on it."""


class FarEnd(Struct, frozen=True, kw_only=True):
    """The other end of a cable."""

    ifname: str = ""
    """Empty where it was not read."""
    mac: Mac | None = None
    addresses: tuple[str, ...] = ()
    is_up: bool = True
    published: tuple[str, ...] = ()
    """Host ports that lead to its addresses: `8080->80`, `127.0.0.1:53->53/udp`."""
    namespace: "Hanger"


class Hanger(Struct, frozen=True, kw_only=True):
    """One namespace, with the links that were not shown already on the way to it."""

    cookie: int
    inode: int = 0
    name: str
    names: tuple[str, ...] = ()
    """Of every container in it: of a pod, or of the host's own stack."""
    owner: Origin = Origin.UNKNOWN
    links: tuple[Hanging, ...] = ()


class Counts(Struct, frozen=True, kw_only=True):
    """How many there are."""

    namespaces: int
    """The host's included."""
    containers: int
    """Names, so a pod counts as its members."""
    bridges: int
    cables: int
    """Veth pairs of which one end was read."""


class Wiring(Struct, frozen=True, kw_only=True):
    """The whole host."""

    schema: str = SCHEMA
    roots: tuple[Hanger, ...]
    """The host first, then groups of namespaces that have no cable to it."""
    apart: tuple[Hanger, ...] = ()
    """Namespaces without any cable."""
    counts: Counts
    unreadable: tuple[str, ...] = ()
    recorded: str = ""
    """Where the state is from: empty is the host here and now, else a file and its date."""


def hangings(hanger: Hanger) -> Iterator[Hanging]:
    """Every link below a namespace, from the top down."""
    for link in hanger.links:
        yield from _below(link)


def _below(link: Hanging) -> Iterator[Hanging]:
    yield link
    for further in link.links:
        yield from _below(further)
    if link.far is not None:
        yield from hangings(link.far.namespace)
