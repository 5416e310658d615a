"""Fields of a packet's connection (`ct`): its state, its translation, its first packet."""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

from glassbridge.model.packet import Packet
from glassbridge.walk.firewall.hooks import Tracking
from glassbridge.walk.firewall.sight import Lack, Reader, Reading, Shown, Sight
from glassbridge.walk.firewall.words import CT_STATES, CT_STATUSES, XT_STATES, names_of


def _state(sight: Sight) -> Reading:
    """A packet without connection, not exempt from tracking, is invalid to nft_ct and xt_state."""
    state = sight.connection or "invalid"
    number = CT_STATES.get(state)
    return Lack.UNKNOWN if number is None else Shown((state, str(number)), number)


def _status(sight: Sight) -> Reading:
    tracking = sight.tracking
    if tracking is None:
        return Lack.ABSENT
    words = set(tracking.status)
    if tracking.is_confirmed:
        words.add("confirmed")
    if tracking.is_replied or sight.call.is_reply:
        words.add("seen-reply")
    number = sum(CT_STATUSES[word] for word in words)
    return Shown(names_of("ct status", number), number)


def _xt_state(sight: Sight) -> Reading:
    """As xt_conntrack has it: shown of a packet without connection, too."""
    state = _state(sight)
    if isinstance(state, Lack) or state.number is None:
        return state
    translated = () if sight.tracking is None else sight.tracking.status
    number = state.number + sum(XT_STATES[word] for word in translated)
    return Shown(names_of("ctstate", number), number)


def _mark(sight: Sight) -> Reading:
    tracking = sight.tracking
    if tracking is None:
        return Lack.ABSENT
    mark = tracking.mark
    return Lack.UNKNOWN if mark is None else Shown((str(mark),), mark)


def _direction(sight: Sight) -> Reading:
    if sight.tracking is None:
        return Lack.ABSENT
    return Shown(("reply", "1"), 1) if sight.call.is_reply else Shown(("original", "0"), 0)


def _first(tracking: Tracking) -> Packet:
    return tracking.original


def _answer(tracking: Tracking) -> Packet:
    """The reply that is expected: the translated packet, turned round."""
    sent = tracking.translated
    return Packet(
        transport=sent.transport,
        source=sent.destination,
        destination=sent.source,
        source_port=sent.destination_port,
        destination_port=sent.source_port,
    )


def _address(packet: Callable[[Tracking], Packet], end: str, version: int | None) -> Reader:
    def reader(sight: Sight) -> Reading:
        if sight.tracking is None:
            return Lack.ABSENT
        tracked = packet(sight.tracking)
        address = tracked.source if end == "saddr" else tracked.destination
        if version not in (None, address.version):
            return Lack.ABSENT
        return Shown((str(address),), int(address), address)

    return reader


def _port(packet: Callable[[Tracking], Packet], end: str) -> Reader:
    def reader(sight: Sight) -> Reading:
        if sight.tracking is None:
            return Lack.ABSENT
        tracked = packet(sight.tracking)
        port = tracked.source_port if end == "proto-src" else tracked.destination_port
        return Shown((str(port),), port) if port else Lack.NOT_CHOSEN

    return reader


def _protocol(sight: Sight) -> Reading:
    if sight.tracking is None:
        return Lack.ABSENT
    number = sight.tracking.original.protocol_number
    return Shown(names_of("ct protocol", number), number)


def _l3proto(sight: Sight) -> Reading:
    if sight.tracking is None:
        return Lack.ABSENT
    is4 = isinstance(sight.packet.source, IPv4Address)
    return Shown(("ipv4", "2"), 2) if is4 else Shown(("ipv6", "10"), 10)


def _ends() -> dict[str, Reader]:
    readers: dict[str, Reader] = {}
    for direction, packet in (("original", _first), ("reply", _answer)):
        for end in ("saddr", "daddr"):
            readers[f"ct {direction} {end}"] = _address(packet, end, None)
            readers[f"ct {direction} ip {end}"] = _address(packet, end, 4)
            readers[f"ct {direction} ip6 {end}"] = _address(packet, end, 6)
        for end in ("proto-src", "proto-dst"):
            readers[f"ct {direction} {end}"] = _port(packet, end)
        readers[f"ct {direction} protocol"] = _protocol
        readers[f"ct {direction} l3proto"] = _l3proto
    return readers


TRACKED_FIELDS: Final[dict[str, Reader]] = {
    "ct state": _state,
    "ct status": _status,
    "ctstate": _xt_state,
    "ct mark": _mark,
    "ct direction": _direction,
    "ct protocol": _protocol,
    "ct l3proto": _l3proto,
    **_ends(),
}
