"""Why a packet was lost: one cause, its evidence, and what mends it."""

from msgspec.structs import replace

from glassbridge.model.cause import Cause
from glassbridge.model.observation import KernelEvent, Observation, RuleHit
from glassbridge.model.report import Explanation, Verdict
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import HookPassed, Left, NeighbourFound
from glassbridge.model.walk import Drop, Fact, Step, Walk
from glassbridge.walk.causes.candidates import candidates
from glassbridge.walk.causes.refined import refined
from glassbridge.walk.causes.scene import Scene
from glassbridge.walk.evidence.comparing import GOOD_ANSWERS
from glassbridge.walk.evidence.hops import place_of
from glassbridge.walk.evidence.judging import foreseen
from glassbridge.walk.evidence.merge import Merged
from glassbridge.walk.evidence.rule_names import name_hit
from glassbridge.walk.evidence.testimony import OTHERHOST, Testimony, testify
from glassbridge.walk.evidence.told_drops import Fate
from glassbridge.walk.fixes.by_cause import mend
from glassbridge.walk.fixes.mending import Case


def explain(
    walk: Walk, merged: Merged, observation: Observation | None, snapshot: Snapshot
) -> Explanation | None:
    """The cause of a loss; None where nothing was lost, or where nobody can know.

    A datagram that arrived may need one too: its sender would not hear the answer.
    """
    testimony = testify(observation, snapshot) if observation else Testimony()
    if merged.verdict is Verdict.INSUFFICIENT_INFO:
        return _left_as_it_was(walk, merged, testimony, snapshot)
    predicted = foreseen(walk, merged.ending)
    if merged.verdict is Verdict.DELIVERED and _is_answered(testimony):
        return None
    if merged.verdict is not Verdict.DISAGREE and predicted is not None:
        drop = walk.steps[predicted].drop
        assert drop is not None
        drop = refined(drop, predicted, walk, testimony, snapshot)
        if merged.verdict is Verdict.DELIVERED:
            drop = replace(drop, sentence=f"an answer to it would be lost: {drop.sentence}")
        return _explanation(drop, predicted, walk, merged, testimony, snapshot)
    if merged.ending.is_astray:
        return _astray(walk, merged, testimony, snapshot)
    if merged.ending.fate is not Fate.LOST or not walk.steps:
        return None
    return _unforeseen(walk, merged, testimony, snapshot)


def _is_answered(testimony: Testimony) -> bool:
    answer = testimony.answer
    return answer is not None and answer.kind in GOOD_ANSWERS


def _left_as_it_was(
    walk: Walk, merged: Merged, testimony: Testimony, snapshot: Snapshot
) -> Explanation | None:
    """A container's private address in the internet: no answer finds back to it."""
    if not walk.request or not isinstance(walk.request[-1].detail, Left):
        return None
    last, n = walk.request[-1], len(walk.request) - 1
    first = walk.steps[0]
    is_container = first.place.cookie != snapshot.home
    packet = last.packet
    if not is_container or packet.source != first.packet.source:
        return None
    if not packet.source.is_private or not packet.destination.is_global:
        return None
    drop = Drop(
        cause=Cause.NO_MASQUERADE,
        sentence=f"it leaves {last.place.name} as {packet.source}, a private address that "
        f"{packet.destination} cannot answer",
        evidence=(Fact(what=f"source at {last.place.ifname}", says=str(packet.source)),),
        place=last.place,
        subject=str(packet.source),
    )
    return _explanation(drop, n, walk, merged, testimony, snapshot, is_certain=False)


def _astray(
    walk: Walk, merged: Merged, testimony: Testimony, snapshot: Snapshot
) -> Explanation | None:
    """Somebody else took it: if two had said that they have the address, that is why."""
    for n, step in enumerate(walk.request):
        found = step.detail
        if isinstance(found, NeighbourFound) and len(found.answered_by) > 1:
            drop = Drop(
                cause=Cause.DUPLICATE_ADDRESS,
                sentence=f"{' and '.join(found.answered_by)} both answer for {found.address}",
                subject=str(found.address),
            )
            return _explanation(drop, n, walk, merged, testimony, snapshot)
    return None


def _unforeseen(
    walk: Walk, merged: Merged, testimony: Testimony, snapshot: Snapshot
) -> Explanation | None:
    n = len(walk.steps) - 1 if merged.ending.is_beyond else place_of(walk, merged.ending)
    scene = Scene(snapshot=snapshot, walk=walk, testimony=testimony, ending=merged.ending, n=n)
    drop = next((d for c in candidates(scene) if (d := c(scene)) is not None), None)
    is_certain = drop is not None and merged.ending.found is not None
    drop = _unexplained(scene) if drop is None else refined(drop, n, walk, testimony, snapshot)
    return _explanation(drop, n, walk, merged, testimony, snapshot, is_certain=is_certain)


def _unexplained(scene: Scene) -> Drop:
    """Honest ends: beyond this host, an answer that never came, or nothing that we know."""
    step = scene.step
    if isinstance(step.detail, Left) and scene.testimony.answer is not None:
        return scene.drop(
            Cause.NO_LISTENER,
            f"{scene.packet.destination} refuses it: nothing listens there, or a firewall says so",
        )
    if scene.ending.is_reply and scene.ending.found is None:
        return scene.drop(
            Cause.NO_ANSWER,
            f"it arrived, and no answer of {scene.walk.request[-1].place.name} came back",
            Fact(what="last seen", says=_words(scene)),
        )
    return scene.drop(
        Cause.NOT_EXPLAINED,
        f"lost at {step.place.name}, and nothing that was read says why",
        Fact(what="last step", says=_words(scene)),
    )


def _words(scene: Scene) -> str:
    step = scene.step
    kind = "reply" if step.is_reply else "request"
    detail = step.detail
    what = f"{detail.hook} hook" if isinstance(detail, HookPassed) else type(detail).__name__
    return f"{kind}, {what} at {step.place.name} {step.place.ifname}".rstrip()


def _explanation(
    drop: Drop,
    n: int,
    walk: Walk,
    merged: Merged,
    testimony: Testimony,
    snapshot: Snapshot,
    *,
    is_certain: bool = True,
) -> Explanation:
    step = walk.steps[n]
    mending = mend(Case(drop=drop, step=step, walk=walk, snapshot=snapshot))
    event = merged.ending.found
    if not isinstance(event, KernelEvent):
        event = _same_drop(step, testimony, drop)
    # hops keep the walk's order; strays lie between them
    hop = [h for h in merged.hops if h.is_predicted][n]
    return Explanation(
        code=drop.cause,
        hop=hop.n,
        where=step.place,
        sentence=drop.sentence,
        evidence=(*drop.evidence, *_facts(merged, event, testimony)),
        fix=mending.commands,
        fix_note=mending.note,
        rule=drop.rule,
        reason=event.reason if event else "",
        function=event.function if event else "",
        is_certain=is_certain,
    )


def _same_drop(step: Step, testimony: Testimony, drop: Drop) -> KernelEvent | None:
    """The tracepoint beside a rule's verdict."""
    places = {step.place.cookie, drop.place.cookie if drop.place else None, None}
    fitting = (
        e
        for e, c in testimony.drops
        if e.is_reply == step.is_reply
        and c in places
        # a flooded copy ends so in namespaces that nobody read
        and (c is not None or e.reason != OTHERHOST)
    )
    return next(fitting, None)


def _facts(merged: Merged, event: KernelEvent | None, testimony: Testimony) -> list[Fact]:
    facts = []
    if event is not None:
        facts.append(Fact(what="kernel", says=f"{event.reason} in {event.function}"))
    if isinstance(merged.ending.found, RuleHit):
        facts.append(Fact(what="nftrace", says=name_hit(merged.ending.found)))
    answer = testimony.answer
    if answer is not None:
        says = str(answer.kind) + (f" ({answer.errno})" if answer.errno else "")
        if answer.offender is not None:
            says += f" from {answer.offender}"
        facts.append(Fact(what="the sender's socket", says=says))
    return facts
