"""Predicted steps and what was seen of them become hops, and a verdict."""

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.observation import AnswerKind, Observation, WitnessName
from glassbridge.model.report import Hop, Seen, Verdict
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import Place, Sighted
from glassbridge.model.walk import Action, Disposition, Step, Walk
from glassbridge.walk.evidence.endings import ending_of
from glassbridge.walk.evidence.hops import hops_of
from glassbridge.walk.evidence.judging import judge, why_unknown
from glassbridge.walk.evidence.testimony import Mark, Testimony, testify
from glassbridge.walk.evidence.told_drops import Ending
from glassbridge.walk.evidence.unpredicted import unpredicted


class Merged(Struct, frozen=True, kw_only=True):
    """A walk with what was seen of it."""

    hops: tuple[Hop, ...]
    """One for each step, in the walk's order, and one for each link that nobody predicted."""
    agrees: bool | None
    """None: nothing was seen, or nothing was predicted, so there is nothing to compare."""
    verdict: Verdict
    lost: int = 0
    """Events that witnesses know they have missed."""
    round_trip_us: float | None = None
    why_unknown: str = ""
    """Of INSUFFICIENT_INFO."""
    ending: Ending
    """How the real packet ended."""


def merge(walk: Walk, observation: Observation | None, snapshot: Snapshot) -> Merged:
    """What was predicted and what was seen, side by side."""
    testimony = testify(observation, snapshot) if observation else Testimony()
    ending = ending_of(walk, testimony, snapshot)
    verdict = judge(walk, ending)
    hops = list(hops_of(walk, ending, testimony, snapshot))
    for mark in unpredicted(walk.steps, testimony, snapshot) if walk.steps else ():
        _insert(hops, _stray(mark, walk, snapshot))
    return Merged(
        hops=_numbered(hops),
        agrees=_agreement(walk, hops, verdict, ending),
        verdict=verdict,
        lost=sum(w.lost for w in observation.witnesses) if observation else 0,
        round_trip_us=_round_trip(walk, testimony),
        why_unknown=why_unknown(walk, ending, testimony)
        if verdict is Verdict.INSUFFICIENT_INFO
        else "",
        ending=ending,
    )


def _insert(hops: list[Hop], stray: Hop) -> None:
    """A sighting that no step explains goes where its time says, within its direction."""
    same_way = [i for i, h in enumerate(hops) if h.step.is_reply == stray.step.is_reply]
    earlier = [
        i
        for i in same_way
        if (at := hops[i].at_ns) is not None and stray.at_ns is not None and at <= stray.at_ns
    ]
    if earlier:
        hops.insert(earlier[-1] + 1, stray)
    else:
        hops.insert(same_way[0] if same_way else len(hops), stray)


def _stray(mark: Mark, walk: Walk, snapshot: Snapshot) -> Hop:
    namespace = snapshot.namespaces.get(mark.cookie)
    link = namespace.stack.link(mark.ifindex) if namespace else None
    place = Place(
        cookie=mark.cookie,
        name=snapshot.call(mark.cookie),
        inode=namespace.stack.netns.inode if namespace else 0,
        ifname=link.ifname if link else f"link {mark.ifindex}",
        ifindex=link.ifindex if link else None,
    )
    step = Step(
        place=place,
        detail=Sighted(outgoing=mark.outgoing),
        action=Action.FORWARDED,
        packet=mark.packet or walk.steps[0].packet,
        is_reply=mark.is_reply,
    )
    return Hop(
        n=0,
        step=step,
        is_predicted=False,
        seen=Seen.UNPREDICTED,
        at_ns=mark.at_ns,
        by=(mark.by,),
    )


def _numbered(hops: list[Hop]) -> tuple[Hop, ...]:
    first = min((h.at_ns for h in hops if h.at_ns is not None), default=0)
    return tuple(
        replace(h, n=n, us=None if h.at_ns is None else (h.at_ns - first) / 1000)
        for n, h in enumerate(hops, 1)
    )


def _agreement(walk: Walk, hops: list[Hop], verdict: Verdict, ending: Ending) -> bool | None:
    if walk.disposition is Disposition.INSUFFICIENT_INFO:
        return None
    if verdict is Verdict.DISAGREE:
        return False
    differing = [h for h in hops if h.seen in {Seen.DIFFERS, Seen.UNPREDICTED}]
    if ending.is_beyond:
        # which answer comes from where nothing can be read was not predicted
        differing = [h for h in differing if h.by != (WitnessName.SENDER,)]
    if differing:
        return False
    return True if any(h.seen is Seen.AGREES for h in hops) else None


def _round_trip(walk: Walk, testimony: Testimony) -> float | None:
    answer = testimony.answer
    if answer is not None:
        return None if answer.kind is AnswerKind.NOTHING else answer.after_us
    home = walk.steps[0].place.cookie if walk.steps else None
    there = [m.at_ns for m in testimony.marks if m.cookie == home and not m.is_reply]
    back = [m.at_ns for m in testimony.marks if m.cookie == home and m.is_reply]
    return (back[0] - there[0]) / 1000 if there and back and back[0] >= there[0] else None
