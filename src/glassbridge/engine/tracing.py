"""What `trace` does: find both ends, predict, observe a real packet, join both, explain."""

import os
from collections.abc import Sequence

from msgspec.structs import replace

from glassbridge.engine.questions import Asked, ask
from glassbridge.engine.targets import Surveyed, Target
from glassbridge.engine.trace_options import TraceOptions
from glassbridge.model.cause import Cause
from glassbridge.model.observation import Observation
from glassbridge.model.packet import FlowWish, Question, Transport
from glassbridge.model.report import Explanation, TraceReport, Verdict
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import Place
from glassbridge.model.walk import Missing, Walk
from glassbridge.walk.evidence.merge import Merged, merge
from glassbridge.walk.evidence.testimony import ICMP_ERRORS
from glassbridge.walk.predict import predict


def trace(survey: Surveyed, wish: FlowWish, options: TraceOptions) -> TraceReport:
    """Trace one packet; raises GlassbridgeError where the request cannot be carried out."""
    asked = ask(survey, wish)
    taker = asked.destination.cookie
    if taker is None and asked.question.destination.is_loopback:
        taker = asked.source.cookie
    if taker is not None:
        survey.name_owners(taker)
    walk = foresee(survey, asked.question)
    observations = _witness(survey, asked.question, walk, options)
    merged = [merge(walk, o, survey.snapshot) for o in observations]
    first = observations[0] if observations else None
    joined = merged[0] if merged else merge(walk, None, survey.snapshot)
    if first is not None and first.is_live and first.packet is None:
        why = f"no packet of this flow came in {options.timeout:g} s"
        joined = replace(joined, verdict=Verdict.INSUFFICIENT_INFO, why_unknown=why)
    report = _report(wish, asked, walk, joined, first, survey.snapshot)
    notes = _notes(merged, options)
    if _is_news(asked.question) and options.probe:
        notes = (
            *notes,
            "only predicted: an ICMP error on its way would be taken for news of another packet",
        )
    return replace(report, notes=notes, recorded=options.recorded)


def foresee(survey: Surveyed, question: Question) -> Walk:
    """Predict; what the walk needs is read when it gets there."""
    while True:
        outcome = predict(survey.snapshot, question)
        if isinstance(outcome, Walk):
            return outcome
        if not _read(survey, outcome):
            # gone, or closed to us: what is there will have to do
            whole = replace(survey.snapshot, is_whole=True)
            walk = predict(whole, question)
            assert isinstance(walk, Walk)  # nothing is missing from what is whole
            return walk


def _read(survey: Surveyed, missing: Missing) -> bool:
    survey.read(missing.cookies)
    return survey.snapshot.namespaces.keys() >= set(missing.cookies)


def _witness(
    survey: Surveyed, question: Question, walk: Walk, options: TraceOptions
) -> Sequence[Observation]:
    """None of a host that is in a file."""
    if options.recorded:
        return ()
    from glassbridge.engine.survey import Survey  # noqa: PLC0415 - needs Linux; a file does not

    assert isinstance(survey, Survey)
    is_probed = options.probe and question.source is not None and not _is_news(question)
    if not options.live and not is_probed:
        from glassbridge.engine.looking_up import ask_kernel  # noqa: PLC0415 - same

        lookups, witnesses = ask_kernel(walk, survey.open)
        return [Observation(packet=None, lookups=lookups, witnesses=witnesses)]
    from glassbridge.engine.witnessing import witness  # noqa: PLC0415 - same

    return witness(survey, question, walk, options)


def _is_news(question: Question) -> bool:
    """An ICMP error: whoever sees one takes it for news of the packet that it quotes."""
    return question.icmp_type in ICMP_ERRORS[question.destination.version]


def _report(
    wish: FlowWish,
    asked: Asked,
    walk: Walk,
    merged: Merged,
    observation: Observation | None,
    snapshot: Snapshot,
) -> TraceReport:
    return TraceReport(
        trace_id=os.urandom(16).hex(),
        verdict=merged.verdict,
        wish=wish,
        source=_place(asked.source, snapshot),
        destination=None
        if asked.destination.cookie is None
        else _place(asked.destination, snapshot),
        title=_title(asked, walk, observation),
        hops=merged.hops,
        cause=_cause(walk, merged, observation, snapshot),
        agrees=merged.agrees,
        why_unknown=merged.why_unknown,
        assumptions=walk.assumptions,
        witnesses=observation.witnesses if observation else (),
        lost_events=merged.lost,
        answer=observation.answer if observation else None,
        round_trip_us=merged.round_trip_us,
        observation=observation,
        snapshot=snapshot,
    )


def _cause(
    walk: Walk, merged: Merged, observation: Observation | None, snapshot: Snapshot
) -> Explanation | None:
    """What nobody knows the end of may still have a likely cause."""
    if merged.verdict is Verdict.DELIVERED and walk.dropped is None:
        return None
    from glassbridge.walk.causes.explaining import explain  # noqa: PLC0415 - what arrives needs no cause

    if observation is not None and observation.is_live and observation.packet is None:
        return None
    found = explain(walk, merged, observation, snapshot)
    is_unknown = merged.verdict is Verdict.INSUFFICIENT_INFO
    if found is not None and is_unknown and found.code is Cause.NOT_EXPLAINED:
        return None
    return found


def _place(target: Target, snapshot: Snapshot) -> Place:
    if target.cookie is None:
        return Place(cookie=0, name=target.name)
    known = snapshot.namespaces.get(target.cookie)
    return Place(
        cookie=target.cookie, name=target.name, inode=known.stack.netns.inode if known else 0
    )


def _title(asked: Asked, walk: Walk, observation: Observation | None) -> str:
    """`nginx-1 172.17.0.2 -> nginx-2 172.17.0.3:80/tcp`."""
    question = asked.question
    sent = observation.packet if observation else None
    if sent is None and walk.steps:
        sent = walk.steps[0].packet
    source = sent.source if sent is not None else question.source_address
    start = _end(asked.source.name, "" if source is None or source.is_unspecified else str(source))
    address = str(question.destination)
    if question.transport is not Transport.ICMP:
        host = f"[{address}]" if question.destination.version == 6 else address  # noqa: PLR2004 - the IP version
        address = f"{host}:{question.destination_port}"
    return f"{start} -> {_end(asked.destination.name, address)}/{question.transport}"


def _end(name: str, address: str) -> str:
    """A name with its address; an address that has no name stands alone."""
    return (
        address if not name or address.strip("[]").startswith(name) else f"{name} {address}".strip()
    )


def _notes(merged: Sequence[Merged], options: TraceOptions) -> tuple[str, ...]:
    if options.count == 1:
        return ()
    delivered = [m for m in merged if m.verdict is Verdict.DELIVERED]
    times = sorted(m.round_trip_us for m in delivered if m.round_trip_us is not None)
    note = f"{len(delivered)} of {len(merged)} delivered"
    if times:
        middle = times[len(times) // 2]
        note += f", {times[0]:.0f}/{middle:.0f}/{times[-1]:.0f} us (least, median, most)"
    return (note,)
