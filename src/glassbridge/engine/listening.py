"""Listen while a packet travels, no longer than it takes: what ends the waiting, and when.

One thread: it polls the taps and the probe's socket. Frames bear the kernel's own times, so it does
not matter when they are fetched.
"""

import select
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from glassbridge.engine.asking import Asking
from glassbridge.engine.following import Follower, Way
from glassbridge.engine.gathering import Heard, in_order, is_drop_of
from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.frames import HeardPacket, read_frame
from glassbridge.kernel.taps import Taps
from glassbridge.kernel.witness import PacketWitness, Testimony
from glassbridge.model.cause import Cause
from glassbridge.model.observation import Answer, AnswerKind, NeighbourMessage, Witness, WitnessName
from glassbridge.model.packet import Packet, Question, Transport
from glassbridge.model.walk import Disposition, OnLink, Walk
from glassbridge.wire.packets import is_icmp_error

STRAGGLERS = 0.02
"""Seconds that are listened on after the answer: hops behind a queue, and what others do next."""
_TICK = 0.025
_AFTER_DROP = 0.1
"""A copy was dropped; where a frame was flooded, another may still arrive."""
_IF_DROP_IS_PREDICTED = 0.3
_UDP_ANSWER = 0.25
"""From the arrival of a datagram, which nobody need answer."""
_LIVE_ANSWER = 1.0

_IN_TIME = frozenset({WitnessName.TRACEPOINTS, WitnessName.NFTRACE})
"""They queue what they see; others compare before and after, once."""


class Patience(Struct, frozen=True, kw_only=True):
    """How long an answer is waited for."""

    walk: Walk
    timeout: float
    neighbour_timeout: float
    say: Callable[[str], None]

    @property
    def first(self) -> float:
        """Seconds after sending. A predicted drop is answered soon, if at all."""
        dropped = self.walk.dropped
        if (
            self.walk.disposition is Disposition.INSUFFICIENT_INFO
            or dropped is None
            or dropped.drop is None
            or dropped.drop.cause is Cause.NEIGHBOUR_UNANSWERED
        ):
            return self.timeout
        return min(self.timeout, _IF_DROP_IS_PREDICTED)


class Source(Protocol):
    """What sends, and gets the answer: a probe."""

    events: int
    """Of poll: those that come with an answer."""

    def fileno(self) -> int: ...

    def receive(self) -> Answer | None: ...


class Listener:
    """Keeps what taps and witnesses hear, from before the packet is sent."""

    def __init__(self, taps: Taps, witnesses: Sequence[PacketWitness], walk: Walk) -> None:
        self._taps = taps
        self._witnesses = witnesses
        self._walk = walk
        self._heard: list[Heard] = []
        self._lost = 0
        self.testimonies: list[Testimony] = []

    @property
    def hears(self) -> bool:
        """At least one namespace can be tapped."""
        return bool(self._taps.filenos())

    def wait(self, seconds: float, source: Source | None = None) -> None:
        """Until something can be heard, or `source` has an answer."""
        waiting = select.poll()
        for fileno in self._taps.filenos():
            waiting.register(fileno, select.POLLIN)
        if source is not None:
            waiting.register(source.fileno(), source.events)
        waiting.poll(max(0.0, seconds) * 1000)

    def hear(self) -> list[Heard]:
        """What the taps have by now, in order."""
        new = [
            Heard(cookie, capture, frame)
            for cookie, capture in self._taps.drain()
            if (frame := read_frame(capture.frame, capture.hardware)) is not None
        ]
        self._heard += new
        return in_order(new, self._walk)

    def collect(self) -> Testimony:
        """What the other witnesses have queued since."""
        told = [w.collect() for w in self._witnesses if w.name in _IN_TIME]
        self.testimonies += told
        return Testimony(events=tuple(e for t in told for e in t.events))

    def settle(self, seconds: float) -> None:
        """Hear the stragglers, and everything that the witnesses have to say."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.wait(left)
            self.hear()
        self.hear()
        self.testimonies += [w.collect() for w in self._witnesses]

    def heard(self) -> list[Heard]:
        """Everything, in order."""
        return in_order(self._heard, self._walk)

    def forget(self, before_ns: int) -> None:
        """Let go what cannot be about a packet that is still to come."""
        self._heard = [h for h in self._heard if h.capture.at_ns >= before_ns]
        self.testimonies = self.testimonies[-len(_IN_TIME) :]

    def report(self, refusals: Mapping[int, GlassbridgeError]) -> list[Witness]:
        """How well each heard."""
        reasons = [e.message for e in (*refusals.values(), *self._taps.refusals.values())]
        taps = Witness(
            name=WitnessName.TAPS,
            spoke=self.hears,
            why_not="; ".join(dict.fromkeys(reasons)),
            lost=self._taps.lost,
        )
        told = {w.name: w for w in self._witnesses}
        return [
            taps,
            *(
                Witness(name=name, spoke=not w.why_not, why_not=w.why_not, lost=w.lost)
                for name, w in told.items()
            ),
        ]


def await_answer(
    probe: Source, listener: Listener, follower: Follower, patience: Patience
) -> Answer | None:
    """The sender's answer; None where none came in the time that made sense."""
    started = time.monotonic()
    end = started + patience.first
    asking = Asking(patience.walk, follower.addresses)
    last_link = _last_link(patience.walk) if follower.transport is Transport.UDP else None
    is_extended = False
    while True:
        now = time.monotonic()
        if now >= end:
            silent = asking.unanswered
            if is_extended or not silent or patience.neighbour_timeout <= end - started:
                return None
            is_extended, end = True, started + patience.neighbour_timeout
            patience.say(
                f"nobody answers for {silent[0]}: waiting until the kernel gives up, 3 seconds"
            )
        listener.wait(min(end - now, _TICK), probe)
        answer = probe.receive()  # at once: it is stamped
        if answer is not None:
            return answer
        for heard in listener.hear():
            if isinstance(heard.frame.heard, NeighbourMessage):
                asking.way_of(heard.frame.heard, heard.cookie, outgoing=heard.is_outgoing)
            elif (
                follower.way_of(heard.frame.heard) is Way.THERE
                and (heard.cookie, heard.capture.ifindex) == last_link
                and not heard.is_outgoing
            ):
                end = min(end, now + _UDP_ANSWER)
        if any(is_drop_of(follower, e) for e in listener.collect().events):
            end = min(end, now + _AFTER_DROP)


def await_packet(question: Question, listener: Listener, timeout: float) -> Heard | None:
    """The next packet of a flow, as it leaves its sender, or comes in from outside."""
    end = time.monotonic() + timeout
    while (left := end - time.monotonic()) > 0:
        listener.wait(min(left, _TICK))
        for heard in listener.hear():
            packet = heard.packet
            if packet is not None and _is_asked_for(question, packet.packet):
                at_sender = heard.cookie == question.source and heard.is_outgoing
                if at_sender or (question.source is None and not heard.is_outgoing):
                    return heard
        listener.collect()
        listener.forget(time.time_ns() - int(_LIVE_ANSWER * 1e9))
    return None


def await_reply(first: Heard, listener: Listener, follower: Follower) -> Answer:
    """What somebody else's sender gets, by the tap that heard its packet leave."""
    end = time.monotonic() + _LIVE_ANSWER
    waiting = [h for h in listener.heard() if h.capture.at_ns >= first.capture.at_ns]
    while True:
        for heard in waiting:
            packet = heard.packet
            if packet is None or follower.way_of(packet) is not Way.BACK:
                continue
            same_link = (heard.cookie, heard.capture.ifindex)
            comes_back = heard.is_outgoing is not first.is_outgoing
            if comes_back and same_link == (first.cookie, first.capture.ifindex):
                return _answer_in(heard, heard.capture.at_ns - first.capture.at_ns)
        left = end - time.monotonic()
        if left <= 0:
            return Answer(kind=AnswerKind.NOTHING)
        listener.wait(min(left, _TICK))
        waiting = listener.hear()
        listener.collect()


def _last_link(walk: Walk) -> tuple[int, int] | None:
    """Where the request comes in last."""
    for step in reversed(walk.request):
        for expected in step.expected:
            if isinstance(expected, OnLink) and not expected.outgoing:
                return expected.cookie, expected.ifindex
    return None


def _is_asked_for(question: Question, packet: Packet) -> bool:
    return (
        packet.transport is question.transport
        and packet.destination == question.destination
        and packet.destination_port == question.destination_port
        and question.source_address in (None, packet.source)
        and question.source_port in (0, packet.source_port)
        and question.icmp_type in (None, packet.icmp_type)
        and not is_icmp_error(packet.version, packet.icmp_type or -1)
    )


def _answer_in(heard: Heard, after_ns: int) -> Answer:
    assert isinstance(heard.frame.heard, HeardPacket)
    packet = heard.frame.heard.packet
    if is_icmp_error(packet.version, packet.icmp_type or -1):
        return Answer(
            kind=AnswerKind.ICMP_ERROR,
            icmp_type=packet.icmp_type,
            icmp_code=packet.icmp_code,
            offender=packet.source,
            after_us=after_ns / 1000,
        )
    match packet.transport:
        case Transport.ICMP:
            kind = AnswerKind.ECHO
        case Transport.TCP if "R" in packet.tcp_flags:
            kind = AnswerKind.REFUSED
        case Transport.TCP if "S" in packet.tcp_flags:
            kind = AnswerKind.ACCEPTED
        case _:
            kind = AnswerKind.DATA
    return Answer(kind=kind, after_us=after_ns / 1000)
