"""What `trace` answers: the walk as predicted and seen, its verdict, the cause and the mending.

The JSON of it is schema `walk/1`: keys are added, never renamed or removed.
"""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.cause import Cause
from glassbridge.model.observation import Answer, Observation, Witness, WitnessName
from glassbridge.model.packet import FlowWish
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import Place
from glassbridge.model.walk import Fact, Step

SCHEMA = "walk/1"


class Verdict(StrEnum):
    """The end of the walk."""

    DELIVERED = "DELIVERED"
    DROPPED = "DROPPED"
    DISAGREE = "DISAGREE"
    """Prediction says one thing, the real packet did another."""
    INSUFFICIENT_INFO = "INSUFFICIENT_INFO"


class Seen(StrEnum):
    """How prediction and observation of one step stand to each other."""

    AGREES = "agrees"
    DIFFERS = "differs"
    """A witness that could see it saw something else, or nothing."""
    UNPREDICTED = "unpredicted"
    """Seen, and nothing like it was predicted."""
    UNWITNESSED = "unwitnessed"
    """Nobody who spoke can see such a step."""
    NOT_REACHED = "not reached"
    """The packet ended before."""


class Hop(Struct, frozen=True, kw_only=True):
    """One step with what was seen of it."""

    n: int
    step: Step
    is_predicted: bool = True
    seen: Seen = Seen.UNWITNESSED
    us: float | None = None
    """Microseconds since the first sighting; None: nobody saw when."""
    at_ns: int | None = None
    by: tuple[WitnessName, ...] = ()
    """Who saw it."""
    differs: str = ""
    """What was seen instead."""


class Explanation(Struct, frozen=True, kw_only=True):
    """One cause, its evidence, and what mends it."""

    code: Cause
    hop: int
    """The number of the hop at which it ended."""
    where: Place
    sentence: str
    evidence: tuple[Fact, ...] = ()
    fix: tuple[str, ...] = ()
    """Shell commands, in order; empty where nothing is to be mended by a command."""
    fix_note: str = ""
    """What the commands do, or what to decide where there are none."""
    rule: RuleRef | None = None
    reason: str = ""
    """The kernel's drop reason, as observed."""
    function: str = ""
    is_certain: bool = True
    """False: the most likely of several."""


class TraceReport(Struct, frozen=True, kw_only=True):
    """The whole answer."""

    schema: str = SCHEMA
    trace_id: str
    verdict: Verdict
    wish: FlowWish
    source: Place
    destination: Place | None
    """None: it is not on this host, or not known."""
    title: str
    """`nginx-1 172.17.0.2 -> nginx-2 172.17.0.3:80/tcp`"""
    hops: tuple[Hop, ...]
    cause: Explanation | None = None
    agrees: bool | None = None
    """None: nothing was observed, so there is nothing to compare."""
    why_unknown: str = ""
    assumptions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    lost_events: int = 0
    answer: Answer | None = None
    round_trip_us: float | None = None
    observation: Observation | None = None
    """Everything raw, for pcapng; not part of the JSON."""
    snapshot: Snapshot | None = None
    """What prediction read, for names and MACs in pcapng; not part of the JSON."""
    recorded: str = ""
    """Where the state is from: empty is the host here and now, else a file and its date."""
