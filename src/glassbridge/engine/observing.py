"""Observe a real packet on the way that was predicted: witnesses opened, a probe sent, all closed.

Whatever happens, nothing stays: every witness is a descriptor, and ends with it, or with us.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from os import urandom

from msgspec.structs import replace

from glassbridge.engine.following import Follower, destinations
from glassbridge.engine.gathering import Gathered, gather
from glassbridge.engine.listening import (
    STRAGGLERS,
    Listener,
    Patience,
    await_answer,
    await_packet,
    await_reply,
)
from glassbridge.engine.looking_up import lookup_witness, namespaces_of, open_all
from glassbridge.engine.observation_request import ObservationRequest, watch_of, wish_of
from glassbridge.errors import PermissionRefused
from glassbridge.kernel.frames import COOKIE_SIZE
from glassbridge.kernel.lookups import look_up
from glassbridge.kernel.probe import Probe
from glassbridge.kernel.probe_sockets import open_probe
from glassbridge.kernel.taps import SNAP, WHOLE, Taps
from glassbridge.kernel.witness import PacketWitness, Watch
from glassbridge.model.observation import Answer, AnswerKind, Observation, Witness, WitnessName
from glassbridge.model.packet import Packet, Transport
from glassbridge.wire.socket_filter import Wanted, tap_filter

_ANOTHERS = "somebody else's packet was waited for"


def observe(request: ObservationRequest, witnesses: Sequence[PacketWitness] = ()) -> Observation:
    """Observe one packet and its reply.

    Raises GlassbridgeError where the sender's namespace cannot be entered, or neither a socket nor
    a tap can be had; what else is refused stands in the observation's witnesses.
    """
    with ExitStack() as opened:
        return _Observing(request, witnesses, opened).observe()


def observe_times(
    request: ObservationRequest, witnesses: Sequence[PacketWitness], count: int
) -> Iterator[Observation]:
    """Observe so many packets, one after the other, each from a port of its own.

    That a neighbour is silent the first one finds out; the others need not wait for it again.
    """
    for _ in range(count):
        yield observe(request, witnesses)
        request = dataclasses.replace(request, neighbour_timeout=0.0)


class _Observing:
    """One observation in progress; what it opens, the stack closes, the last first."""

    def __init__(
        self, request: ObservationRequest, witnesses: Sequence[PacketWitness], opened: ExitStack
    ) -> None:
        self._request = request
        self._witnesses = witnesses
        self._opened = opened
        source = request.question.source
        wanted = request.cookies or namespaces_of(request.walk)
        if source is not None:
            wanted |= {source}
        self._namespaces, self._refusals = open_all(wanted, request.open_netns, opened)
        if source is not None and source in self._refusals:
            raise self._refusals[source]
        # before anything is sent: the packet itself fills tables
        self._lookups = look_up(request.walk, self._namespaces)

    def observe(self) -> Observation:
        request = self._request
        if request.is_live:
            return self._live()
        if request.question.source is None:
            return self._told(why_not_sent="the sender is outside: nothing is sent from there")
        return self._probed(self._namespaces[request.question.source])

    def _probed(self, netns: int) -> Observation:
        request = self._request
        cookie = urandom(COOKIE_SIZE)
        probe = open_probe(netns, wish_of(request.question, cookie))
        # closing resets a TCP connection: that no tap shall hear, so it comes last
        self._opened.callback(probe.close)
        payload = b"" if request.question.transport is Transport.TCP else cookie
        listener = self._listen(
            watch_of(
                request, self._namespaces, client_port=probe.packet.source_port, payload=payload
            )
        )
        follower = Follower(probe.packet, payload=payload)
        answer = probe.send() or self._await(probe, listener, follower)
        # after silence there are no stragglers, but there would be TCP's second try
        listener.settle(0 if answer.kind is AnswerKind.NOTHING else STRAGGLERS)
        # a port that is taken behind NAT changes, so that only where it should go is left to know
        foretold = (probe.packet, *(step.packet for step in request.walk.request))
        followers = (
            Follower(probe.packet, payload=payload, goes_to=goes_to)
            for goes_to in ((), destinations(foretold))
        )
        told = self._told(listener, answer=answer)
        sent = probe.packet if _was_sent(probe) else None
        return self._seen(told, listener, followers, sent=sent, sent_ns=probe.sent_ns)

    def _await(self, probe: Probe, listener: Listener, follower: Follower) -> Answer:
        request = self._request
        patience = Patience(
            timeout=request.timeout,
            neighbour_timeout=request.neighbour_timeout,
            walk=request.walk,
            say=request.say,
        )
        return await_answer(probe, listener, follower, patience) or Answer(kind=AnswerKind.NOTHING)

    def _live(self) -> Observation:
        request = self._request
        question = request.question
        listener = self._listen(watch_of(request, self._namespaces, question.source_port))
        if not listener.hears:
            raise PermissionRefused(
                "wait for a packet: no namespace of the way can be tapped",
                hint="run as root, or trace without --live",
            )
        first = await_packet(question, listener, request.timeout)
        if first is None or first.packet is None:
            return self._told(listener, why_not_sent=_ANOTHERS)
        answer = await_reply(first, listener, Follower.of_another(first.packet))
        listener.settle(STRAGGLERS)
        told = self._told(listener, answer=answer, why_not_sent=_ANOTHERS)
        follower = Follower.of_another(first.packet)
        return self._seen(
            told,
            listener,
            (follower,),
            sent=first.packet.packet,
            sent_ns=first.capture.at_ns,
        )

    def _listen(self, watch: Watch) -> Listener:
        for witness in self._witnesses:
            self._opened.callback(witness.close)
            witness.open(watch)
        request = self._request
        wanted = Wanted(
            watch.version,
            watch.transport.number(watch.version),
            watch.client_port,
            watch.server_ports,
            watch.payload,
        )
        program = tap_filter(wanted, WHOLE if request.is_whole else SNAP)
        taps = Taps(watch.namespaces, program, whole=request.is_whole)
        self._opened.callback(taps.close)
        return Listener(taps, self._witnesses, request.walk)

    def _told(
        self,
        listener: Listener | None = None,
        *,
        answer: Answer | None = None,
        why_not_sent: str = "",
    ) -> Observation:
        """Who spoke; what they saw comes later, if there was a packet to see."""
        witnesses = [lookup_witness(self._lookups, self._refusals)]
        if listener is not None:
            witnesses += listener.report(self._refusals)
        witnesses.append(
            Witness(name=WitnessName.SENDER, spoke=not why_not_sent, why_not=why_not_sent)
        )
        return Observation(
            packet=None,
            answer=answer,
            lookups=self._lookups,
            witnesses=tuple(witnesses),
            is_live=self._request.is_live,
        )

    def _seen(
        self,
        told: Observation,
        listener: Listener,
        followers: Iterable[Follower],
        *,
        sent: Packet | None,
        sent_ns: int,
    ) -> Observation:
        """What was seen of the packet, by the first follower that finds it, else by the last."""
        heard, testimonies = listener.heard(), listener.testimonies
        gathered = Gathered()
        for follower in followers:
            gathered = gather(self._request.walk, follower, heard, testimonies, sent_ns)
            if follower.has_found:
                break
        return replace(
            told,
            packet=gathered.packet or sent,
            sent_ns=sent_ns,
            sightings=gathered.sightings,
            rule_hits=gathered.rule_hits,
            events=gathered.events,
            counters=tuple(c for t in testimonies for c in t.counters),
        )


def _was_sent(probe: Probe) -> bool:
    return probe.sent_ns != 0 and not probe.packet.source.is_unspecified
