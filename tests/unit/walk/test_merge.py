"""Prediction and observation side by side: who agrees, who differs, and which verdict follows."""

import random
from ipaddress import ip_address
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.walk.witnessed import (
    RULE,
    START_NS,
    a_drop,
    bridged,
    drop_hit,
    dropped_at,
    dropped_event,
    index_of,
    witness,
)

from glassbridge.model.address import Mac
from glassbridge.model.cause import Cause
from glassbridge.model.observation import (
    Answer,
    AnswerKind,
    NeighbourLookup,
    NeighbourMessage,
    Observation,
    Sighting,
    WitnessName,
)
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.report import Seen, Verdict
from glassbridge.model.step_details import (
    Crossed,
    HookPassed,
    Left,
    NeighbourFound,
    PortEntered,
    Received,
    RouteChosen,
    Sighted,
    SocketFound,
    Switched,
)
from glassbridge.model.tables import Ifindex
from glassbridge.model.walk import Disposition, OnLink, Step, Walk
from glassbridge.walk.evidence.merge import merge

TRANSPORTS = tuple(Transport)
T = TypeVar("T")
WITNESSES = st.sets(st.sampled_from(WitnessName))


def seen(walk: Walk, observation: Observation | None) -> list[Seen]:
    snapshot, _ = bridged()
    return [h.seen for h in merge(walk, observation, snapshot).hops]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_all_witnesses_saw_agrees(transport: Transport) -> None:
    snapshot, walk = bridged(transport)
    merged = merge(walk, witness(walk, snapshot), snapshot)
    assert merged.verdict is Verdict.DELIVERED
    assert merged.agrees is True
    assert {h.seen for h in merged.hops} == {Seen.AGREES}
    assert merged.round_trip_us == 80.0
    assert [h.n for h in merged.hops] == list(range(1, len(walk.steps) + 1))


def test_times_count_from_the_first_sighting() -> None:
    snapshot, walk = bridged()
    merged = merge(walk, witness(walk, snapshot), snapshot)
    times = [h.us for h in merged.hops if h.us is not None]
    assert times[0] == 0.0
    assert times == sorted(times)
    assert merged.hops[3].us == 20.0  # the port, two hops of 10 us after the ARP question


def test_without_witnesses_only_prediction_speaks() -> None:
    snapshot, walk = bridged()
    merged = merge(walk, None, snapshot)
    assert merged.verdict is Verdict.DELIVERED
    assert merged.agrees is None
    assert {h.seen for h in merged.hops} == {Seen.UNWITNESSED}
    assert all(h.us is None for h in merged.hops)


def test_lost_events_are_counted() -> None:
    snapshot, walk = bridged()
    observation = witness(walk, snapshot)
    deaf = tuple(replace(w, lost=2) for w in observation.witnesses)
    assert merge(walk, replace(observation, witnesses=deaf), snapshot).lost == 2 * len(WitnessName)


# -- neighbours


def test_a_question_that_needed_not_be_asked_is_no_difference() -> None:
    """The entry became known between the snapshot and the packet."""
    snapshot, walk = bridged()
    merged = merge(walk, witness(walk, snapshot, questions=False), snapshot)
    assert merged.agrees is True
    assert merged.hops[1].seen is Seen.AGREES  # by the kernel's table


def test_a_question_about_a_known_neighbour_is_no_difference() -> None:
    """STALE: it is used now and verified later, by a question to it alone."""
    snapshot, walk = bridged()
    n = index_of(walk, NeighbourFound)
    found = walk.steps[n].detail
    assert isinstance(found, NeighbourFound)
    known = replace(walk.steps[n], detail=replace(found, is_asked=False))
    observation = witness(walk, snapshot)
    walk = replace(walk, steps=(*walk.steps[:n], known, *walk.steps[n + 1 :]))
    assert merge(walk, observation, snapshot).agrees is True


def answered_by(mac: str) -> Sighting:
    return Sighting(
        at_ns=START_NS + 12_000,
        cookie=2,
        ifindex=Ifindex(2),
        outgoing=False,
        to="host",
        length=42,
        frame=b"",
        seen=NeighbourMessage(
            is_reply=True,
            sender=ip_address("172.17.0.3"),
            sender_mac=Mac(mac),
            target=ip_address("172.17.0.2"),
        ),
    )


def test_another_mac_that_answers_is_a_difference() -> None:
    snapshot, walk = bridged()
    observation = witness(walk, snapshot)
    stranger = answered_by("02:42:ac:11:00:63")
    merged = merge(
        walk, replace(observation, sightings=(*observation.sightings, stranger)), snapshot
    )
    assert merged.hops[1].seen is Seen.DIFFERS
    assert "02:42:ac:11:00:63 answered" in merged.hops[1].differs
    assert merged.agrees is False
    assert merged.verdict is Verdict.DELIVERED, "it ended as predicted all the same"


# -- drops


def test_a_predicted_drop_that_was_seen_agrees() -> None:
    snapshot, whole = bridged()
    n = index_of(whole, HookPassed)
    walk = dropped_at(whole, n, a_drop(rule=RULE))
    observation = replace(
        witness(walk, snapshot, until=n - 1),
        rule_hits=(drop_hit(snapshot.home, RULE),),
        events=(dropped_event(snapshot, snapshot.home, "NETFILTER_DROP", "nft_do_chain"),),
    )
    merged = merge(walk, observation, snapshot)
    assert merged.verdict is Verdict.DROPPED
    assert merged.agrees is True
    last = merged.hops[-1]
    assert last.seen is Seen.AGREES
    assert WitnessName.NFTRACE in last.by


def test_silence_alone_bears_out_a_predicted_drop() -> None:
    snapshot, whole = bridged()
    n = index_of(whole, HookPassed)
    walk = dropped_at(whole, n, a_drop())
    names = (WitnessName.TAPS, WitnessName.SENDER)
    merged = merge(walk, witness(walk, snapshot, until=n - 1, names=names), snapshot)
    assert merged.verdict is Verdict.DROPPED
    assert merged.agrees is True


def test_another_rule_than_predicted_is_a_disagreement() -> None:
    snapshot, whole = bridged()
    n = index_of(whole, HookPassed)
    walk = dropped_at(whole, n, a_drop(rule=RULE))
    other = replace(RULE, handle=9)
    observation = replace(
        witness(walk, snapshot, until=n - 1), rule_hits=(drop_hit(snapshot.home, other),)
    )
    merged = merge(walk, observation, snapshot)
    assert merged.verdict is Verdict.DISAGREE
    assert "handle 9" in merged.hops[-1].differs


def test_a_drop_in_another_namespace_is_a_disagreement() -> None:
    snapshot, whole = bridged()
    n = index_of(whole, HookPassed)
    walk = dropped_at(whole, n, a_drop())
    observation = replace(
        witness(walk, snapshot, until=1, names=(WitnessName.TRACEPOINTS, WitnessName.SENDER)),
        events=(dropped_event(snapshot, 2, "NETFILTER_DROP", "nft_do_chain"),),
    )
    assert merge(walk, observation, snapshot).verdict is Verdict.DISAGREE


def test_a_packet_that_passes_a_predicted_drop_is_a_disagreement() -> None:
    snapshot, whole = bridged()
    walk = dropped_at(whole, index_of(whole, HookPassed), a_drop())
    merged = merge(walk, witness(whole, snapshot), snapshot)
    assert merged.verdict is Verdict.DISAGREE
    passed = [h for h in merged.hops if h.step.drop is not None]
    assert [h.seen for h in passed] == [Seen.DIFFERS]
    assert [h.seen for h in merged.hops if not h.is_predicted] == [Seen.UNPREDICTED] * 2


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_packet_that_passes_a_predicted_drop_without_an_answer_too(transport: Transport) -> None:
    snapshot, whole = bridged(transport)
    walk = dropped_at(whole, index_of(whole, HookPassed), a_drop())
    observation = witness(whole, snapshot, until=index_of(whole, SocketFound))
    assert merge(walk, observation, snapshot).verdict is Verdict.DISAGREE


@pytest.mark.parametrize(
    ("reason", "function", "kind"),
    [
        ("NETFILTER_DROP", "nft_do_chain", HookPassed),
        ("NOT_SPECIFIED", "br_nf_dev_queue_xmit", Switched),
        ("NOT_SPECIFIED", "br_handle_frame_finish", PortEntered),
    ],
)
def test_an_unpredicted_drop_ends_the_walk_where_the_kernel_says(
    reason: str, function: str, kind: type[HookPassed]
) -> None:
    snapshot, walk = bridged()
    n = index_of(walk, kind)
    before = witness(walk, snapshot, until=index_of(walk, PortEntered))
    drop = dropped_event(snapshot, snapshot.home, reason, function)
    merged = merge(walk, replace(before, events=(*before.events, drop)), snapshot)
    assert merged.verdict is Verdict.DISAGREE
    assert merged.hops[n].seen is Seen.DIFFERS
    assert reason in merged.hops[n].differs
    assert {h.seen for h in merged.hops[n + 1 :]} == {Seen.NOT_REACHED}


def test_a_loss_that_nobody_explains_is_where_it_was_missed_first() -> None:
    snapshot, walk = bridged()
    names = (WitnessName.TAPS, WitnessName.SENDER)
    merged = merge(walk, witness(walk, snapshot, until=3, names=names), snapshot)
    n = index_of(walk, Switched)
    assert merged.verdict is Verdict.DISAGREE
    assert merged.hops[n].seen is Seen.DIFFERS
    assert merged.hops[index_of(walk, HookPassed)].seen is Seen.UNWITNESSED
    assert {h.seen for h in merged.hops[n + 1 :]} == {Seen.NOT_REACHED}


def test_a_lost_reply_is_a_loss_of_what_owes_one() -> None:
    for transport in (Transport.TCP, Transport.ICMP):
        snapshot, walk = bridged(transport)
        merged = merge(walk, witness(walk, snapshot, until=index_of(walk, SocketFound)), snapshot)
        assert merged.verdict is Verdict.DISAGREE
        assert merged.ending.is_reply


def test_a_datagram_needs_no_answer() -> None:
    snapshot, walk = bridged(Transport.UDP)
    merged = merge(walk, witness(walk, snapshot, until=index_of(walk, SocketFound)), snapshot)
    assert merged.verdict is Verdict.DELIVERED


def test_a_datagram_that_was_refused_was_not_delivered() -> None:
    snapshot, walk = bridged(Transport.UDP)
    end = index_of(walk, SocketFound)
    observation = replace(
        witness(walk, snapshot, until=end),
        answer=Answer(kind=AnswerKind.REFUSED, icmp_type=3, icmp_code=3),
    )
    walk = dropped_at(walk, end, a_drop(Cause.NO_LISTENER))
    merged = merge(walk, observation, snapshot)
    assert merged.verdict is Verdict.DROPPED
    assert merged.agrees is True


def test_a_sender_that_may_not_send_is_told_by_its_errno() -> None:
    snapshot, whole = bridged()
    observation = Observation(
        packet=None,
        answer=Answer(kind=AnswerKind.NOT_SENT, errno="ENETUNREACH"),
        witnesses=witness(whole, snapshot).witnesses,
    )
    walk = dropped_at(whole, 0, a_drop(Cause.NO_ROUTE))
    merged = merge(walk, observation, snapshot)
    assert merged.verdict is Verdict.DROPPED
    assert merged.agrees is True
    surprised = merge(whole, observation, snapshot)
    assert surprised.verdict is Verdict.DISAGREE
    assert "ENETUNREACH" in surprised.hops[index_of(whole, RouteChosen)].differs
    assert {h.seen for h in surprised.hops[1:]} == {Seen.NOT_REACHED}


# -- silence in the middle, strangers on the way


def test_what_taps_miss_in_the_middle_was_bypassed() -> None:
    """BPF redirects around hooks and taps."""
    snapshot, walk = bridged()
    n = index_of(walk, Switched)
    observation = witness(walk, snapshot, names=(WitnessName.TAPS, WitnessName.SENDER))
    place = walk.steps[n].place
    kept = tuple(
        s for s in observation.sightings if (s.ifindex, s.outgoing) != (place.ifindex, True)
    )
    merged = merge(walk, replace(observation, sightings=kept), snapshot)
    assert merged.verdict is Verdict.DELIVERED
    assert "bypassed" in merged.hops[n].differs


def test_a_tap_that_lost_frames_bears_no_witness_by_silence() -> None:
    snapshot, walk = bridged()
    observation = witness(walk, snapshot, names=(WitnessName.TAPS, WitnessName.SENDER))
    deaf = tuple(replace(w, lost=1) for w in observation.witnesses)
    kept = tuple(s for s in observation.sightings if not s.outgoing)
    merged = merge(walk, replace(observation, sightings=kept, witnesses=deaf), snapshot)
    assert Seen.DIFFERS not in {h.seen for h in merged.hops}


def stray(packet: Packet, *, is_reply: bool = False) -> Sighting:
    return Sighting(
        at_ns=START_NS + 31_000,
        cookie=1,
        ifindex=Ifindex(77),
        outgoing=True,
        to="outgoing",
        length=74,
        frame=b"",
        seen=packet,
        is_reply=is_reply,
    )


def test_a_sighting_where_no_step_leads_becomes_a_hop_in_its_place() -> None:
    snapshot, walk = bridged()
    observation = witness(walk, snapshot)
    packet = walk.steps[0].packet
    seen_too = replace(observation, sightings=(stray(packet), *observation.sightings))
    merged = merge(walk, seen_too, snapshot)
    assert len(merged.hops) == len(walk.steps) + 1
    found = merged.hops[4]
    assert (found.is_predicted, found.seen) == (False, Seen.UNPREDICTED)
    assert found.step.detail == Sighted(outgoing=True)
    assert merged.agrees is False


def test_an_icmp_error_on_its_way_back_is_no_stray() -> None:
    snapshot, walk = bridged()
    observation = witness(walk, snapshot)
    error = replace(walk.steps[0].packet, transport=Transport.ICMP, icmp_type=3)
    told = replace(observation, sightings=(*observation.sightings, stray(error, is_reply=True)))
    assert len(merge(walk, told, snapshot).hops) == len(walk.steps)


# -- beyond the host


def leaving() -> Walk:
    _, walk = bridged()
    n = index_of(walk, Switched)
    place = walk.steps[n].place
    assert place.ifindex is not None
    left = Step(
        place=place,
        detail=Left(gateway=None),
        action=walk.steps[n].action,
        packet=walk.steps[n].packet,
        expected=(OnLink(cookie=place.cookie, ifindex=place.ifindex, outgoing=True),),
    )
    return Walk(steps=(*walk.steps[:n], left), disposition=Disposition.EXITS_NETWORK)


def test_what_leaves_unanswered_cannot_be_known() -> None:
    snapshot, _ = bridged()
    merged = merge(leaving(), witness(leaving(), snapshot), snapshot)
    assert merged.verdict is Verdict.INSUFFICIENT_INFO
    assert "left by veth-nginx-2" in merged.why_unknown
    assert merged.agrees is True
    assert merge(leaving(), None, snapshot).verdict is Verdict.INSUFFICIENT_INFO


def test_an_answer_from_beyond_settles_it() -> None:
    snapshot, _ = bridged()
    merged = merge(leaving(), witness(leaving(), snapshot, kind=AnswerKind.ACCEPTED), snapshot)
    assert (merged.verdict, merged.agrees) == (Verdict.DELIVERED, True)
    merged = merge(leaving(), witness(leaving(), snapshot, kind=AnswerKind.REFUSED), snapshot)
    assert (merged.verdict, merged.agrees) == (Verdict.DROPPED, True)


def test_what_is_lost_before_it_leaves_is_a_disagreement() -> None:
    snapshot, _ = bridged()
    lost = witness(leaving(), snapshot, until=3)
    assert merge(leaving(), lost, snapshot).verdict is Verdict.DISAGREE


def test_observation_settles_what_prediction_cannot_know() -> None:
    snapshot, whole = bridged()
    walk = replace(whole, disposition=Disposition.INSUFFICIENT_INFO, unknown="a BPF program")
    answered = merge(walk, witness(walk, snapshot), snapshot)
    assert (answered.verdict, answered.agrees) == (Verdict.DELIVERED, None)
    lost = merge(walk, witness(walk, snapshot, until=3), snapshot)
    assert (lost.verdict, lost.agrees) == (Verdict.DROPPED, None)
    nothing = merge(walk, None, snapshot)
    assert (nothing.verdict, nothing.why_unknown) == (Verdict.INSUFFICIENT_INFO, "a BPF program")


# -- properties


def cut(transport: Transport, until: int) -> Walk:
    """A walk whose predicted end is its own end."""
    _, whole = bridged(transport)
    if until >= len(whole.steps) - 1:
        return whole
    return dropped_at(whole, until, a_drop())


@given(st.sampled_from(TRANSPORTS), st.integers(0, 15), WITNESSES, st.integers())
def test_the_order_of_what_was_seen_never_matters(
    transport: Transport, until: int, names: set[WitnessName], seed: int
) -> None:
    snapshot, walk = bridged(transport)
    observation = witness(walk, snapshot, until=until, names=names)
    shuffle = random.Random(seed)

    def shuffled(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(shuffle.sample(items, len(items)))

    other = replace(
        observation,
        sightings=shuffled(observation.sightings),
        events=shuffled(observation.events),
        rule_hits=shuffled(observation.rule_hits),
        lookups=shuffled(observation.lookups),
        witnesses=shuffled(observation.witnesses),
    )
    assert merge(walk, observation, snapshot) == merge(walk, other, snapshot)


@given(st.sampled_from(TRANSPORTS), st.integers(0, 15), WITNESSES, WITNESSES)
def test_a_witness_that_is_taken_away_makes_nothing_differ(
    transport: Transport, until: int, names: set[WitnessName], fewer: set[WitnessName]
) -> None:
    """What truthful witnesses bear out is not denied by some of them."""
    snapshot, _ = bridged(transport)
    walk = cut(transport, until)
    end = len(walk.steps) - 1
    before = end if walk.dropped is None else end - 1
    all_of = merge(walk, witness(walk, snapshot, until=before, names=names | fewer), snapshot)
    some = merge(walk, witness(walk, snapshot, until=before, names=fewer), snapshot)
    for a, b in zip(all_of.hops, some.hops, strict=True):
        assert not (a.seen is Seen.AGREES and b.seen is Seen.DIFFERS), b
    assert Seen.DIFFERS not in {h.seen for h in all_of.hops}


@given(st.sampled_from(TRANSPORTS), st.integers(0, 15), st.integers(0, 15), WITNESSES)
def test_every_step_gets_one_hop(
    transport: Transport, predicted: int, real: int, names: set[WitnessName]
) -> None:
    snapshot, whole = bridged(transport)
    walk = cut(transport, predicted)
    merged = merge(walk, witness(whole, snapshot, until=real, names=names), snapshot)
    assert [h.step for h in merged.hops if h.is_predicted] == list(walk.steps)
    assert [h.n for h in merged.hops] == list(range(1, len(merged.hops) + 1))
    assert (merged.agrees is False) == (
        merged.verdict is Verdict.DISAGREE
        or any(h.seen in {Seen.DIFFERS, Seen.UNPREDICTED} for h in merged.hops)
    )


def test_the_kinds_of_steps_used_here_are_all_of_a_bridged_walk() -> None:
    _, walk = bridged()
    kinds = [type(s.detail) for s in walk.request]
    assert kinds == [
        RouteChosen,
        NeighbourFound,
        Crossed,
        PortEntered,
        HookPassed,
        Switched,
        Received,
        SocketFound,
    ]


# -- no step is known


@pytest.mark.parametrize("kind", list(AnswerKind))
def test_of_a_walk_without_steps_nothing_can_be_said(kind: AnswerKind) -> None:
    """To many, or from an address that the sender does not have."""
    snapshot, walk = bridged()
    heard = witness(walk, snapshot)
    event = dropped_event(snapshot, 2, "NO_SOCKET", "icmp_rcv")
    hit = drop_hit(2, RULE)
    observation = replace(heard, answer=Answer(kind=kind), events=(event,), rule_hits=(hit,))
    nowhere = Walk(steps=(), disposition=Disposition.INSUFFICIENT_INFO, unknown="it is for many")
    merged = merge(nowhere, observation, snapshot)
    is_answered = kind in {AnswerKind.ACCEPTED, AnswerKind.ECHO, AnswerKind.DATA}
    assert merged.verdict is (Verdict.DELIVERED if is_answered else Verdict.INSUFFICIENT_INFO)
    assert merged.hops == ()


# -- the answer of a datagram


def test_a_lost_answer_of_a_datagram_is_dropped_where_it_was_seen() -> None:
    snapshot, walk = bridged(Transport.UDP)
    n = index_of(walk, HookPassed, is_reply=True)
    lost = dropped_at(walk, n, a_drop(rule=RULE))
    observation = witness(lost, snapshot, until=n, kind=AnswerKind.NOTHING)
    seen_lost = replace(observation, rule_hits=(drop_hit(1, RULE, is_reply=True),))
    assert merge(lost, observation, snapshot).verdict is Verdict.DELIVERED
    assert merge(lost, seen_lost, snapshot).verdict is Verdict.DROPPED
    assert merge(walk, seen_lost, snapshot).verdict is Verdict.DISAGREE


# -- somebody else answers


def test_an_answer_of_somebody_else_is_the_predicted_loss() -> None:
    snapshot, walk = bridged(Transport.ICMP)
    n = index_of(walk, SocketFound)
    echo = replace(walk.steps[n], detail=SocketFound(socket=None, is_echo=True))
    walk = replace(walk, steps=(*walk.steps[:n], echo, *walk.steps[n + 1 :]))
    usurped = dropped_at(walk, n, a_drop(Cause.DUPLICATE_ADDRESS))
    observation = witness(usurped, snapshot, kind=AnswerKind.ECHO)
    merged = merge(usurped, observation, snapshot)
    assert merged.verdict is Verdict.DROPPED
    assert merged.agrees is True


def test_an_answer_though_the_packet_went_elsewhere_is_no_delivery() -> None:
    snapshot, walk = bridged()
    full = witness(walk, snapshot)
    asked = replace(full, sightings=(), events=())
    astray = replace(
        full,
        sightings=tuple(
            replace(s, ifindex=Ifindex(77), outgoing=True) if s.cookie == 3 else s
            for s in full.sightings
        ),
        events=tuple(e for e in full.events if e.inode != snapshot.namespaces[3].stack.netns.inode),
    )
    assert merge(walk, asked, snapshot).verdict is Verdict.DELIVERED
    assert merge(walk, astray, snapshot).verdict is Verdict.DISAGREE


def test_an_older_look_up_is_not_held_against_what_was_seen() -> None:
    snapshot, walk = bridged()
    full = witness(walk, snapshot)
    lookups = tuple(
        replace(k, mac=Mac("02:00:00:00:00:99")) if isinstance(k, NeighbourLookup) else k
        for k in full.lookups
    )
    merged = merge(walk, replace(full, lookups=lookups), snapshot)
    assert merged.agrees is True
    assert not any(h.differs for h in merged.hops)
