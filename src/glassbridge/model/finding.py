"""What `doctor` reports: something that is wrong, or soon will be, without sending a packet.

The JSON of it is schema `doctor/1`: keys are added, never renamed or removed.
"""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.cause import Cause
from glassbridge.model.step_details import Place
from glassbridge.model.walk import Fact

SCHEMA = "doctor/1"


class Severity(StrEnum):
    """How bad it is."""

    PROBLEM = "problem"
    """Packets are lost now."""
    WARNING = "warning"
    """They will be, under load or with the next container; or it cannot be told."""


class FindingCode(StrEnum):
    """What was found. The text in JSON; never renamed, only added to."""

    PATH_BROKEN = "PATH_BROKEN"
    """A walk that should arrive is predicted to end; `cause` is what `trace` would say."""
    PORT_SHADOWED = "PORT_SHADOWED"
    """A published port is led elsewhere by somebody else's rule."""
    SUBNETS_OVERLAP = "SUBNETS_OVERLAP"
    ROUTE_SHADOWS_SUBNET = "ROUTE_SHADOWS_SUBNET"
    """A route (a VPN's, often) takes addresses out of a bridge's subnet."""
    RP_FILTER = "RP_FILTER"
    MTU_ABOVE_UPLINK = "MTU_ABOVE_UPLINK"
    MTU_UNEQUAL = "MTU_UNEQUAL"
    """The two ends of a cable differ."""
    BRIDGE_NEARLY_FULL = "BRIDGE_NEARLY_FULL"
    NEIGHBOURS_NEARLY_FULL = "NEIGHBOURS_NEARLY_FULL"
    CONNECTIONS_NEARLY_FULL = "CONNECTIONS_NEARLY_FULL"
    STALE_NEIGHBOUR = "STALE_NEIGHBOUR"
    DUPLICATE_ADDRESS = "DUPLICATE_ADDRESS"
    DUPLICATE_MAC = "DUPLICATE_MAC"
    LINK_DOWN = "LINK_DOWN"
    RULES_MISSING = "RULES_MISSING"
    NAMES_UNANSWERED = "NAMES_UNANSWERED"
    UNREADABLE = "UNREADABLE"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong, its evidence, and what mends it."""

    code: FindingCode
    severity: Severity
    where: Place
    sentence: str
    evidence: tuple[Fact, ...] = ()
    fix: tuple[str, ...] = ()
    """Shell commands, in order."""
    fix_note: str = ""
    """What they do, or what to decide where there are none."""
    cause: Cause | None = None
    """Of a broken path: why, as `trace` says it."""
    breaks: tuple[str, ...] = ()
    """Every path that is predicted to end because of it: `nginx-1 to the outside`."""
    concerns: tuple[str, ...] = ()
    """Containers, networks and bridges that it is about; none: all of the host."""


class Diagnosis(Struct, frozen=True, kw_only=True):
    """The whole answer; no findings means that all is well, as far as it was examined."""

    schema: str = SCHEMA
    findings: tuple[Finding, ...]
    """Problems first."""
    looked_at: str
    """`3 bridges, 12 namespaces, 14 paths`"""
    unexamined: tuple[str, ...] = ()
    """What could not be read or predicted, and why."""
    recorded: str = ""
    """Where the state is from: empty is the host here and now, else a file and its date."""
