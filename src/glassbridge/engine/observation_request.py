"""What is to be observed, and what follows from it for the probe and for the witnesses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from glassbridge.kernel.probe import ProbeWish
from glassbridge.kernel.witness import Watch
from glassbridge.model.packet import Question
from glassbridge.model.step_details import Translated
from glassbridge.model.walk import Walk

NEIGHBOUR_TIMEOUT = 3.5
"""Seconds in which the kernel asks three times and gives up."""


def _say_nothing(_sentence: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationRequest:
    """What to observe, where, and for how long."""

    walk: Walk
    question: Question
    open_netns: Callable[[int], int]
    """Cookie -> a descriptor that the observation closes; raises GlassbridgeError."""
    cookies: frozenset[int] = frozenset()
    """The namespaces to tap; empty: those of the walk."""
    timeout: float = 1.0
    """Seconds to wait for an answer; live: for the first packet."""
    neighbour_timeout: float = NEIGHBOUR_TIMEOUT
    """Instead, while a neighbour was asked and does not answer: the kernel asks three times."""
    is_live: bool = False
    """Send nothing: wait for the next real packet of the flow."""
    is_whole: bool = False
    """Keep frames whole, else their first 256 octets."""
    say: Callable[[str], None] = _say_nothing
    """Told what is waited for, if it takes long."""


def wish_of(question: Question, cookie: bytes) -> ProbeWish:
    """The probe that asks the question."""
    return ProbeWish(
        transport=question.transport,
        destination=question.destination,
        destination_port=question.destination_port,
        source_address=question.source_address,
        source_port=question.source_port,
        icmp_type=question.icmp_type,
        size=question.size,
        ttl=question.ttl,
        cookie=cookie,
    )


def watch_of(
    request: ObservationRequest,
    namespaces: Mapping[int, int],
    client_port: int,
    payload: bytes = b"",
) -> Watch:
    """Which packet the witnesses look for: every address and port that prediction gives it."""
    question = request.question
    packets = [s.packet for s in request.walk.request]
    for step in request.walk.request:
        if isinstance(step.detail, Translated):
            packets += [step.detail.before, step.detail.after]
    ports = {question.destination_port, *(p.destination_port for p in packets)} - {0}
    addresses = {question.destination, *(a for p in packets for a in (p.source, p.destination))}
    return Watch(
        namespaces=namespaces,
        transport=question.transport,
        version=question.destination.version,
        client_port=client_port,
        server_ports=frozenset(ports),
        addresses=frozenset(a for a in addresses if not a.is_unspecified),
        payload=payload,
    )
