"""One predicted step becomes one hop: what was seen of it, when, and by whom."""

from glassbridge.model.observation import WitnessName
from glassbridge.model.report import Hop, Seen
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.walk import Step, Walk
from glassbridge.walk.evidence.comparing import GOOD_ANSWERS, Word, words_on
from glassbridge.walk.evidence.judging import agrees_with, tell_ending
from glassbridge.walk.evidence.reached import is_usurped
from glassbridge.walk.evidence.testimony import Testimony
from glassbridge.walk.evidence.told_drops import Ending, Fate


def hops_of(
    walk: Walk, ending: Ending, testimony: Testimony, snapshot: Snapshot
) -> tuple[Hop, ...]:
    """One hop for every step, in the walk's order, not yet numbered."""
    words = [words_on(step, testimony, snapshot) for step in walk.steps]
    return tuple(_hop(n, walk, ending, testimony, words) for n in range(len(words)))


def _hop(
    n: int, walk: Walk, ending: Ending, testimony: Testimony, said: list[tuple[Word, ...]]
) -> Hop:
    step, words = walk.steps[n], said[n]
    if ending.fate is Fate.LOST and not ending.is_beyond:
        end = place_of(walk, ending)
        if n == end:
            return _last_hop(step, ending, testimony, words)
        if n > ending.first and not _sure(words):
            seen = Seen.NOT_REACHED if n > end else Seen.UNWITNESSED
            return Hop(n=0, step=step, seen=seen)
    if step.drop is not None and _has_passed(step, ending, testimony):
        return _differing(step, words, "it passed")
    is_around = _is_seen(said[:n]) and _is_seen(said[n + 1 :])
    return _compared(step, words, is_seen_around=is_around)


def _compared(step: Step, words: tuple[Word, ...], *, is_seen_around: bool) -> Hop:
    against = [w for w in words if not w.agrees and not w.is_silence]
    text = "; ".join(dict.fromkeys(w.instead for w in against))
    if any(not w.is_opinion for w in against) or (against and not _sure(words)):
        return _differing(step, words, text)
    if any(w.agrees for w in words):
        by = _names({w.by for w in words if w.agrees})
        # what a look-up said beforehand does not count against the packet itself
        return Hop(n=0, step=step, seen=Seen.AGREES, at_ns=_first_time(words), by=by)
    if is_seen_around and any(w.is_silence for w in words):
        return _differing(step, words, "bypassed: seen before and after it, but not here")
    return Hop(n=0, step=step)


def place_of(walk: Walk, ending: Ending) -> int:
    """The one step that shows a loss: the predicted drop if it can be it, else where it was missed.

    An index into the walk's steps.
    """
    for n in range(ending.first, min(ending.last + 1, len(walk.steps))):
        if walk.steps[n].drop is not None:
            return n
    return min(ending.last, len(walk.steps) - 1)


def _last_hop(step: Step, ending: Ending, testimony: Testimony, words: tuple[Word, ...]) -> Hop:
    told, told_ns, text = tell_ending(ending, testimony)
    as_predicted = step.drop is not None and agrees_with(step, ending)
    at_ns = _first_time(words)
    return Hop(
        n=0,
        step=step,
        seen=Seen.AGREES if as_predicted else Seen.DIFFERS,
        at_ns=told_ns if at_ns is None else at_ns,
        by=_names({w.by for w in words if w.agrees} | set(told)),
        differs="" if as_predicted else text,
    )


def _has_passed(step: Step, ending: Ending, testimony: Testimony) -> bool:
    """The packet ended elsewhere than at this predicted drop."""
    if ending.fate is Fate.DELIVERED and step.is_reply:
        answer = testimony.answer
        return answer is not None and answer.kind in GOOD_ANSWERS
    return ending.fate is Fate.LOST or (ending.fate is Fate.DELIVERED and not is_usurped(step))


def _differing(step: Step, words: tuple[Word, ...], text: str) -> Hop:
    by = _names({w.by for w in words if not w.agrees} or {w.by for w in words})
    return Hop(n=0, step=step, seen=Seen.DIFFERS, at_ns=_first_time(words), by=by, differs=text)


def _sure(words: tuple[Word, ...]) -> bool:
    return any(w.agrees and not w.is_opinion for w in words)


def _first_time(words: tuple[Word, ...]) -> int | None:
    times = [w.at_ns for w in words if w.at_ns is not None]
    agreed = [w.at_ns for w in words if w.at_ns is not None and w.agrees]
    return min(agreed or times, default=None)


def _is_seen(said: list[tuple[Word, ...]]) -> bool:
    """The packet itself, at a time."""
    return any(w.agrees and w.at_ns is not None for words in said for w in words)


def _names(spoke: set[WitnessName]) -> tuple[WitnessName, ...]:
    return tuple(name for name in WitnessName if name in spoke)
