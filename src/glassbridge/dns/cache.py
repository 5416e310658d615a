"""Answers of others, kept as long as they allow (RFC 1035 §7.4, RFC 2308 §5)."""

from collections import OrderedDict
from struct import pack_into

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.wire.dns import (
    ANY,
    AUTHENTIC_DATA,
    CHECKING_DISABLED,
    HEADER,
    OPT,
    RCODE,
    RECURSION_DESIRED,
    SOA,
    TRUNCATED,
    Query,
    Rcode,
    read_records,
)

_LONGEST = 86400
_LONGEST_NEGATIVE = 900
"""A name that is missing may be added: those who wait for it wait no longer than this."""
_LARGEST = 4096
_MINIMUM = 4
"""Bytes of the last field of a SOA."""
_TTL_MAX = 1 << 31
"""From here on it counts as zero (RFC 2181 §8)."""


class Question(Struct, frozen=True, gc=False):
    """What answers may depend on."""

    name: bytes
    type: int
    flags: int
    edns: bool
    dnssec_ok: bool
    servers: tuple[IPAddress, ...]

    @classmethod
    def of(cls, query: Query, servers: tuple[IPAddress, ...]) -> "Question":
        """The question of a query that goes to certain servers."""
        flags = query.flags & (RECURSION_DESIRED | AUTHENTIC_DATA | CHECKING_DISABLED)
        return cls(query.name, query.type, flags, query.payload > 0, query.dnssec_ok, servers)


class _Kept(Struct, frozen=True):
    answer: bytes
    since: float
    lifetime: int
    ttls: tuple[tuple[int, int], ...]
    """Where they stand, and what they were."""


class AnswerCache:
    """At most `size` answers: the longest unasked one makes way. Times are seconds of any clock."""

    def __init__(self, size: int = 2048) -> None:
        self._size = size
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, question: Question, now: float) -> bytes | None:
        """The answer as it would be if it came now: with what is left of its TTLs."""
        kept = self._kept.get(question)
        if kept is None:
            return None
        age = int(now - kept.since)
        if age >= kept.lifetime:
            del self._kept[question]
            return None
        self._kept.move_to_end(question)
        answer = bytearray(kept.answer)
        for at, ttl in kept.ttls:
            pack_into(">I", answer, at, ttl - age)
        return bytes(answer)

    def keep(self, question: Question, answer: bytes, now: float) -> None:
        """Keep an answer, if it may be kept at all."""
        lifetime, ttls = _lifetime(question, answer)
        if lifetime <= 0 or len(answer) > _LARGEST:
            return
        self._kept[question] = _Kept(answer, now, lifetime, ttls)
        self._kept.move_to_end(question)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _lifetime(question: Question, answer: bytes) -> tuple[int, tuple[tuple[int, int], ...]]:
    """How long an answer may be kept, and its TTLs; 0 for not at all."""
    sections = read_records(answer)
    _, flags, *_ = HEADER.unpack_from(answer)
    if sections is None or flags & TRUNCATED:
        return 0, ()
    rcode = flags & RCODE
    if rcode not in {Rcode.NOERROR, Rcode.NXDOMAIN}:
        return 0, ()
    answers, authorities, _ = sections
    records = [r for section in sections for r in section if r.type != OPT]
    ttls = tuple((r.ttl_at, r.ttl) for r in records)
    limits = [_LONGEST, *(r.ttl if r.ttl < _TTL_MAX else 0 for r in records)]
    # an answer of nothing but aliases says that the last of them has no such record
    if rcode == Rcode.NXDOMAIN or not any(r.type == question.type for r in answers):
        authority = [r for r in authorities if r.type == SOA]
        if authority:
            end = authority[0].end
            limits += [_LONGEST_NEGATIVE, int.from_bytes(answer[end - _MINIMUM : end], "big")]
        elif question.type != ANY or not answers:
            return 0, ()
    return min(limits), ttls
