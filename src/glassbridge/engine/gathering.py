"""From everything that was heard to what belongs to one packet, its reply and its neighbours."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.engine.asking import Asking
from glassbridge.engine.dating import dated
from glassbridge.engine.following import Follower, Way
from glassbridge.kernel.frames import HeardFrame, HeardPacket
from glassbridge.kernel.taps import Capture
from glassbridge.kernel.witness import Testimony
from glassbridge.model.address import IPAddress
from glassbridge.model.observation import (
    EventKind,
    KernelEvent,
    NeighbourMessage,
    RuleHit,
    Sighting,
)
from glassbridge.model.packet import Packet
from glassbridge.model.walk import OnLink, Walk

_NOT_MINE = "OTHERHOST"
"""SKB_DROP_REASON_OTHERHOST: the frame's MAC is another's."""


class Heard(NamedTuple):
    """One frame, and the namespace whose tap heard it."""

    cookie: int
    capture: Capture
    frame: HeardFrame

    @property
    def packet(self) -> HeardPacket | None:
        """What it carries, unless it is about neighbours."""
        return self.frame.heard if isinstance(self.frame.heard, HeardPacket) else None

    @property
    def is_outgoing(self) -> bool:
        """It left the namespace, or went from one of its links into another namespace."""
        return self.capture.to == "outgoing"


class Gathered(Struct, frozen=True, kw_only=True):
    """What is left."""

    sightings: tuple[Sighting, ...] = ()
    rule_hits: tuple[RuleHit, ...] = ()
    events: tuple[KernelEvent, ...] = ()

    @property
    def packet(self) -> Packet | None:
        """The packet as it was seen first."""
        ours = (s.seen for s in self.sightings if not s.is_reply)
        return next((seen for seen in ours if isinstance(seen, Packet)), None)


def in_order(heard: Iterable[Heard], walk: Walk) -> list[Heard]:
    """By time. Equal times, as a bridge and its port may have: in the order of the walk."""
    links: dict[tuple[int, int, bool], int] = {}
    for step in walk.steps:
        for expected in step.expected:
            if isinstance(expected, OnLink):
                place = (expected.cookie, int(expected.ifindex), expected.outgoing)
                links.setdefault(place, len(links))
    last = len(links)
    return sorted(
        heard,
        key=lambda h: (
            h.capture.at_ns,
            links.get((h.cookie, h.capture.ifindex, h.is_outgoing), last),
        ),
    )


def gather(
    walk: Walk,
    follower: Follower,
    heard: Sequence[Heard],
    told: Iterable[Testimony],
    sent_ns: int,
) -> Gathered:
    """`heard` in order; what the follower learns from it tells the rest."""
    ways = [None if h.packet is None else follower.way_of(h.packet) for h in heard]
    asking = Asking(walk, follower.addresses | _next_hops(heard, ways))
    for at, one in enumerate(heard):
        if isinstance(one.frame.heard, NeighbourMessage):
            ways[at] = asking.way_of(one.frame.heard, one.cookie, outgoing=one.is_outgoing)
    testimonies = [*told]
    sightings = tuple(
        _sighting(h, way) for h, way in zip(heard, ways, strict=True) if way is not None
    )
    events = tuple(_followed_events(follower, [e for t in testimonies for e in t.events]))
    hits = _followed_hits(follower, [h for t in testimonies for h in t.rule_hits])
    return Gathered(
        sightings=sightings, events=events, rule_hits=tuple(dated(hits, sightings, sent_ns))
    )


def is_drop_of(follower: Follower, event: KernelEvent) -> bool:
    """Whether the packet, or its reply, ends here; who gets a flooded copy drops that by duty."""
    return (
        event.kind is EventKind.DROPPED
        and event.reason != _NOT_MINE
        and event.packet is not None
        and follower.way_of_headers(event.packet) is not None
    )


def _next_hops(heard: Sequence[Heard], ways: Sequence[Way | None]) -> set[IPAddress]:
    """Who answered with a MAC that the packet then went to, whatever was predicted."""
    macs = {h.frame.destination_mac for h, way in zip(heard, ways, strict=True) if way is not None}
    said = (h.frame.heard for h in heard)
    return {
        m.sender
        for m in said
        if isinstance(m, NeighbourMessage) and m.is_reply and m.sender_mac in macs
    }


def _sighting(heard: Heard, way: Way) -> Sighting:
    capture, frame = heard.capture, heard.frame
    return Sighting(
        at_ns=capture.at_ns,
        cookie=heard.cookie,
        ifindex=capture.ifindex,
        outgoing=heard.is_outgoing,
        to=capture.to,
        length=capture.length,
        frame=capture.frame,
        seen=frame.heard.packet if isinstance(frame.heard, HeardPacket) else frame.heard,
        source_mac=frame.source_mac,
        destination_mac=frame.destination_mac,
        is_reply=way is Way.BACK,
    )


def _followed_events(follower: Follower, events: Iterable[KernelEvent]) -> Iterator[KernelEvent]:
    """By headers, or, amid NAT, by the buffer: a copy has another, whose data is the same."""
    buffers: dict[int, Way] = {}
    for event in sorted(events, key=lambda e: e.at_ns):
        way = None if event.packet is None else follower.way_of_headers(event.packet)
        if event.packet is not None and follower.is_later(event.packet):
            buffers.pop(event.skb, None)
            buffers.pop(event.head, None)
        if way is None:
            way = buffers.get(event.skb) or buffers.get(event.head)
            if way is Way.THERE and event.packet is not None:
                follower.learn(event.packet)
        if way is None:
            continue
        buffers |= {where: way for where in (event.skb, event.head) if where}
        if event.kind is EventKind.DROPPED:
            buffers.pop(event.skb, None)  # reused soon
        yield replace(event, is_reply=way is Way.BACK)


def _followed_hits(follower: Follower, hits: Iterable[RuleHit]) -> list[RuleHit]:
    """All of one trace id are about one packet, though not each tells its headers."""
    ways: dict[tuple[int, int], Way] = {}
    ordered = sorted(hits, key=lambda h: h.at_ns)
    for hit in ordered:
        way = None if hit.packet is None else follower.way_of_headers(hit.packet)
        if way is not None:
            ways.setdefault((hit.cookie, hit.trace_id), way)
    return [
        replace(hit, is_reply=ways[key] is Way.BACK)
        for hit in ordered
        if (key := (hit.cookie, hit.trace_id)) in ways
    ]
