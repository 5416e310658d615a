"""A netfilter hook as the walk calls it, and what comes back (walk.firewall.filtering answers)."""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.address import Mac
from glassbridge.model.packet import Packet
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.step_details import Translated
from glassbridge.model.topology import Link


class HookVerdict(StrEnum):
    """Three-valued: what cannot be evaluated is unknown, never guessed."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    UNKNOWN = "unknown"


class Tracking(Struct, frozen=True, kw_only=True):
    """The walk's connection as conntrack of one namespace knows it."""

    original: Packet
    """The first packet as it came, before any translation."""
    translated: Packet
    """The same packet after it: the reply comes from its destination to its source."""
    is_confirmed: bool = False
    """The first packet has passed: NAT is settled, what comes next is established."""
    is_recorded: bool = False
    """The entry stood in the table before the walk: its translation may be stale."""
    is_replied: bool = False
    """An answer has passed: packets of both directions are established."""
    is_offloaded: bool = False
    """A flowtable has it, and takes its packets at the link, before any of this."""
    mark: int | None = 0
    """Of the connection; None: not known."""

    @property
    def status(self) -> frozenset[str]:
        """What was translated, in nft's words: snat, dnat."""
        kinds = set()
        before, after = self.original, self.translated
        if (before.source, before.source_port) != (after.source, after.source_port):
            kinds.add("snat")
        if (before.destination, before.destination_port) != (
            after.destination,
            after.destination_port,
        ):
            kinds.add("dnat")
        return frozenset(kinds)


class HookCall(Struct, frozen=True, kw_only=True):
    """What the kernel hands to a hook."""

    family: str
    """ip, ip6, arp, bridge or netdev; tables of inet are called with ip and ip6, and by links."""
    hook: str
    """prerouting, input, forward, output, postrouting; of netdev ingress and egress."""
    packet: Packet
    iif: Link | None = None
    """For a bridged frame at a hook of ip: the bridge."""
    oif: Link | None = None
    physical_in: Link | None = None
    """The bridge port, at hooks of ip that br_netfilter calls for bridged frames."""
    physical_out: Link | None = None
    source_mac: Mac | None = None
    destination_mac: Mac | None = None
    is_reply: bool = False
    arp_operation: int = 0
    """Of an ARP packet, of which `packet` has the addresses; 0: it is an IP packet."""


class HookResult(Struct, frozen=True, kw_only=True):
    """What all chains of the hook did, in order of priority."""

    verdict: HookVerdict
    packet: Packet
    """With its mark and, after NAT, its new addresses and ports."""
    tracking: Tracking | None
    """None: this namespace does not track it."""
    connection: str = ""
    """new, established, untracked, ... ; empty: no chain of this namespace asks for tracking."""
    decided_by: RuleRef | None = None
    matched: tuple[RuleRef, ...] = ()
    translated: Translated | None = None
    assumptions: tuple[str, ...] = ()
    answer: str = ""
    """Of a reject: what the sender hears, in nft's words."""
