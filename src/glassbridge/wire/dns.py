"""DNS messages as bytes (RFC 1035 §4) with EDNS (RFC 6891): questions read, answers written.

Read by hand, because a server's time goes there. Pointers are never followed: the one name that is
read, a question's, has none before it to point at, and all others are only stepped over. So no
message can make a reader loop, and none makes it raise.
"""

from enum import IntEnum
from struct import Struct as Layout
from struct import error as TooShort  # noqa: N812 - what it means here

from msgspec import Struct

A, SOA, PTR, AAAA, OPT, ANY = 1, 6, 12, 28, 41, 255
IN = 1
RESPONSE, AUTHORITATIVE, TRUNCATED, RECURSION_DESIRED, RECURSION_AVAILABLE = (
    0x8000,
    0x0400,
    0x0200,
    0x0100,
    0x0080,
)
AUTHENTIC_DATA, CHECKING_DISABLED = 0x0020, 0x0010
_OPCODE, RCODE = 0x7800, 0x000F

UDP_WITHOUT_EDNS = 512
UDP_PAYLOAD = 1232
"""What we take and send at most: it passes any link of IPv6 unfragmented (DNS flag day 2020)."""
TCP_PAYLOAD = 65535

HEADER = Layout(">HHHHHH")
_question_end = Layout(">HH")
_record = Layout(">HHIH")
_opt = Layout(">BHHBBHH")
_dnssec_ok = 0x8000
_POINTER, _LONGEST_LABEL, _LONGEST_NAME = 0xC0, 63, 255
_POINTERS = 0xC000
QUESTION_NAME = b"\xc0\x0c"
"""Points at the question's name, behind the header."""
_NOBODY = b"\x06nobody\x07invalid\0"
"""The mailbox of zones that nobody keeps (RFC 6303 §3)."""
_soa_times = Layout(">IIIII")


class Rcode(IntEnum):
    """How an answer went (RFC 1035 §4.1.1, RFC 6891 §9)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


class Query(Struct, frozen=True, gc=False):
    """One question, as it was asked."""

    id: int
    flags: int
    question: bytes
    """Name, type and class, in the asker's case."""
    name: bytes
    """Lower case, in labels."""
    type: int
    dns_class: int
    payload: int = 0
    """How much the asker takes over UDP; 0 without EDNS."""
    version: int = 0
    """Of EDNS."""
    dnssec_ok: bool = False

    @property
    def udp_limit(self) -> int:
        """The size of an answer over UDP."""
        return min(max(self.payload, UDP_WITHOUT_EDNS), UDP_PAYLOAD)


class Record(Struct, frozen=True, gc=False):
    """Where a record lies in its message."""

    type: int
    start: int
    """Of its name."""
    ttl_at: int
    ttl: int
    end: int


def read_query(message: bytes) -> Query | Rcode | None:
    """Read a question; else how to refuse it, or None for what is not to be answered at all."""
    if len(message) < HEADER.size:
        return None
    number, flags, questions, answers, authorities, additions = HEADER.unpack_from(message)
    if flags & RESPONSE:  # answered, two servers could keep each other busy for ever
        return None
    if flags & _OPCODE:
        return Rcode.NOTIMP
    if questions != 1:
        return Rcode.FORMERR
    try:
        return _read_question(message, number, flags, answers + authorities, additions)
    except (IndexError, TooShort, ValueError):
        return Rcode.FORMERR


def _read_question(message: bytes, number: int, flags: int, before: int, additions: int) -> Query:
    name_end = _question_name_end(message)
    kind, dns_class = _question_end.unpack_from(message, name_end)
    end = name_end + _question_end.size
    question, name = message[HEADER.size : end], message[HEADER.size : name_end].lower()
    opts: list[int] = []
    if before or additions:
        opts, end = _find_opts(message, end, before, additions)
    if end != len(message):
        raise ValueError("the message is longer, or shorter, than it says")
    if not opts:
        return Query(number, flags, question, name, kind, dns_class)
    (opt,) = opts
    root, _, payload, _, version, more_flags, _ = _opt.unpack_from(message, opt)
    if root:
        raise ValueError("EDNS under another name than the root's")
    payload, dnssec_ok = max(payload, UDP_WITHOUT_EDNS), bool(more_flags & _dnssec_ok)
    return Query(number, flags, question, name, kind, dns_class, payload, version, dnssec_ok)


def _question_name_end(message: bytes) -> int:
    at = HEADER.size
    while length := message[at]:
        if length > _LONGEST_LABEL:
            raise ValueError("a pointer where there is nothing to point at")
        at += length + 1
    if at + 1 - HEADER.size > _LONGEST_NAME:
        raise ValueError("the name is too long")
    return at + 1


def _find_opts(message: bytes, at: int, before: int, additions: int) -> tuple[list[int], int]:
    """Where records OPT begin, and where the message ends."""
    if additions == 1 and not before:  # as nearly everybody asks
        root, kind, *_, length = _opt.unpack_from(message, at)
        if not root and kind == OPT:
            return [at], at + _opt.size + length
    for _ in range(before):
        at = _read_record(message, at).end
    opts = []
    for _ in range(additions):
        record = _read_record(message, at)
        if record.type == OPT:
            opts.append(record.start)
        at = record.end
    return opts, at


def read_records(message: bytes) -> tuple[list[Record], list[Record], list[Record]] | None:
    """Walk answers, authorities and additions of an answer to one question; None if broken."""
    try:
        _, _, questions, *counts = HEADER.unpack_from(message)
        if questions != 1:
            return None
        at = _question_name_end(message) + _question_end.size
        sections: list[list[Record]] = []
        for count in counts:
            section = []
            for _ in range(count):
                record = _read_record(message, at)
                section.append(record)
                at = record.end
            sections.append(section)
    except (IndexError, TooShort, ValueError):
        return None
    answers, authorities, additions = sections
    return answers, authorities, additions


def _read_record(message: bytes, start: int) -> Record:
    at = start
    while length := message[at]:
        if length >= _POINTER:
            at += 1
            break
        if length > _LONGEST_LABEL:
            raise ValueError("a kind of label that does not exist")
        at += length + 1
    at += 1
    kind, _, ttl, size = _record.unpack_from(message, at)
    end = at + _record.size + size
    if end > len(message):
        raise ValueError("the record is cut short")
    return Record(kind, start, at + 4, ttl, end)


def write_record(kind: int, ttl: int, data: bytes) -> bytes:
    """Write a record of the name that was asked for."""
    return QUESTION_NAME + _record.pack(kind, IN, ttl, len(data)) + data


def write_soa(zone_at: int, ttl: int) -> bytes:
    """Write the SOA of the zone whose name begins so many bytes into the question's."""
    zone = (_POINTERS | HEADER.size + zone_at).to_bytes(2, "big")
    # refresh, retry and expire are for secondaries, of which there are none
    data = zone + _NOBODY + _soa_times.pack(1, 3600, 1200, 604800, ttl)
    return zone + _record.pack(SOA, IN, ttl, len(data)) + data


def write_answer(
    query: Query,
    flags: int,
    rcode: int,
    records: tuple[bytes, ...] = (),
    *,
    limit: int,
    soa: bytes = b"",
) -> bytes:
    """Write an answer of at most `limit` bytes; whole records that do not fit are left out.

    Names of a question are at most 255 bytes long: what is left of 512 takes any one record of
    ours, and is never less than none.
    """
    opt = _write_opt(query, rcode >> 4) if query.payload else b""
    room = limit - HEADER.size - len(query.question) - len(soa) - len(opt)
    data = b"".join(records)
    if len(data) > room:
        records, flags = _what_fits(records, room), flags | TRUNCATED
        data = b"".join(records)
    flags |= RESPONSE | query.flags & (RECURSION_DESIRED | CHECKING_DISABLED) | rcode & RCODE
    head = HEADER.pack(query.id, flags, 1, len(records), 1 if soa else 0, 1 if opt else 0)
    return head + query.question + data + soa + opt


def _what_fits(records: tuple[bytes, ...], room: int) -> tuple[bytes, ...]:
    for number, record in enumerate(records):
        room -= len(record)
        if room < 0:
            return records[:number]
    return records


def _write_opt(query: Query, extended_rcode: int) -> bytes:
    more_flags = _dnssec_ok if query.dnssec_ok else 0
    return _opt.pack(0, OPT, UDP_PAYLOAD, extended_rcode, 0, more_flags, 0)


def write_refusal(message: bytes, rcode: Rcode) -> bytes:
    """Write an answer to what could not be read: its header alone."""
    number, flags, *_ = HEADER.unpack_from(message)
    flags = RESPONSE | flags & (_OPCODE | RECURSION_DESIRED) | rcode
    return HEADER.pack(number, flags, 0, 0, 0, 0)


def write_query(query: Query, number: int) -> bytes:
    """Ask the same of another server; options of EDNS are between two neighbours, and stay out."""
    opt = _write_opt(query, 0) if query.payload else b""
    flags = query.flags & (RECURSION_DESIRED | AUTHENTIC_DATA | CHECKING_DISABLED)
    return HEADER.pack(number, flags, 1, 0, 0, 1 if opt else 0) + query.question + opt


def pass_on(answer: bytes, query: Query, limit: int) -> bytes:
    """Give another server's answer to who asked: under his id, in his case, cut to his size."""
    number = query.id.to_bytes(2, "big")
    if len(answer) > limit:
        flags = int.from_bytes(answer[2:4], "big")
        kept = flags & (AUTHORITATIVE | RECURSION_AVAILABLE | AUTHENTIC_DATA) | TRUNCATED
        return write_answer(query, kept, flags & RCODE, limit=limit)
    return (
        number
        + answer[2 : HEADER.size]
        + query.question
        + answer[HEADER.size + len(query.question) :]
    )


def without_ttls(answer: bytes) -> bytes:
    """Have an answer that read_records reads be remembered by nobody."""
    changed = bytearray(answer)
    for section in read_records(answer) or ():
        for record in section:
            if record.type != OPT:  # its TTL is none, but flags
                changed[record.ttl_at : record.ttl_at + 4] = bytes(4)
    return bytes(changed)


def write_name(text: str) -> bytes | None:
    """Write a name as labels; None where it cannot be one."""
    labels = [label.encode("utf-8", "replace") for label in text.split(".")]
    if not all(0 < len(label) <= _LONGEST_LABEL for label in labels):
        return None
    name = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return name if len(name) <= _LONGEST_NAME else None
