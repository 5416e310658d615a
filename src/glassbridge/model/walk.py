"""The walk of a packet as predicted: steps in order, each with what decided it.

Disposition words are Batfish's, action words Hubble's, where they have one.
"""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.step_details import Detail, Place
from glassbridge.model.tables import Ifindex


class Disposition(StrEnum):
    """How a predicted walk ends."""

    ACCEPTED = "ACCEPTED"
    """A socket takes it, or the stack answers (ICMP echo)."""
    EXITS_NETWORK = "EXITS_NETWORK"
    """It leaves this host: what is beyond cannot be read."""
    DROPPED = "DROPPED"
    INSUFFICIENT_INFO = "INSUFFICIENT_INFO"


class Action(StrEnum):
    """What a step does with the packet."""

    FORWARDED = "FORWARDED"
    TRANSLATED = "TRANSLATED"
    DELIVERED = "DELIVERED"
    DROPPED = "DROPPED"
    UNKNOWN = "UNKNOWN"


# -- what a witness should see if the step happens as predicted


class OnLink(Struct, frozen=True, kw_only=True, tag="link"):
    """The packet (or, for a neighbour step, the question) at a link."""

    cookie: int
    ifindex: Ifindex
    outgoing: bool


class AtRule(Struct, frozen=True, kw_only=True, tag="rule"):
    """A verdict in an nftables chain of a namespace."""

    cookie: int
    rule: RuleRef


class Answered(Struct, frozen=True, kw_only=True, tag="answer"):
    """The sender gets an answer: SYN-ACK, RST, echo reply, ICMP error."""


Expected = OnLink | AtRule | Answered


class Fact(Struct, frozen=True, kw_only=True):
    """One piece of evidence: what was looked at, and what it says."""

    what: str
    """`sysctl net.ipv4.ip_forward`, `kernel`, `rule`, `route`, `port vethX of gb0`, ..."""
    says: str


class Drop(Struct, frozen=True, kw_only=True):
    """Why prediction ends a packet at a step."""

    cause: Cause
    sentence: str
    """One sentence for a person."""
    evidence: tuple[Fact, ...] = ()
    rule: RuleRef | None = None
    place: Place | None = None
    """Where the mending is to be done, if elsewhere than at the step."""
    subject: str = ""
    """What the fix is about: a link, an address, a port, a sysctl."""


class Step(Struct, frozen=True, kw_only=True):
    """One step as predicted."""

    place: Place
    detail: Detail
    action: Action
    packet: Packet
    """As it is after the step."""
    is_reply: bool = False
    expected: tuple[Expected, ...] = ()
    assumptions: tuple[str, ...] = ()
    """What was taken for granted because it cannot be known."""
    drop: Drop | None = None


class Walk(Struct, frozen=True, kw_only=True):
    """A predicted walk, there and back."""

    steps: tuple[Step, ...]
    disposition: Disposition
    """Of the request; a lost reply is the drop of a reply step."""
    assumptions: tuple[str, ...] = ()
    unknown: str = ""
    """Of INSUFFICIENT_INFO: what cannot be known, and why."""

    @property
    def request(self) -> tuple[Step, ...]:
        """The way there."""
        return tuple(s for s in self.steps if not s.is_reply)

    @property
    def reply(self) -> tuple[Step, ...]:
        """The way back."""
        return tuple(s for s in self.steps if s.is_reply)

    @property
    def dropped(self) -> Step | None:
        """The step at which the packet, or its reply, ends."""
        return next((s for s in self.steps if s.drop is not None), None)


class Missing(Struct, frozen=True, kw_only=True):
    """Prediction went as far as it could: these namespaces must be read first."""

    cookies: tuple[int, ...]
