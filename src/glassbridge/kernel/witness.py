"""What every witness of a real packet has in common: it is opened, collected from, closed.

A witness never fails for lack of permission or of a kernel feature: it says so in `why_not`.
Nothing that it makes in the kernel may outlive its descriptors.
"""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.observation import CounterChange, KernelEvent, RuleHit, WitnessName
from glassbridge.model.packet import Transport


class Watch(Struct, frozen=True, kw_only=True):
    """Which packet to look for, and where. A filter may let more through, never less."""

    namespaces: Mapping[int, int]
    """Cookie -> open descriptor, lent until `close`."""
    transport: Transport
    version: int
    """4 or 6."""
    client_port: int = 0
    """The packet's source port as it is sent; of ICMP the echo identifier. 0: not known."""
    server_ports: frozenset[int] = frozenset()
    """Destination ports that it may have: as sent, and as translated. Empty: any, or ICMP."""
    addresses: frozenset[IPAddress] = frozenset()
    """Every address that is known to be its source or destination somewhere on the way."""
    payload: bytes = b""
    """Its first octets behind the UDP or ICMP header; empty for TCP and for another's packet."""


class Testimony(Struct, frozen=True, kw_only=True):
    """What one witness has seen. The packet's own and its reply are told apart later."""

    rule_hits: tuple[RuleHit, ...] = ()
    events: tuple[KernelEvent, ...] = ()
    counters: tuple[CounterChange, ...] = ()


class PacketWitness(Protocol):
    """One way to see a packet; all calls come from one thread.

    May be opened again after it was closed: several probes of one trace share what was prepared.
    """

    @property
    def name(self) -> WitnessName:
        """Who it is."""

    @property
    def why_not(self) -> str:
        """Why it cannot speak, wholly or in part; empty if it can. Known once it was opened."""

    @property
    def lost(self) -> int:
        """Events that it knows it has missed since it was opened."""

    def open(self, watch: Watch) -> None:
        """Begin to look, before the packet is sent.

        Raises nothing for what is refused or missing (see why_not). A namespace that vanished
        meanwhile is one that it cannot speak of.
        """

    def collect(self) -> Testimony:
        """What came since the last call; never waits, may be called several times."""

    def close(self) -> None:
        """Stop, and leave nothing; a second time does nothing."""
