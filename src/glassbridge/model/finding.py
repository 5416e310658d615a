"""What `doctor` reports: something that is wrong, or soon will be, without sending a packet.

The JSON of it is schema `doctor/1`: keys are added, never renamed or removed.
"""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.walk import Fact, Place

SCHEMA = "doctor/1"


class Severity(StrEnum):
    """How bad it is."""

    PROBLEM = "problem"
    """Packets are lost now."""
    WARNING = "warning"
    """They will be, under load or with the next container."""


class FindingCode(StrEnum):
    """What was found. The text in JSON; never renamed, only added to."""

    PATH_BROKEN = "PATH_BROKEN"
    """A walk that should arrive is predicted to end; the evidence names the walk's cause."""
    PORT_SHADOWED = "PORT_SHADOWED"
    """A published port is led elsewhere by somebody else's rule."""
    SUBNETS_OVERLAP = "SUBNETS_OVERLAP"
    ROUTE_SHADOWS_SUBNET = "ROUTE_SHADOWS_SUBNET"
    """A route (a VPN's, often) takes addresses out of a bridge's subnet."""
    RP_FILTER = "RP_FILTER"
    MTU_ABOVE_UPLINK = "MTU_ABOVE_UPLINK"
    MTU_UNEQUAL = "MTU_UNEQUAL"
    """The two ends of a cable, or a port and its bridge, differ."""
    BRIDGE_NEARLY_FULL = "BRIDGE_NEARLY_FULL"
    NEIGHBOURS_NEARLY_FULL = "NEIGHBOURS_NEARLY_FULL"
    CONNECTIONS_NEARLY_FULL = "CONNECTIONS_NEARLY_FULL"
    STALE_NEIGHBOUR = "STALE_NEIGHBOUR"
    DUPLICATE_ADDRESS = "DUPLICATE_ADDRESS"
    DUPLICATE_MAC = "DUPLICATE_MAC"
    LINK_DOWN = "LINK_DOWN"
    RULES_MISSING = "RULES_MISSING"
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


class Diagnosis(Struct, frozen=True, kw_only=True):
    """The whole answer; no findings means that all is well."""

    schema: str = SCHEMA
    findings: tuple[Finding, ...]
    looked_at: str
    """`3 bridges, 12 containers, 14 paths`"""
    recorded: str = ""
    """Where the state is from: empty is the host here and now, else a file and its date."""
