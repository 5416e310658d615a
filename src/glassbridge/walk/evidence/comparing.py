"""One predicted step against what was seen: who saw it so, who saw otherwise, who saw nothing."""

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct

from glassbridge.model.observation import (
    AnswerKind,
    FdbLookup,
    NeighbourLookup,
    NeighbourMessage,
    RouteLookup,
    WitnessName,
)
from glassbridge.model.ruleset import Backend
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import (
    Crossed,
    HookPassed,
    NeighbourFound,
    Place,
    RouteChosen,
    SocketFound,
    Switched,
)
from glassbridge.model.walk import Action, Answered, AtRule, OnLink, Step
from glassbridge.walk.evidence.reached import is_usurped
from glassbridge.walk.evidence.rule_names import name_hit
from glassbridge.walk.evidence.testimony import LINK_WITNESSES, Testimony

GOOD_ANSWERS = frozenset({AnswerKind.ACCEPTED, AnswerKind.ECHO, AnswerKind.DATA})
REFUSING_TYPES = frozenset({"blackhole", "unreachable", "prohibit", "throw"})


class Word(Struct, frozen=True, kw_only=True):
    """What one witness says of one step."""

    by: WitnessName
    agrees: bool
    at_ns: int | None = None
    instead: str = ""
    """What it saw, where that is something else."""
    is_silence: bool = False
    """It should have seen it, and saw nothing."""
    is_opinion: bool = False
    """What the kernel would do, not what it did to this packet."""


def words_on(step: Step, testimony: Testimony, snapshot: Snapshot) -> tuple[Word, ...]:
    """All that witnesses say of a step."""
    said = [*_of_detail(step, testimony, snapshot)]
    for expected in step.expected:
        match expected:
            case OnLink() if isinstance(step.detail, NeighbourFound):
                pass  # the question; it is not asked at all if the entry became known meanwhile
            case OnLink():
                said += _on_link(expected, step, testimony, snapshot)
            case AtRule():
                said += _at_rule(expected, step, testimony)
            case Answered():
                said += _answered(step, testimony)
            case _:
                assert_never(expected)
    return tuple(said)


def _of_detail(step: Step, testimony: Testimony, snapshot: Snapshot) -> Iterator[Word]:
    match step.detail:
        case RouteChosen() as route:
            yield from _route(route, step, testimony)
        case NeighbourFound() as neighbour:
            yield from _neighbour(neighbour, step, testimony, snapshot)
        case Switched() as switched:
            yield from _switched(switched, step, testimony, snapshot)
        case Crossed() as crossed:
            to = crossed.to
            for mark in testimony.at_link(
                to.cookie, to.ifindex, outgoing=False, is_reply=step.is_reply
            )[:1]:
                yield Word(by=mark.by, agrees=True, at_ns=mark.at_ns)
        case HookPassed() as hook:
            yield from _hook(hook, step, testimony)
        case SocketFound():
            yield from _answered(step, testimony)
        case _:
            pass  # what such a step should show stands in its expectations


def _on_link(
    expected: OnLink, step: Step, testimony: Testimony, snapshot: Snapshot
) -> Iterator[Word]:
    marks = testimony.at_link(
        expected.cookie, expected.ifindex, outgoing=expected.outgoing, is_reply=step.is_reply
    )
    seen_by = {m.by: m for m in reversed(marks)}
    for mark in seen_by.values():
        yield Word(by=mark.by, agrees=True, at_ns=mark.at_ns)
    namespace = snapshot.namespaces.get(expected.cookie)
    link = namespace.stack.link(expected.ifindex) if namespace else None
    if link is not None and link.kind == "bridge" and not expected.outgoing:
        return  # a bridge shows what is for the host or flooded, not what it only switches
    for name in LINK_WITNESSES & testimony.reliable - seen_by.keys():
        yield Word(by=name, agrees=False, is_silence=True)


def _at_rule(expected: AtRule, step: Step, testimony: Testimony) -> Iterator[Word]:
    rule = expected.rule
    if step.action is Action.UNKNOWN:
        return  # it may match: whatever it did is no surprise
    if rule.backend is Backend.IPTABLES_LEGACY:
        if testimony.rises_of(expected.cookie, rule):
            yield Word(by=WitnessName.COUNTERS, agrees=True)
        return
    hits = testimony.hits_of(expected.cookie, rule, is_reply=step.is_reply)
    if hits:
        yield Word(by=WitnessName.NFTRACE, agrees=True, at_ns=hits[0].at_ns)
        return
    there = [
        h
        for h in testimony.hits
        if (h.cookie, h.family, h.table, h.chain, h.is_reply)
        == (expected.cookie, rule.family, rule.table, rule.chain, step.is_reply)
    ]
    if there and WitnessName.NFTRACE in testimony.reliable:
        yield Word(
            by=WitnessName.NFTRACE, agrees=False, instead=f"decided by {name_hit(there[-1])}"
        )


def _hook(hook: HookPassed, step: Step, testimony: Testimony) -> Iterator[Word]:
    rules = tuple(r for r in (hook.decided_by, *hook.matched) if r is not None)
    for rule in rules:
        if rule.backend is Backend.IPTABLES_LEGACY:
            if testimony.rises_of(step.place.cookie, rule):
                yield Word(by=WitnessName.COUNTERS, agrees=True)
        elif hits := testimony.hits_of(step.place.cookie, rule, is_reply=step.is_reply):
            yield Word(by=WitnessName.NFTRACE, agrees=True, at_ns=hits[0].at_ns)


def _answered(step: Step, testimony: Testimony) -> Iterator[Word]:
    answer = testimony.answer
    if answer is None or answer.kind is AnswerKind.NOT_SENT:
        return
    is_good = answer.kind in GOOD_ANSWERS
    if answer.kind is AnswerKind.NOTHING:
        return  # where it was lost, other witnesses tell: the sender only knows that it was
    if is_good == (step.drop is None or is_usurped(step)):
        yield Word(by=WitnessName.SENDER, agrees=True)
    else:
        instead = f"the sender's socket: {answer.kind}" + (
            f" ({answer.errno})" * bool(answer.errno)
        )
        yield Word(by=WitnessName.SENDER, agrees=False, instead=instead)


def _route(chosen: RouteChosen, step: Step, testimony: Testimony) -> Iterator[Word]:
    for asked in testimony.lookups:
        if not isinstance(asked, RouteLookup) or asked.cookie != step.place.cookie:
            continue
        is_forwarding = asked.iif is not None
        if (asked.destination, is_forwarding) != (step.packet.destination, chosen.is_forwarding):
            continue
        ours = chosen.route
        refuses = ours is None or ours.type in REFUSING_TYPES
        if asked.route is None:
            agrees = refuses or step.drop is not None
            yield _opinion(agrees=agrees, instead=f"the kernel's look-up refuses: {asked.refusal}")
        elif refuses:
            yield _opinion(agrees=False, instead="the kernel's look-up finds a route")
        elif ours is not None:
            same = ours.type == asked.route.type and (
                ours.type != "unicast"
                or chosen.other_ways > 0
                or (chosen.gateway, chosen.oif) == (asked.route.gateway, asked.route.oif)
            )
            via = f" via {asked.route.gateway}" if asked.route.gateway else ""
            instead = f"the kernel's look-up says {asked.route.type}{via} link {asked.route.oif}"
            yield _opinion(agrees=same, instead=instead)


def _neighbour(
    found: NeighbourFound, step: Step, testimony: Testimony, snapshot: Snapshot
) -> Iterator[Word]:
    """A table ages: that a known neighbour was asked for, or an asked one known, is no difference.

    What counts is the MAC, and that somebody answers where the packet needs it.
    """
    place = step.place
    for looked in testimony.lookups:
        if (
            isinstance(looked, NeighbourLookup)
            and (looked.cookie, looked.address) == (place.cookie, found.address)
            and looked.mac is not None
            and not _is_learned(found, place, snapshot)
        ):
            yield _opinion(
                agrees=looked.mac == found.mac, instead=f"the kernel's table has {looked.mac}"
            )
    asked_ns: int | None = None
    answered = False
    for sighting in testimony.neighbour_messages:
        said = sighting.seen
        assert isinstance(said, NeighbourMessage)
        if sighting.cookie != place.cookie:
            continue
        if said.is_reply and said.sender == found.address and not sighting.outgoing:
            answered = True
            yield Word(
                by=WitnessName.TAPS,
                agrees=said.sender_mac == found.mac,
                at_ns=sighting.at_ns if asked_ns is None else asked_ns,
                instead=f"{said.sender_mac} answered",
            )
        elif not said.is_reply and said.target == found.address and sighting.outgoing:
            asked_ns = sighting.at_ns if asked_ns is None else asked_ns
    addressed = tuple(_addressed(found, step, testimony))
    if asked_ns is not None and not answered and not addressed:
        yield from _unanswered(found, asked_ns, testimony)
    yield from addressed


def _is_learned(found: NeighbourFound, place: Place, snapshot: Snapshot) -> bool:
    """The packet itself brought it about: look-ups were made before it was sent."""
    namespace = snapshot.namespaces.get(place.cookie)
    known = namespace.stack.neighbours if namespace else ()
    return found.entry is not None and found.entry not in known


def _unanswered(found: NeighbourFound, asked_ns: int, testimony: Testimony) -> Iterator[Word]:
    if found.mac is None or not found.is_asked:
        # a question about a known neighbour is a verification; the packet does not wait for it
        yield Word(by=WitnessName.TAPS, agrees=True, at_ns=asked_ns)
    elif WitnessName.TAPS in testimony.reliable:
        yield Word(
            by=WitnessName.TAPS, agrees=False, at_ns=asked_ns, instead="asked, and nobody answered"
        )


def _addressed(found: NeighbourFound, step: Step, testimony: Testimony) -> Iterator[Word]:
    """The frame itself names the MAC that the kernel took."""
    marks = testimony.at_link(
        step.place.cookie, step.place.ifindex, outgoing=True, is_reply=step.is_reply
    )
    for mark in marks:
        if mark.destination_mac is not None:
            yield Word(
                by=mark.by,
                agrees=mark.destination_mac == found.mac,
                at_ns=mark.at_ns,
                instead=f"the frame went to {mark.destination_mac}",
            )
            return


def _switched(
    switched: Switched, step: Step, testimony: Testimony, snapshot: Snapshot
) -> Iterator[Word]:
    to, cookie = switched.to, step.place.cookie
    if to is not None:
        for mark in testimony.at_link(to.cookie, to.ifindex, outgoing=True, is_reply=step.is_reply)[
            :1
        ]:
            yield Word(by=mark.by, agrees=True, at_ns=mark.at_ns)
    namespace = snapshot.namespaces.get(cookie)
    for looked in testimony.lookups:
        if (
            not isinstance(looked, FdbLookup)
            or (looked.cookie, looked.mac) != (cookie, switched.mac)
            or looked.port is None  # it ages, and may be learned between the question and now
        ):
            continue
        if to is not None:
            link = namespace.stack.link(looked.port) if namespace else None
            other = link.ifname if link else f"link {looked.port}"
            yield _opinion(
                agrees=looked.port == to.ifindex, instead=f"the kernel's FDB says {other}"
            )
        elif switched.is_own:
            yield _opinion(agrees=True, instead="")


def _opinion(*, agrees: bool, instead: str) -> Word:
    return Word(
        by=WitnessName.LOOKUPS,
        agrees=agrees,
        instead="" if agrees else instead,
        is_opinion=True,
    )
