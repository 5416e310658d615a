"""What the witnesses saw of one packet, arranged so that a step can be looked up in it."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec import Struct

from glassbridge.model.address import Mac
from glassbridge.model.observation import (
    Answer,
    CounterChange,
    EventKind,
    KernelEvent,
    Lookup,
    NeighbourMessage,
    Observation,
    RuleHit,
    Sighting,
    WitnessName,
)
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.snapshot import Snapshot

ICMP_ERRORS = {4: frozenset({3, 4, 5, 11, 12}), 6: frozenset({1, 2, 3, 4})}
"""Types of messages that are about another packet (RFC 792, RFC 4443)."""

OTHERHOST = "OTHERHOST"
"""The drop reason of who heard a frame that was addressed to somebody else's MAC."""

TAP_FUNCTIONS = frozenset({"packet_rcv", "tpacket_rcv"})
"""A packet socket lets its own copy go: that is no drop of the packet."""

_SECOND_TRY_NS = 900_000_000
"""TCP_TIMEOUT_INIT is a second."""
_UNANSWERED = "neigh_invalidate"
"""What lets a packet go whose next hop does not answer, after three seconds."""

LINK_WITNESSES = frozenset({WitnessName.TAPS, WitnessName.TRACEPOINTS})


class Mark(Struct, frozen=True, kw_only=True):
    """The packet at one link, whoever saw it."""

    at_ns: int
    cookie: int
    ifindex: int
    outgoing: bool
    is_reply: bool
    by: WitnessName
    packet: Packet | None = None
    to: str = ""
    destination_mac: Mac | None = None

    @property
    def is_for_another(self) -> bool:
        """The frame was addressed to somebody else's MAC."""
        return self.to == "otherhost"


Timed = TypeVar("Timed", Mark, Sighting, KernelEvent, RuleHit)


class Testimony(Struct, frozen=True, kw_only=True):
    """Everything that was seen, in the order of time."""

    marks: tuple[Mark, ...] = ()
    neighbour_messages: tuple[Sighting, ...] = ()
    drops: tuple[tuple[KernelEvent, int | None], ...] = ()
    """With the cookie of the namespace; None: of no link, or of one that was not read."""
    icmp_errors: tuple[KernelEvent | Sighting, ...] = ()
    """Messages about the packet, on their way back."""
    hits: tuple[RuleHit, ...] = ()
    counters: tuple[CounterChange, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    answer: Answer | None = None
    speaking: frozenset[WitnessName] = frozenset()
    reliable: frozenset[WitnessName] = frozenset()
    """They spoke, in every namespace, and lost nothing: their silence means something."""

    def at_link(
        self, cookie: int, ifindex: int | None, *, outgoing: bool, is_reply: bool
    ) -> tuple[Mark, ...]:
        """The packet, going that way, at that link."""
        return tuple(
            m
            for m in self.marks
            if (m.cookie, m.ifindex, m.outgoing, m.is_reply)
            == (cookie, ifindex, outgoing, is_reply)
        )

    def hits_of(self, cookie: int, rule: RuleRef, *, is_reply: bool) -> tuple[RuleHit, ...]:
        """The times that nftrace saw the packet at that rule."""
        return tuple(
            h
            for h in self.hits
            if h.cookie == cookie and h.is_reply == is_reply and is_hit_of(h, rule)
        )

    def rises_of(self, cookie: int, rule: RuleRef) -> tuple[CounterChange, ...]:
        """The counters of a legacy rule that rose; they do not tell request and reply apart."""
        number = 0 if rule.is_policy else rule.number
        return tuple(
            c
            for c in self.counters
            if (c.cookie, c.family, c.table, c.chain, c.number)
            == (cookie, rule.family, rule.table, rule.chain, number)
        )


def is_hit_of(hit: RuleHit, rule: RuleRef) -> bool:
    """Whether nftrace means that rule."""
    if (hit.family, hit.table, hit.chain) != (rule.family, rule.table, rule.chain):
        return False
    return hit.is_policy if rule.is_policy else not hit.is_policy and hit.handle == rule.handle


def is_icmp_error(packet: Packet | None) -> bool:
    """Whether it tells of another packet's fate."""
    return (
        packet is not None
        and packet.transport is Transport.ICMP
        and packet.icmp_type in ICMP_ERRORS[packet.version]
    )


def testify(observation: Observation, snapshot: Snapshot) -> Testimony:
    """Arrange an observation; the order in which it lists things does not matter."""
    cookies = {n.stack.netns.inode: c for c, n in snapshot.namespaces.items()}
    events = in_time(observation.events)
    marks = (*_tapped(observation), *_traced(events, cookies))
    sightings = in_time(observation.sightings)
    return Testimony(
        marks=tuple(in_time(marks)),
        neighbour_messages=tuple(s for s in sightings if isinstance(s.seen, NeighbourMessage)),
        drops=tuple(
            (e, cookies.get(e.inode))
            for e in events
            if e.kind is EventKind.DROPPED
            and e.function not in TAP_FUNCTIONS
            and not is_icmp_error(e.packet)
            and not _is_second_try(e, observation)
        ),
        icmp_errors=(*_errors_tapped(sightings), *_errors_traced(events)),
        hits=tuple(in_time(observation.rule_hits)),
        counters=tuple(sorted(observation.counters, key=repr)),
        lookups=tuple(sorted(observation.lookups, key=repr)),
        answer=observation.answer,
        speaking=frozenset(w.name for w in observation.witnesses if w.spoke),
        reliable=frozenset(
            w.name for w in observation.witnesses if w.spoke and not w.lost and not w.why_not
        ),
    )


def _is_second_try(event: KernelEvent, observation: Observation) -> bool:
    """TCP asks again where a neighbour keeps the answer waiting: that end is not the packet's."""
    packet, sent = observation.packet, observation.sent_ns
    if packet is None or packet.transport is not Transport.TCP or event.is_reply or not sent:
        return False
    return event.at_ns - sent > _SECOND_TRY_NS and event.function != _UNANSWERED


def in_time(timed: Iterable[Timed]) -> list[Timed]:
    """In the order of time; equal times (a bridge hands its port's on) always in the same order."""
    return sorted(timed, key=lambda t: (t.at_ns, repr(t)))


def _tapped(observation: Observation) -> Iterator[Mark]:
    for s in observation.sightings:
        if isinstance(s.seen, Packet) and not is_icmp_error(s.seen):
            yield Mark(
                at_ns=s.at_ns,
                cookie=s.cookie,
                ifindex=s.ifindex,
                outgoing=s.outgoing,
                is_reply=s.is_reply,
                by=WitnessName.TAPS,
                packet=s.seen,
                to=s.to,
                destination_mac=s.destination_mac,
            )


def _traced(events: list[KernelEvent], cookies: dict[int, int]) -> Iterator[Mark]:
    for e in events:
        cookie = cookies.get(e.inode)
        if (
            e.kind in {EventKind.QUEUED, EventKind.RECEIVED}
            and cookie is not None
            and e.ifindex is not None
            and not is_icmp_error(e.packet)
        ):
            yield Mark(
                at_ns=e.at_ns,
                cookie=cookie,
                ifindex=e.ifindex,
                outgoing=e.kind is EventKind.QUEUED,
                is_reply=e.is_reply,
                by=WitnessName.TRACEPOINTS,
                packet=e.packet,
            )


def _errors_tapped(sightings: list[Sighting]) -> Iterator[Sighting]:
    return (s for s in sightings if isinstance(s.seen, Packet) and is_icmp_error(s.seen))


def _errors_traced(events: list[KernelEvent]) -> Iterator[KernelEvent]:
    return (e for e in events if e.kind is EventKind.ICMP_SENT or is_icmp_error(e.packet))
