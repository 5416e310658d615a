"""Predict a packet's walk from a snapshot, there and back: steps, and what decided each."""

from typing import assert_never

from glassbridge.model.packet import Question
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import FilterMet, HookPassed
from glassbridge.model.walk import Action, Disposition, Missing, Step, Walk
from glassbridge.walk.firewall import filtering
from glassbridge.walk.firewall.hooks import HookVerdict
from glassbridge.walk.path.crossing import arrive, cross
from glassbridge.walk.path.delivering import deliver
from glassbridge.walk.path.departing import depart
from glassbridge.walk.path.hindsight import blame_source, look_back
from glassbridge.walk.path.neighbours import resolve
from glassbridge.walk.path.port_gates import bridge_of
from glassbridge.walk.path.receiving import receive
from glassbridge.walk.path.replying import answering, come_back
from glassbridge.walk.path.sending import send
from glassbridge.walk.path.switching import enter_port, leave_bridge
from glassbridge.walk.path.traveller import (
    Addressed,
    Coming,
    Delivered,
    Ended,
    Ground,
    Leaving,
    PassHook,
    Raised,
    Sending,
    Traveller,
    Unclear,
    Unread,
)

MOST_STEPS = 400
"""Of one way: more than any path has that does not go in circles."""


def predict(
    snapshot: Snapshot, question: Question, pass_hook: PassHook = filtering.pass_hook
) -> Walk | Missing:
    """The walk of the packet and of its answer, or the namespaces to read before it can be told."""
    ground = Ground(snapshot=snapshot, question=question, pass_hook=pass_hook)
    try:
        start = depart(ground)
        there = look_back(ground, start, _walk(ground, start), _walk)
        back = answering(there)
        whole = there if back is None else blame_source(_walk(ground, back))
    except Unread as unread:
        return Missing(cookies=unread.cookies)
    except Unclear as unclear:
        return _unclear(unclear)
    return _told(there, whole)


def _told(there: Traveller, whole: Traveller) -> Walk:
    """A rule that cannot be evaluated leaves the end open, but where the packet is lost anyway."""
    ends = [t.station for t in (there, whole) if isinstance(t.station, Ended)]
    disposition = ends[0].disposition
    unknown = next((e.unknown for e in ends if e.unknown), "")
    # a program may lead a packet elsewhere: what would lose it later may never see it
    undecided = _filtered(whole.steps)
    if disposition is not Disposition.DROPPED and not undecided:
        undecided = _undecided(there.steps)
    assumptions = (a for s in whole.steps for a in s.assumptions)
    return Walk(
        steps=whole.steps,
        disposition=Disposition.INSUFFICIENT_INFO if undecided else disposition,
        assumptions=tuple(dict.fromkeys(assumptions)),
        unknown=unknown or undecided,
    )


def _undecided(steps: tuple[Step, ...]) -> str:
    for step in steps:
        match step.detail:
            case HookPassed(verdict=HookVerdict.UNKNOWN.value, hook=hook, decided_by=rule):
                which = f": {rule.text}" if rule is not None and rule.text else ""
                why = "; ".join(step.assumptions) or f"one rule cannot be evaluated{which}"
                return f"whether the {hook} hook of {step.place.name} lets it pass: {why}"
            case _:
                continue
    return ""


def _filtered(steps: tuple[Step, ...]) -> str:
    """The first program or filter of a link on either way that nobody evaluates."""
    met = (s for s in steps if isinstance(s.detail, FilterMet) and s.action is Action.UNKNOWN)
    return next((s.assumptions[0] for s in met), "")


def _unclear(why: Unclear) -> Walk:
    return Walk(steps=(), disposition=Disposition.INSUFFICIENT_INFO, unknown=why.message)


def _walk(ground: Ground, traveller: Traveller) -> Traveller:
    """Step by step to an end."""
    for _ in range(MOST_STEPS):
        if traveller.has_ended:
            return traveller
        try:
            traveller = _step(ground, traveller)
        except Unclear as unclear:
            return _stuck(traveller, unclear.message)
    return _stuck(traveller, f"after {MOST_STEPS} steps it is still on its way")


def _stuck(traveller: Traveller, why: str) -> Traveller:
    return traveller.at(Ended(disposition=Disposition.INSUFFICIENT_INFO, unknown=why))


def _step(ground: Ground, traveller: Traveller) -> Traveller:  # noqa: C901, PLR0911 - one arm for each station
    station = traveller.station
    match station:
        case Sending():
            return send(ground, traveller, station)
        case Addressed():
            return resolve(ground, traveller, station)
        case Leaving() if station.link.bridge is not None:
            return leave_bridge(ground, traveller, station)
        case Leaving():
            return cross(ground, traveller, station)
        case Coming():
            bridge = bridge_of(ground, traveller.cookie, station.link)
            if bridge is not None:
                return enter_port(ground, traveller, station, bridge)
            return arrive(ground, traveller, station)
        case Raised():
            return receive(ground, traveller, station)
        case Delivered() if traveller.is_reply:
            return come_back(ground, traveller, station)
        case Delivered():
            return deliver(ground, traveller, station)
        case Ended():
            return traveller
        case _:
            assert_never(station)
