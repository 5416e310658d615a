"""A walk with all its evidence, step by step, as `ovs-appctl ofproto/trace` tells a flow."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from glassbridge.app.cli.columns import SCREEN, fit, fold, plain
from glassbridge.app.cli.table import bold
from glassbridge.app.cli.walk_evidence import Labelled, evidence_of, packet_text, route_text
from glassbridge.app.cli.walk_places import Places, places_of
from glassbridge.app.cli.walk_rows import AGREES, LEGEND, mark_of
from glassbridge.app.cli.walk_screen import explanation_lines, head_lines, witness_lines
from glassbridge.app.sentences import sentence_of, where_of
from glassbridge.model.observation import (
    FdbLookup,
    KernelEvent,
    Lookup,
    NeighbourLookup,
    NeighbourMessage,
    Observation,
    RouteLookup,
    RuleHit,
    Sighting,
)
from glassbridge.model.report import Hop, TraceReport
from glassbridge.model.step_details import NeighbourFound
from glassbridge.model.walk import AtRule, OnLink

_INDENT, _LABEL = 5, 9


def walk_tree(report: TraceReport) -> str:
    """Every step, what decided it and who saw it; nothing is cut but the headings."""
    lines = [*head_lines(report), *_indented([("trace", report.trace_id)])]
    places = places_of(report)
    direction: bool | None = None
    for hop in report.hops:
        if hop.step.is_reply is not direction:
            direction = hop.step.is_reply
            lines += ["", bold("the reply" if direction else "the request")]
        lines += ["", _heading(hop), *_indented(_facts(hop, report, places))]
    if report.observation is not None:
        lines += ["", bold("everything seen, in the order of time")]
        lines += _indented(_chronicle(report.observation, _start(report), places))
    block = list(explanation_lines(report))
    if block:
        lines += ["", *block]
    return "\n".join(line.rstrip() for line in (*lines, "", *witness_lines(report)))


def _heading(hop: Hop) -> str:
    told = plain(f"{where_of(hop.step)}: {sentence_of(hop.step)}")
    number = f"{hop.n:>3}  "
    return bold(number + fit(told, SCREEN - len(number)))


def _facts(hop: Hop, report: TraceReport, places: Places) -> Iterator[Labelled]:
    mark = mark_of(hop, report)
    if hop.is_predicted:
        yield from evidence_of(hop.step, places)
    seen = hop.seen.value if not mark or mark == AGREES else LEGEND[mark]
    by = f", by {', '.join(name.value for name in hop.by)}" if hop.by else ""
    at = "" if hop.us is None else f", at +{hop.us:.1f} us"
    when = "" if hop.at_ns is None else f" ({_clock(hop.at_ns)})"
    yield "seen", f"{mark or '-'} {seen}{by}{at}{when}"
    if hop.differs:
        yield "instead", hop.differs
    if report.observation is not None:
        yield from _matching(hop, report.observation, _start(report), places)


def _start(report: TraceReport) -> int:
    """When the time of the hops begins, in nanoseconds."""
    known = ((h.at_ns, h.us) for h in report.hops if h.at_ns is not None and h.us is not None)
    sent = report.observation.sent_ns if report.observation else 0
    return next((at_ns - round(us * 1000) for at_ns, us in known), sent)


def _matching(hop: Hop, observation: Observation, start: int, places: Places) -> Iterator[Labelled]:
    """The sightings and rule verdicts that this very step had let expect."""
    step = hop.step
    asks = isinstance(step.detail, NeighbourFound)
    for expected in step.expected:
        match expected:
            case OnLink(cookie=cookie, ifindex=ifindex, outgoing=outgoing):
                for s in observation.sightings:
                    there = (s.cookie, s.ifindex, s.outgoing) == (cookie, ifindex, outgoing)
                    same = isinstance(s.seen, NeighbourMessage) == asks
                    if there and same and (asks or s.is_reply == step.is_reply):
                        yield "tap", _sighting(s, start, places)
            case AtRule(cookie=cookie, rule=rule):
                for hit in observation.rule_hits:
                    ref = (hit.cookie, hit.table, hit.chain, hit.handle)
                    if ref == (cookie, rule.table, rule.chain, rule.handle):
                        yield "nftrace", _rule_hit(hit, start, places)
            case _:
                continue


def _chronicle(observation: Observation, start: int, places: Places) -> Iterator[Labelled]:
    """Every witness's own words; look-ups and counters have no time."""
    told = [
        *((s.at_ns, ("tap", _sighting(s, start, places))) for s in observation.sightings),
        *((h.at_ns, ("nftrace", _rule_hit(h, start, places))) for h in observation.rule_hits),
        *((e.at_ns, ("kernel", _event(e, start, places))) for e in observation.events),
    ]
    if observation.packet is not None:
        yield "sent", f"{_clock(observation.sent_ns)} {packet_text(observation.packet)}"
    yield from (fact for _, fact in sorted(told, key=lambda pair: pair[0]))
    for lookup in observation.lookups:
        yield "look-up", f"{places.namespace(lookup.cookie)}: {_lookup(lookup)}"
    for counter in observation.counters:
        rule = f"rule {counter.number}" if counter.number else "policy"
        where = f"{places.namespace(counter.cookie)}: {counter.family} {counter.table}"
        yield "counter", f"{where} {counter.chain} {rule}: +{counter.packets}"
    if observation.answer is not None:
        answer = observation.answer
        words = [
            answer.kind.value,
            answer.errno,
            f"from {answer.offender}" if answer.offender else "",
        ]
        after = "" if answer.after_us is None else f" after {answer.after_us:.0f} us"
        yield "answer", " ".join(word for word in words if word) + after


def _sighting(sighting: Sighting, start: int, places: Places) -> str:
    link = places.link(sighting.cookie, sighting.ifindex)
    way = "out of" if sighting.outgoing else f"({sighting.to}) into"
    macs = f"{sighting.source_mac or '?'} > {sighting.destination_mac or '?'}"
    return f"{_after(sighting.at_ns, start)} {way} {link}: {_seen(sighting)}, {macs}"


def _seen(sighting: Sighting) -> str:
    match sighting.seen:
        case NeighbourMessage(is_reply=True, sender=sender, sender_mac=mac):
            return f"{sender} is at {mac}"
        case NeighbourMessage(sender=sender, target=target):
            return f"who has {target}, tell {sender}"
        case packet:
            return packet_text(packet)


def _rule_hit(hit: RuleHit, start: int, places: Places) -> str:
    what = "policy" if hit.is_policy else f"handle {hit.handle}"
    where = f"{hit.family} {hit.table} {hit.chain} {what}: {hit.verdict} {hit.target}".rstrip()
    connection = f", ct {hit.connection}" if hit.connection else ""
    return f"{_after(hit.at_ns, start)} {places.namespace(hit.cookie)}: {where}{connection}"


def _event(event: KernelEvent, start: int, places: Places) -> str:
    words = [_after(event.at_ns, start), event.kind.value]
    if event.reason:
        words.append(event.reason)
    if event.function:
        words.append(f"in {event.function}")
    if event.ifindex is not None:
        words.append(f"at {places.link_of(event.inode, event.ifindex)}")
    if event.packet is not None:
        words.append(packet_text(event.packet))
    return f"{' '.join(words)}, skb {event.skb:#x}"


def _lookup(lookup: Lookup) -> str:
    match lookup:
        case RouteLookup(route=route, refusal=refusal, destination=destination):
            asked = f"route to {destination}" + (f" from link #{lookup.iif}" if lookup.iif else "")
            return f"{asked}: {refusal or 'none' if route is None else route_text(route)}"
        case NeighbourLookup(address=address, mac=mac, state=state, ifindex=ifindex):
            return f"neighbour {address} at link #{ifindex}: {mac or 'nothing'} {state}".rstrip()
        case FdbLookup(mac=mac, port=port, bridge=bridge):
            found = "no entry" if port is None else f"port is link #{port}"
            return f"FDB of link #{bridge}, {mac}: {found}"


def _after(at_ns: int, start: int) -> str:
    return f"+{(at_ns - start) / 1000:.1f} us"


def _clock(at_ns: int) -> str:
    seconds, rest = divmod(at_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}.{rest // 1000:06d} UTC"


def _indented(facts: Iterable[Labelled]) -> Iterator[str]:
    for label, fact in facts:
        head = f"{' ' * _INDENT}{label:<{_LABEL}}"
        for line in fold(plain(fact), SCREEN - _INDENT - _LABEL):
            yield f"{head}{line}"
            head = " " * (_INDENT + _LABEL)
