"""The JSON of a trace: schema walk/1, published as docs/walk.schema.json.

Keys are added, never renamed or removed; a new kind of step, cause or witness may appear.
"""

from typing import Any

import msgspec
from msgspec import Struct

from glassbridge.app.sentences import sentence_of, where_of
from glassbridge.model.address import IPAddress, IPInterface, IPNetwork, to_json
from glassbridge.model.cause import Cause
from glassbridge.model.observation import Answer, WitnessName
from glassbridge.model.packet import FlowWish, Packet
from glassbridge.model.report import SCHEMA, Explanation, Hop, Seen, TraceReport, Verdict
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.step_details import Detail, Place
from glassbridge.model.walk import Action, Drop, Fact

_NO_CONTAINER = "netns "
"""How a namespace begins that nobody named."""


class NetnsJson(Struct, frozen=True, kw_only=True):
    """A network namespace: the cookie is never reused within a boot, the inode is what ls shows."""

    cookie: int
    inode: int
    name: str


class ContainerJson(Struct, frozen=True, kw_only=True):
    """Whose a namespace is."""

    name: str


class PlaceJson(Struct, frozen=True, kw_only=True):
    """A namespace, and a link in it."""

    netns: NetnsJson
    ifname: str
    ifindex: int | None
    container: ContainerJson | None


class PredictedJson(Struct, frozen=True, kw_only=True):
    """What prediction says: the action, what decided it, and the packet as it is after the step."""

    action: Action
    by: Detail
    packet: Packet
    assumptions: tuple[str, ...]
    drop: Drop | None


class ObservedJson(Struct, frozen=True, kw_only=True):
    """What was seen of a step; `action` is null where something else than predicted was seen."""

    time_ns: int | None
    us: float | None
    clock: str
    action: Action | None
    by: tuple[WitnessName, ...]
    instead: str


class HopJson(Struct, frozen=True, kw_only=True):
    """One step of the walk; `agree` is null where nobody could see it."""

    n: int
    kind: str
    where: str
    sentence: str
    netns: NetnsJson
    ifname: str
    ifindex: int | None
    container: ContainerJson | None
    is_reply: bool
    predicted: PredictedJson | None
    observed: ObservedJson | None
    seen: Seen
    agree: bool | None


class CauseJson(Struct, frozen=True, kw_only=True):
    """Why it does not arrive; `fix` are shell commands in order."""

    code: Cause
    sentence: str
    hop: int
    where: PlaceJson
    rule: RuleRef | None
    evidence: tuple[Fact, ...]
    reason: str
    function: str
    fix: tuple[str, ...]
    fix_note: str
    confidence: str


class WitnessJson(Struct, frozen=True, kw_only=True):
    """Who could say something, and how many events it missed."""

    name: WitnessName
    spoke: bool
    why_not: str
    lost_events: int


class WalkJson(Struct, frozen=True, kw_only=True):
    """The whole answer of `glassbridge trace --json`."""

    schema: str
    trace_id: str
    verdict: Verdict
    title: str
    request: FlowWish
    source: PlaceJson
    destination: PlaceJson | None
    agree: bool | None
    round_trip_us: float | None
    answer: Answer | None
    hops: tuple[HopJson, ...]
    cause: CauseJson | None
    why_unknown: str
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    witnesses: tuple[WitnessJson, ...]
    lost_events: int
    recorded: str


def walk_json(report: TraceReport) -> bytes:
    """One report as indented JSON."""
    return msgspec.json.format(to_json(walk_value(report)), indent=2)


def walk_value(report: TraceReport) -> WalkJson:
    """One report under the names that are published."""
    destination = report.destination
    return WalkJson(
        schema=report.schema,
        trace_id=report.trace_id,
        verdict=report.verdict,
        title=report.title,
        request=report.wish,
        source=_place(report.source),
        destination=None if destination is None else _place(destination),
        agree=report.agrees,
        round_trip_us=report.round_trip_us,
        answer=report.answer,
        hops=tuple(_hop(hop) for hop in report.hops),
        cause=None if report.cause is None else _cause(report.cause),
        why_unknown=report.why_unknown,
        assumptions=report.assumptions,
        notes=report.notes,
        witnesses=tuple(
            WitnessJson(name=w.name, spoke=w.spoke, why_not=w.why_not, lost_events=w.lost)
            for w in report.witnesses
        ),
        lost_events=report.lost_events,
        recorded=report.recorded,
    )


def walk_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of WalkJson."""
    schema = msgspec.json.schema(WalkJson, schema_hook=_schema_of)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"glassbridge trace --json ({SCHEMA})",
        **schema,
    }


def _schema_of(kind: type) -> dict[str, Any]:
    words: dict[Any, str] = {
        IPAddress: "an IPv4 or IPv6 address",
        IPNetwork: "a prefix, such as 172.17.0.0/16",
        IPInterface: "an address with the length of its prefix",
    }
    return {"type": "string", "description": words[kind]}


def _hop(hop: Hop) -> HopJson:
    place, step = _place(hop.step.place), hop.step
    agree = {Seen.AGREES: True, Seen.DIFFERS: False, Seen.UNPREDICTED: False}.get(hop.seen)
    return HopJson(
        n=hop.n,
        kind=_kind_of(step.detail),
        where=where_of(step),
        sentence=sentence_of(step),
        netns=place.netns,
        ifname=place.ifname,
        ifindex=place.ifindex,
        container=place.container,
        is_reply=step.is_reply,
        predicted=_predicted(hop) if hop.is_predicted else None,
        observed=None if agree is None else _observed(hop),
        seen=hop.seen,
        agree=agree,
    )


def _kind_of(detail: Detail) -> str:
    kind = detail.__struct_config__.tag
    assert isinstance(kind, str)  # every detail has one
    return kind


def _predicted(hop: Hop) -> PredictedJson:
    step = hop.step
    return PredictedJson(
        action=step.action,
        by=step.detail,
        packet=step.packet,
        assumptions=step.assumptions,
        drop=step.drop,
    )


def _observed(hop: Hop) -> ObservedJson:
    return ObservedJson(
        time_ns=hop.at_ns,
        us=hop.us,
        clock="realtime",
        action=None if hop.seen is Seen.DIFFERS else hop.step.action,
        by=hop.by,
        instead=hop.differs,
    )


def _cause(cause: Explanation) -> CauseJson:
    return CauseJson(
        code=cause.code,
        sentence=cause.sentence,
        hop=cause.hop,
        where=_place(cause.where),
        rule=cause.rule,
        evidence=cause.evidence,
        reason=cause.reason,
        function=cause.function,
        fix=cause.fix,
        fix_note=cause.fix_note,
        confidence="certain" if cause.is_certain else "likely",
    )


def _place(place: Place) -> PlaceJson:
    is_container = place.name != "host" and not place.name.startswith(_NO_CONTAINER)
    return PlaceJson(
        netns=NetnsJson(cookie=place.cookie, inode=place.inode, name=place.name),
        ifname=place.ifname,
        ifindex=place.ifindex,
        container=ContainerJson(name=place.name) if is_container else None,
    )
