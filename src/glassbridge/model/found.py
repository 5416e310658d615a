"""What files of other engines say of their containers and networks."""

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork, Published


class FoundContainer(Struct, frozen=True, kw_only=True):
    """One container; its namespace is that of `pid`, or at `netns`."""

    name: str
    origin: Origin
    id: str = ""
    pid: int | None = None
    netns: str = ""
    addresses: tuple[IPAddress, ...] = ()
    published: tuple[Published, ...] = ()
    endpoints: dict[str, str] = {}
    """Of Docker: the id of each of its endpoints, and the name of the network that it is on."""
    is_running: bool = True


class Findings(Struct, frozen=True, kw_only=True):
    """What one engine, or all of them, left in files."""

    containers: tuple[FoundContainer, ...] = ()
    networks: tuple[NamedNetwork, ...] = ()
    driven: dict[str, str] = {}
    """Networks that the engine leaves to another's driver: id to name."""
    complaints: tuple[str, ...] = ()
    """Files that could not be read or understood."""
