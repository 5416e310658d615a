"""What a question is answered: from the names of the asker's networks, or by others."""

from collections.abc import Iterator

from msgspec import Struct

from glassbridge.dns.names import TTL, Bearer, Names, Zone
from glassbridge.dns.zone import Member
from glassbridge.model.address import IPAddress
from glassbridge.wire.dns import (
    AAAA,
    ANY,
    AUTHORITATIVE,
    IN,
    OPT,
    PTR,
    RECURSION_AVAILABLE,
    SOA,
    TCP_PAYLOAD,
    A,
    Query,
    Rcode,
    read_query,
    write_answer,
    write_refusal,
    write_soa,
)
from glassbridge.wire.dns_reverse import reversed_address

_OURS = AUTHORITATIVE | RECURSION_AVAILABLE
_OWN_SOA = write_soa(0, TTL)
"""A name is a zone of its own: what is above it, the root even, is not ours."""
_META = range(128, ANY)
"""Types that mean no record: transfers of zones, transactions (RFC 6895 §3.1)."""
_GOLDEN = 0x9E3779B1
"""2**32 by the golden ratio."""


class Forward(Struct, frozen=True, gc=False):
    """A question that others are asked."""

    query: Query
    servers: tuple[IPAddress, ...]
    """The asker's own; empty: the host's."""
    limit: int
    """The size of an answer."""
    is_passing: bool = False
    """A container may bear the name any moment: what others say of it is not to be remembered."""


def respond(
    message: bytes, names: Names, *, asked_at: str, asker: str, turn: int, over_tcp: bool
) -> bytes | Forward | None:
    """Answer a message, have others asked, or be silent; whatever the message, it never raises.

    `turn` is one more with every question: it decides who of several bearers comes first.
    """
    query = read_query(message)
    if not isinstance(query, Query):
        return None if query is None else write_refusal(message, query)
    limit = TCP_PAYLOAD if over_tcp else query.udp_limit
    zone = names.asked_at(asked_at)
    bearer = zone.by_address.get(asker) if zone else None
    if zone is None or bearer is None:
        return write_answer(query, 0, Rcode.REFUSED, limit=limit)
    if query.version:
        return write_answer(query, 0, Rcode.BADVERS, limit=limit)
    if query.dns_class != IN or query.type in _META or query.type == OPT:
        return write_answer(query, RECURSION_AVAILABLE, Rcode.REFUSED, limit=limit)
    found = zone.bearers(query.name)
    if found:
        return _known(query, _addresses(found, query.type, turn), limit)
    return _look_further(query, names, zone, bearer.member, turn, limit)


def _look_further(
    query: Query, names: Names, zone: Zone, member: Member, turn: int, limit: int
) -> bytes | Forward:
    """In the asker's other networks, among addresses, and with others if any network has a way."""
    others = tuple(names.others_of(member.sandbox, zone))
    for other in others:
        if found := other.bearers(query.name):
            return _known(query, _addresses(found, query.type, turn), limit)
    address = reversed_address(query.name)
    if address is not None:
        for place in (zone, *others):
            if record := place.name_of(address):
                return _known(query, (record,) if query.type in {PTR, ANY} else (), limit)
        if names.is_ours(address):
            soa = write_soa(query.name[0] + 1, TTL)
            return write_answer(query, _OURS, Rcode.NXDOMAIN, limit=limit, soa=soa)
    if all(z.network.internal for z in (zone, *others)):
        return write_answer(query, RECURSION_AVAILABLE, Rcode.NXDOMAIN, limit=limit)
    is_bare = len(query.name) == query.name[0] + 2
    is_passing = is_bare or any(z.has_suffix(query.name) for z in (zone, *others))
    return Forward(query, member.servers, limit, is_passing)


def _known(query: Query, records: tuple[bytes, ...], limit: int) -> bytes:
    """Of a name of ours; where there is no such record the SOA says so (RFC 2308 §3)."""
    if records:
        return write_answer(query, _OURS, Rcode.NOERROR, records, limit=limit)
    if query.type == SOA:
        return write_answer(query, _OURS, Rcode.NOERROR, (_OWN_SOA,), limit=limit)
    return write_answer(query, _OURS, Rcode.NOERROR, limit=limit, soa=_OWN_SOA)


def _addresses(bearers: tuple[Bearer, ...], kind: int, turn: int) -> tuple[bytes, ...]:
    if len(bearers) == 1:
        return _of_kind(bearers[0], kind)
    return tuple(_in_turn(bearers, kind, turn))


def _in_turn(bearers: tuple[Bearer, ...], kind: int, turn: int) -> Iterator[bytes]:
    """Each comes first equally often.

    Not by `turn` modulo their number: most askers ask for A and AAAA by turns, so that each of two
    would be first for one of the kinds for ever. Multiples of the golden ratio are spread evenly
    whichever of them one takes.
    """
    first = ((turn * _GOLDEN & 0xFFFFFFFF) * len(bearers)) >> 32
    for bearer in bearers[first:] + bearers[:first]:
        yield from _of_kind(bearer, kind)


def _of_kind(bearer: Bearer, kind: int) -> tuple[bytes, ...]:
    if kind == A:
        return bearer.ipv4
    if kind == AAAA:
        return bearer.ipv6
    return bearer.ipv4 + bearer.ipv6 if kind == ANY else ()
