"""The verdict: how prediction and the real packet end, and whether that is the same."""

from glassbridge.model.observation import (
    AnswerKind,
    CounterChange,
    KernelEvent,
    RuleHit,
    WitnessName,
)
from glassbridge.model.packet import Transport
from glassbridge.model.report import Verdict
from glassbridge.model.step_details import Crossed, Left
from glassbridge.model.walk import Disposition, Step, Walk
from glassbridge.walk.evidence.reached import is_usurped
from glassbridge.walk.evidence.rule_names import name_hit
from glassbridge.walk.evidence.testimony import Testimony, is_hit_of
from glassbridge.walk.evidence.told_drops import Ending, Fate


def judge(walk: Walk, ending: Ending) -> Verdict:
    """One word for both."""
    predicted = predicted_end(walk)
    match ending.fate:
        case Fate.UNSETTLED | Fate.LEFT:
            return predicted
        case Fate.DELIVERED:
            if predicted is not Verdict.DROPPED and not ending.is_astray:
                return Verdict.DELIVERED
            return Verdict.DROPPED if any(map(is_usurped, walk.steps)) else Verdict.DISAGREE
        case Fate.LOST:
            return _judge_loss(walk, ending, predicted)


def _judge_loss(walk: Walk, ending: Ending, predicted: Verdict) -> Verdict:
    if foreseen(walk, ending) is not None:
        return Verdict.DROPPED
    if predicted is not Verdict.INSUFFICIENT_INFO:
        return Verdict.DISAGREE
    leaves = walk.disposition is Disposition.EXITS_NETWORK
    return Verdict.DISAGREE if leaves and not ending.is_beyond else Verdict.DROPPED


def foreseen(walk: Walk, ending: Ending) -> int | None:
    """The step of the predicted drop, an index; None if the packet was seen to end elsewhere."""
    n = next((n for n, s in enumerate(walk.steps) if s.drop is not None), None)
    if n is None or ending.fate is not Fate.LOST:
        return n
    is_there = ending.first <= n <= ending.last and agrees_with(walk.steps[n], ending)
    return n if is_there and not ending.is_beyond else None


def predicted_end(walk: Walk) -> Verdict:
    """The verdict as far as prediction goes: a datagram is delivered though its answer be lost."""
    dropped = walk.dropped
    if walk.disposition is Disposition.INSUFFICIENT_INFO:
        return Verdict.INSUFFICIENT_INFO
    if dropped is not None and not (dropped.is_reply and dropped.packet.transport is Transport.UDP):
        return Verdict.DROPPED
    match walk.disposition:
        case Disposition.ACCEPTED:
            return Verdict.DELIVERED
        case Disposition.DROPPED:
            return Verdict.DROPPED
        case Disposition.EXITS_NETWORK:
            return Verdict.INSUFFICIENT_INFO


def agrees_with(step: Step, ending: Ending) -> bool:
    """Whether a predicted drop is the one that was seen: the same namespace, the same rule."""
    places = {step.place.cookie}
    if isinstance(step.detail, Crossed):
        places |= {step.detail.from_.cookie, step.detail.to.cookie}
    if step.drop is not None and step.drop.place is not None:
        places.add(step.drop.place.cookie)
    if ending.cookie is not None and ending.cookie not in places:
        return False
    rule = step.drop.rule if step.drop else None
    match ending.found:
        case RuleHit() as hit:
            return rule is None or is_hit_of(hit, rule)
        case CounterChange() as change if rule is not None:
            number = 0 if rule.is_policy else rule.number
            return (change.table, change.chain, change.number) == (rule.table, rule.chain, number)
        case _:
            return True


def tell_ending(
    ending: Ending, testimony: Testimony
) -> tuple[tuple[WitnessName, ...], int | None, str]:
    """Who saw the end, when, and in which words."""
    answer = testimony.answer
    by: tuple[WitnessName, ...] = ()
    at_ns: int | None = None
    texts: list[str] = []
    match ending.found:
        case RuleHit() as hit:
            by, at_ns = (WitnessName.NFTRACE,), hit.at_ns
            texts.append(f"dropped by {name_hit(hit)}")
        case KernelEvent() as event:
            by, at_ns = (WitnessName.TRACEPOINTS,), event.at_ns
            texts.append(f"dropped: {event.reason} in {event.function}")
        case CounterChange() as change:
            by = (WitnessName.COUNTERS,)
            which = f"rule {change.number}" if change.number else "policy"
            texts.append(f"dropped by {change.table} {change.chain} {which}")
        case None:
            pass
    if answer is not None:
        by = (*by, WitnessName.SENDER)
        if answer.kind is not AnswerKind.NOTHING:
            words = f"the sender's socket: {answer.kind}"
            texts.append(words + (f" ({answer.errno})" if answer.errno else ""))
    return by, at_ns, "; ".join(texts) or "not seen from here on"


def why_unknown(walk: Walk, ending: Ending, testimony: Testimony) -> str:
    """What cannot be known, for a person."""
    if walk.unknown:
        return walk.unknown
    last = next((s for s in reversed(walk.request) if isinstance(s.detail, Left)), None)
    way = f"left by {last.place.ifname or last.place.name}" if last else "it leaves this host"
    if ending.fate is Fate.LEFT and testimony.answer is not None:
        return f"{way}; no answer in the time given: what is beyond cannot be seen"
    return f"{way}: what is beyond cannot be seen"
