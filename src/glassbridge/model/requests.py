"""What a caller asks for, as JSON says it: the edge where text becomes values.

Unknown keys are refused: a misspelt option must not be silently ignored.
"""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.container import ContainerSpec, NetworkWish
from glassbridge.model.endpoint import PortWish
from glassbridge.model.network import Managed


class SubnetWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `--subnet` and what belongs to it, as text; ipam.subnets parses and checks it."""

    subnet: str
    gateway: str = ""
    ip_range: str = ""
    ranges: tuple[tuple[str, str], ...] = ()
    """First and last addresses to lease from, in this order; empty: all of `ip_range`."""
    on_bridge: bool = True
    """False: the bridge has no address here; the gateway is another host's, and is not leased."""
    reserved: dict[str, str] = {}
    range_set: int = 0
    """As Subnet.range_set."""


class OtherAddresses(StrEnum):
    """What becomes of other addresses that a bridge has which a network adopts."""

    KEEP = "keep"
    REFUSE = "refuse"
    """As CNI's bridge: of IPv4 any other, of IPv6 one whose prefix overlaps."""
    REPLACE = "replace"


class NetworkRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`network create`."""

    name: str
    subnets: tuple[SubnetWish, ...] = ()
    more: tuple[SubnetWish, ...] = ()
    """Beyond one of each family; set by the front-ends of engines alone."""
    ipv4: bool = True
    ipv6: bool = False
    internal: bool = False
    managed: Managed | None = None
    """Set by the front-ends of engines; never by the API.

    Such a network may have no subnet at all: a bridge alone, or addresses that others lease.
    """
    others: OtherAddresses = OtherAddresses.KEEP
    options: dict[str, str] = {}
    """Docker's `-o` keys; model.options parses them."""
    labels: dict[str, str] = {}


class AttachRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`attach`: give a process or a namespace its network stack; one of pid and netns is set."""

    name: str = ""
    pid: int | None = None
    netns: str = ""
    networks: tuple[NetworkWish, ...] = ()
    """Empty: the default network."""
    ports: tuple[PortWish, ...] = ()


class RunRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`run`."""

    spec: ContainerSpec
    name: str = ""
    network_mode: str = "default"
    networks: tuple[NetworkWish, ...] = ()
    ports: tuple[PortWish, ...] = ()


class ConnectRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`network connect`."""

    container: str
    wish: NetworkWish
