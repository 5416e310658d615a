"""When a rule was hit: nftrace has no clock, and its messages are read a good while later.

A hit is given the time of the link by which its packet came into the namespace: it was hit then or
soon after, and before the next link.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from glassbridge.model.observation import RuleHit, Sighting
from glassbridge.model.packet import Packet


def dated(
    hits: Iterable[RuleHit], sightings: Sequence[Sighting], sent_ns: int
) -> Iterator[RuleHit]:
    """Hits of one packet and its reply, in their order; without any sighting they stay as read."""
    arrivals = [s for s in sightings if not s.outgoing and isinstance(s.seen, Packet)]
    latest: dict[tuple[int, bool], int] = {}
    for hit in hits:
        if not sightings:
            yield hit
            continue
        way = (hit.cookie, hit.is_reply)
        at_ns = max(_arrival(hit, arrivals) or sent_ns, latest.get(way, 0))
        latest[way] = at_ns
        yield replace(hit, at_ns=at_ns)


def _arrival(hit: RuleHit, arrivals: Sequence[Sighting]) -> int | None:
    """Of the packet as the rule saw it; of an answer that is only being sent, what it answers."""
    here = [s for s in arrivals if s.cookie == hit.cookie]
    same_way = [s for s in here if s.is_reply == hit.is_reply]
    if not same_way:
        return max((s.at_ns for s in here), default=None)
    as_it_was = [s for s in same_way if hit.packet is not None and _is_same(s, hit.packet)]
    by_link = [s for s in as_it_was if s.ifindex == hit.iif]
    return min(s.at_ns for s in by_link or as_it_was or same_way)


def _is_same(sighting: Sighting, packet: Packet) -> bool:
    seen = sighting.seen
    return isinstance(seen, Packet) and (
        (seen.source, seen.source_port, seen.destination, seen.destination_port)
        == (packet.source, packet.source_port, packet.destination, packet.destination_port)
    )
