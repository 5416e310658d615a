"""How the real packet ended, and at which of the predicted steps."""

from glassbridge.model.observation import AnswerKind
from glassbridge.model.packet import Transport
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import HookPassed, Left, RouteChosen
from glassbridge.model.walk import Step, Walk
from glassbridge.walk.evidence.comparing import GOOD_ANSWERS
from glassbridge.walk.evidence.reached import has_arrived, has_link, is_halfway, is_seen
from glassbridge.walk.evidence.testimony import LINK_WITNESSES, Testimony
from glassbridge.walk.evidence.told_drops import Ending, Fate, told_drop
from glassbridge.walk.evidence.unpredicted import unpredicted


def ending_of(walk: Walk, testimony: Testimony, snapshot: Snapshot) -> Ending:
    """The end as it was seen; what was predicted only says which steps there are."""
    steps = walk.steps
    answer = testimony.answer
    kind = answer.kind if answer else None
    if kind in GOOD_ANSWERS:
        return Ending(fate=Fate.DELIVERED, is_astray=_is_astray(walk, testimony, snapshot))
    if not steps:
        return Ending(fate=Fate.UNSETTLED)
    told = told_drop(steps, testimony, snapshot, is_reply=False)
    if told is not None or kind is AnswerKind.NOT_SENT:
        return told or _not_sent(steps, testimony)
    if kind in {AnswerKind.REFUSED, AnswerKind.ICMP_ERROR}:
        return _refused(steps, testimony, snapshot)
    if kind is None and _came_back(steps, testimony):
        return Ending(fate=Fate.DELIVERED)
    return _silent(walk, testimony, snapshot)


def _is_astray(walk: Walk, testimony: Testimony, snapshot: Snapshot) -> bool:
    if not LINK_WITNESSES & testimony.reliable or not any(map(has_link, walk.request)):
        return False
    has_come = has_arrived([*walk.request], testimony)
    return not has_come and _went_on(walk.steps, testimony, snapshot)


def _not_sent(steps: tuple[Step, ...], testimony: Testimony) -> Ending:
    """The kernel refused to send: somewhere before the first cable."""
    home = steps[0].place.cookie
    errno = testimony.answer.errno if testimony.answer else ""
    foreseen = next((n for n, s in enumerate(steps) if s.drop is not None), None)
    if errno == "EMSGSIZE" and foreseen is not None:
        # an earlier packet was too large somewhere, and the sender remembers what it was told
        return Ending(fate=Fate.LOST, last=foreseen)
    kind = HookPassed if errno == "EPERM" else RouteChosen
    here = [n for n, s in enumerate(steps) if s.place.cookie == home and not s.is_reply]
    fitting = [n for n in here if steps[n].drop or isinstance(steps[n].detail, kind)] or here[:1]
    return Ending(fate=Fate.LOST, first=fitting[0], last=fitting[0], cookie=home)


def _refused(steps: tuple[Step, ...], testimony: Testimony, snapshot: Snapshot) -> Ending:
    """An answer says no: who sent it, if it is one of ours, else the last step that was seen."""
    request = [n for n, s in enumerate(steps) if not s.is_reply]
    end = request[-1] if request else 0
    offender = testimony.answer.offender if testimony.answer else None
    if offender is not None:
        for cookie, namespace in snapshot.namespaces.items():
            if all(a.interface.ip != offender for a in namespace.stack.addresses):
                continue
            there = [n for n in request if steps[n].place.cookie == cookie]
            if there:
                return Ending(fate=Fate.LOST, first=there[0], last=there[-1], cookie=cookie)
    first = max((n for n in request if is_seen(steps[n], testimony)), default=0)
    is_beyond = bool(request) and isinstance(steps[end].detail, Left)
    return Ending(fate=Fate.LOST, first=first, last=end, is_beyond=is_beyond)


def _silent(walk: Walk, testimony: Testimony, snapshot: Snapshot) -> Ending:
    """No answer, and nobody told of a drop: what counts is how far it was seen."""
    steps = walk.steps
    request = [n for n, s in enumerate(steps) if not s.is_reply]
    if not request:
        return Ending(fate=Fate.UNSETTLED)
    end = steps[request[-1]]
    if end.drop is not None and _went_on(steps, testimony, snapshot):
        return Ending(fate=Fate.LOST, first=len(steps), last=len(steps), is_beyond=True)
    if end.drop is None and has_arrived([steps[n] for n in request], testimony):
        return _unanswered(steps, request[-1], testimony, snapshot)
    if not LINK_WITNESSES & testimony.reliable:
        return _unwatched(end, testimony, len(steps) - 1)
    seen = [n for n in request if is_seen(steps[n], testimony)]
    if not seen and testimony.answer is None:
        return Ending(fate=Fate.UNSETTLED)
    return _lost_after(steps, request, seen[-1] if seen else 0, testimony)


def _unwatched(end: Step, testimony: Testimony, last: int) -> Ending:
    """Only the sender can tell, and it heard nothing."""
    if isinstance(end.detail, Left):
        return Ending(fate=Fate.LEFT)
    if end.packet.transport is Transport.UDP or testimony.answer is None:
        return Ending(fate=Fate.UNSETTLED)
    return Ending(fate=Fate.LOST, last=last)


def _unanswered(
    steps: tuple[Step, ...], end: int, testimony: Testimony, snapshot: Snapshot
) -> Ending:
    """The request got to its end, and the sender heard nothing."""
    told = told_drop(steps, testimony, snapshot, is_reply=True)
    has_come_back = any(m.is_reply for m in testimony.marks)
    if isinstance(steps[end].detail, Left) and told is None and not has_come_back:
        return Ending(fate=Fate.LEFT)
    if steps[end].packet.transport is Transport.UDP:
        return told or Ending(fate=Fate.DELIVERED)
    if testimony.answer is None:
        return Ending(fate=Fate.UNSETTLED)
    return told or _reply_lost(steps, end, testimony)


def _reply_lost(steps: tuple[Step, ...], end: int, testimony: Testimony) -> Ending:
    reply = [n for n, s in enumerate(steps) if s.is_reply]
    seen = [n for n in reply if is_seen(steps[n], testimony)]
    if seen:
        return _lost_after(steps, reply, seen[-1], testimony)
    if any(m.is_reply for m in testimony.marks):
        first = reply[0] if reply else end
        return Ending(fate=Fate.LOST, is_reply=True, first=first, last=len(steps) - 1)
    # nothing came out of the target: it took the packet and kept silent, or could not answer
    last = next((n for n in reply if has_link(steps[n])), reply[-1] if reply else end)
    return Ending(fate=Fate.LOST, is_reply=bool(reply), first=end, last=last)


def _lost_after(steps: tuple[Step, ...], way: list[int], seen: int, testimony: Testimony) -> Ending:
    """Between the last step that was seen and the next at which it should have been."""
    if is_halfway(steps[seen], testimony):
        return Ending(fate=Fate.LOST, is_reply=steps[seen].is_reply, first=seen, last=seen)
    later = [n for n in way if n > seen]
    last = next((n for n in later if has_link(steps[n])), later[-1] if later else seen)
    return Ending(fate=Fate.LOST, is_reply=steps[seen].is_reply, first=seen, last=last)


def _went_on(steps: tuple[Step, ...], testimony: Testimony, snapshot: Snapshot) -> bool:
    """Seen on links to which no predicted step leads."""
    return any(not m.is_reply for m in unpredicted(steps, testimony, snapshot))


def _came_back(steps: tuple[Step, ...], testimony: Testimony) -> bool:
    """Of a packet that somebody else sent: its answer reached the sender's namespace."""
    home = steps[0].place.cookie
    return any(
        m.is_reply and not m.outgoing and m.cookie == home and "R" not in _flags(m.packet)
        for m in testimony.marks
    )


def _flags(packet: object) -> str:
    return getattr(packet, "tcp_flags", "")
