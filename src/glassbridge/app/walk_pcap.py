"""A walk as a capture file: one interface per link that it passed, one packet id per packet."""

from collections.abc import Iterable, Iterator
from hashlib import blake2s

from glassbridge import __version__
from glassbridge.app.sentences import rule_name, sentence_of
from glassbridge.errors import InvalidRequest
from glassbridge.model.address import IPAddress, mac_octets
from glassbridge.model.observation import NeighbourMessage, Sighting
from glassbridge.model.report import Explanation, Hop, Seen, TraceReport
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import NeighbourFound
from glassbridge.model.walk import OnLink
from glassbridge.wire.packet_identity import packet_identity
from glassbridge.wire.pcapng import (
    Capture,
    CapturedFrame,
    Direction,
    Interface,
    Reception,
    encode_capture,
)

_LinkRef = tuple[int, int]
"""Cookie and ifindex."""

_RECEPTION = {
    "host": Reception.UNICAST,
    "broadcast": Reception.BROADCAST,
    "multicast": Reception.MULTICAST,
    "otherhost": Reception.OTHER,
}


def pcap_of(report: TraceReport, snapshot: Snapshot) -> bytes:
    """The walk's frames as a pcapng file.

    Raises InvalidRequest where no frame was seen: a file without one would prove nothing.
    """
    sightings = report.observation.sightings if report.observation else ()
    if not sightings:
        raise InvalidRequest(
            f"no frame of {report.title} was seen, so there is nothing to write",
            hint="a prediction has no frames: trace with a probe, as root or in the lab",
        )
    links = list(dict.fromkeys((s.cookie, int(s.ifindex)) for s in sightings))
    ids = tuple(_packet_ids(sightings, report.trace_id))
    comments = _comments(report, sightings, ids)
    frames = (
        CapturedFrame(
            interface=links.index((s.cookie, int(s.ifindex))),
            at_ns=s.at_ns,
            octets=s.frame,
            original_length=max(s.length, len(s.frame)),
            packet_id=packet_id,
            direction=Direction.OUTBOUND if s.outgoing else Direction.INBOUND,
            reception=_RECEPTION.get(s.to, Reception.UNKNOWN),
            comments=tuple(said),
        )
        for s, packet_id, said in zip(sightings, ids, comments, strict=True)
    )
    return encode_capture(
        Capture(
            interfaces=tuple(_interface(snapshot, link) for link in links),
            # stable: received frames inherit their time, and equal times stay in the path's order
            frames=tuple(sorted(frames, key=lambda f: f.at_ns)),
            names=tuple(_names(sightings, snapshot)),
            program=f"glassbridge {__version__}",
            system=f"Linux {snapshot.kernel}" if snapshot.kernel else "",
            comments=(_headline(report),),
        )
    )


def _headline(report: TraceReport) -> str:
    cause = f": {report.cause.sentence}" if report.cause else ""
    return f"{report.title} {report.verdict}{cause} (trace {report.trace_id})"


def _interface(snapshot: Snapshot, ref: _LinkRef) -> Interface:
    cookie, ifindex = ref
    name = snapshot.call(cookie)
    known = snapshot.namespaces.get(cookie)
    link = known.stack.link(ifindex) if known else None
    words = [f"netns cookie {cookie}"]
    if known is not None:
        words.append(f"inode {known.stack.netns.inode}")
    words.append(f"ifindex {ifindex}")
    if link is None:
        return Interface(name=f"{ifindex}@{name}", description=" ".join(words))
    if peer := _peer_name(snapshot, cookie, ifindex):
        words.append(f"veth peer {peer}")
    return Interface(
        name=f"{link.ifname}@{name}",
        description=" ".join(words),
        mac=mac_octets(link.mac) if link.mac else None,
    )


def _peer_name(snapshot: Snapshot, cookie: int, ifindex: int) -> str:
    link = snapshot.namespaces[cookie].stack.link(ifindex)
    far = snapshot.far_end(cookie, link) if link else None
    if far is None or far[0] not in snapshot.namespaces:
        return ""
    peer = snapshot.namespaces[far[0]].stack.link(far[1])
    return f"{peer.ifname}@{snapshot.call(far[0])}" if peer else ""


def _packet_ids(sightings: Iterable[Sighting], trace_id: str) -> Iterator[int]:
    """Half from the trace, half by the packet's order in it: files of two traces may be merged."""
    base = int.from_bytes(blake2s(trace_id.encode(), digest_size=4).digest()) << 32
    known: dict[object, int] = {}
    for sighting in sightings:
        key: object
        if isinstance(sighting.seen, NeighbourMessage):  # question and answer are one exchange
            key = frozenset((str(sighting.seen.sender), str(sighting.seen.target)))
        else:
            key = (sighting.is_reply, packet_identity(sighting.frame))
        yield base | known.setdefault(key, len(known) + 1)


def _names(sightings: Iterable[Sighting], snapshot: Snapshot) -> Iterator[tuple[IPAddress, str]]:
    """Names as resolvers take them, without blanks."""
    addresses: dict[IPAddress, None] = {}
    for sighting in sightings:
        seen = sighting.seen
        if isinstance(seen, NeighbourMessage):
            addresses |= {seen.sender: None, seen.target: None}
        else:
            addresses |= {seen.source: None, seen.destination: None}
    for address in addresses:
        owner = snapshot.owner_of(address)
        if owner and not (address.is_loopback or address.is_unspecified):
            yield address, "-".join(owner.replace("\0", "").split())


def _comments(
    report: TraceReport, sightings: tuple[Sighting, ...], ids: tuple[int, ...]
) -> list[list[str]]:
    """For each sighting the hops that it shows; every hop stands at one frame."""
    comments: list[list[str]] = [[] for _ in sightings]
    first = {s.is_reply: i for i, s in reversed([*enumerate(sightings)]) if _is_packet(s)}
    walked = {ids[i] for i in first.values()}
    at = {False: 0, True: len(sightings) - 1} | first
    for hop in report.hops:
        if hop.seen is Seen.NOT_REACHED:
            continue
        way, detail = hop.step.is_reply, hop.step.detail
        if isinstance(detail, NeighbourFound) and detail.is_asked:
            shown = _exchange(hop, detail, sightings)
        else:
            shown = [i for i in _on_links(hop, sightings) if ids[i] in walked]
            at[way] = max(shown, default=at[way])
        comments[min(shown, default=at[way])].append(_hop_comment(hop, len(report.hops)))
        if report.cause is not None and report.cause.hop == hop.n:
            comments[max(shown, default=at[way])].append(_drop_comment(report.cause))
    return comments


def _is_packet(sighting: Sighting) -> bool:
    return not isinstance(sighting.seen, NeighbourMessage)


def _on_links(hop: Hop, sightings: tuple[Sighting, ...]) -> list[int]:
    """The first frame at each link over which a hop leads."""
    links = {
        (e.cookie, int(e.ifindex), e.outgoing) for e in hop.step.expected if isinstance(e, OnLink)
    }
    shown: dict[tuple[int, int, bool], int] = {}
    for i, s in enumerate(sightings):
        link = (s.cookie, int(s.ifindex), s.outgoing)
        if link in links and s.is_reply is hop.step.is_reply and _is_packet(s):
            shown.setdefault(link, i)
    return list(shown.values())


def _exchange(hop: Hop, found: NeighbourFound, sightings: tuple[Sighting, ...]) -> list[int]:
    """The frames of a question for a neighbour, in the namespace that asks."""
    return [
        i
        for i, s in enumerate(sightings)
        if isinstance(s.seen, NeighbourMessage)
        and s.cookie == hop.step.place.cookie
        and found.address in {s.seen.sender, s.seen.target}
    ]


def _hop_comment(hop: Hop, count: int) -> str:
    text = f"hop {hop.n}/{count} {sentence_of(hop.step)}"
    match hop.seen:
        case Seen.DIFFERS:
            return f"{text} - DISAGREES: {hop.differs or 'seen otherwise'}"
        case Seen.UNPREDICTED:
            return f"{text} - not predicted"
        case _:
            return text


def _drop_comment(cause: Explanation) -> str:
    rule = f"rule {rule_name(cause.rule)}" if cause.rule else ""
    return " ".join(filter(None, ("DROPPED", cause.reason, cause.function, rule, cause.code)))
