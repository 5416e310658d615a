"""Whatever bytes come: nothing raises, every answer is one that dnspython can read."""

import socket
from ipaddress import IPv6Address, ip_address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.reversename
import dns.rrset
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.dns.village import ask

from glassbridge.dns.answering import Forward
from glassbridge.dns.cache import AnswerCache, Question
from glassbridge.wire.dns import (
    HEADER,
    Query,
    Rcode,
    pass_on,
    read_query,
    read_records,
    without_ttls,
    write_name,
    write_query,
)
from glassbridge.wire.dns_reverse import reversed_address

LABELS = st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=6)


def wire_of(name: dns.name.Name) -> bytes:
    written = name.to_wire()
    assert written is not None
    return written


def is_short_enough(labels: list[bytes]) -> bool:
    return sum(map(len, labels)) + len(labels) < 255


NAMES = LABELS.filter(is_short_enough).map(lambda labels: dns.name.Name([*labels, b""]))
KINDS = st.sampled_from(["A", "AAAA", "PTR", "MX", "ANY", "SOA", "HTTPS"])
VALID = st.builds(
    lambda name, kind, edns, size, options: dns.message.make_query(
        name,
        kind,
        use_edns=0 if edns else False,
        payload=size,
        options=options if edns else None,
    ).to_wire(),
    st.one_of(NAMES, st.sampled_from(["web", "Pool.blue", "nobody", "2.0.18.172.in-addr.arpa"])),
    KINDS,
    st.booleans(),
    st.integers(0, 65535),
    st.just([]),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A question with some bytes changed, its end cut off, or more of it."""
    wire = bytearray(draw(VALID))
    for _ in range(draw(st.integers(0, 6))):
        wire[draw(st.integers(0, len(wire) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(wire)))
    return draw(st.sampled_from([bytes(wire), bytes(wire[:cut]), bytes(wire) + bytes(wire[cut:])]))


LOOP = HEADER.pack(7, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1"
CROWD = HEADER.pack(7, 0x0100, 65535, 65535, 65535, 65535) + b"\xc0\x0c\0\1\0\1" * 5000


@given(st.one_of(st.binary(max_size=600), mutated()), st.booleans())
@example(LOOP, False)
@example(CROWD, True)
@example(b"\xff" * 65535, True)
@example(HEADER.pack(7, 0x0100, 1, 0, 0, 65535) + b"\0" * 65000, True)
def test_no_bytes_make_an_answer_fail(message: bytes, over_tcp: bool) -> None:
    answer = ask(message, over_tcp=over_tcp)
    if isinstance(answer, Forward):
        assert write_query(answer.query, 1)
    elif answer is not None:
        assert answer[:2] == message[:2]
        assert answer[2] & 0x80
        if answer[3] & 15 == Rcode.FORMERR or answer[3] & 15 == Rcode.NOTIMP:
            assert len(answer) == HEADER.size
        else:
            assert dns.message.from_wire(answer).id == int.from_bytes(message[:2], "big")


@given(mutated())
def test_what_we_read_dnspython_reads_alike(wire: bytes) -> None:
    query = read_query(wire)
    if not isinstance(query, Query):
        return
    try:
        message = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return  # it looks into data of records that mean nothing to us
    (question,) = message.question
    assert query.name == wire_of(question.name).lower()
    assert (query.type, query.dns_class) == (question.rdtype, question.rdclass)
    assert (query.payload > 0) is (message.edns >= 0)
    if query.payload:
        assert query.version == message.edns
        assert query.dnssec_ok is bool(message.ednsflags & dns.flags.DO)


@given(VALID)
def test_every_proper_question_is_read_and_asked_alike_of_others(wire: bytes) -> None:
    query = read_query(wire)
    assert isinstance(query, Query)
    asked, theirs = dns.message.from_wire(wire), dns.message.from_wire(write_query(query, 4711))
    assert theirs.id == 4711
    assert asked.question == theirs.question
    assert (asked.edns, asked.flags) == (theirs.edns, theirs.flags)
    assert wire_of(asked.question[0].name) == wire_of(theirs.question[0].name), "in the same case"


@given(st.binary(max_size=300), VALID)
def test_no_answer_of_others_makes_us_fail(data: bytes, wire: bytes) -> None:
    query = read_query(wire)
    assert isinstance(query, Query)
    broken = wire[:2] + b"\x81\x80" + b"\0\1" + data[:6].ljust(6, b"\0") + query.question + data[6:]
    read_records(broken)
    cache, question = AnswerCache(), Question.of(query, ())
    cache.keep(question, broken, 0.0)
    cache.find(question, 1.0)
    for limit in (512, 1232, 65535):
        assert len(pass_on(broken, query, limit)) <= limit


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda a: int(a) >> 48)))
def test_names_of_addresses_are_read_as_dnspython_writes_them(address: IPv6Address) -> None:
    name = wire_of(dns.reversename.from_address(str(address)))
    assert reversed_address(name.lower()) == address


@given(LABELS)
def test_no_name_makes_reading_an_address_fail(labels: list[bytes]) -> None:
    for end in (b"\x07in-addr\x04arpa\x00", b"\x03ip6\x04arpa\x00"):
        reversed_address(b"".join(bytes((len(label),)) + label for label in labels) + end)


@given(st.text(max_size=80))
@example("\ud800.x")
def test_a_name_is_written_as_dnspython_does_or_not_at_all(text: str) -> None:
    written = write_name(text)
    if written is not None and text.isascii() and "\\" not in text:
        assert written == wire_of(dns.name.from_text(text))


@given(st.ip_addresses(v=6).filter(lambda a: int(a) >> 48))
@example(ip_address("fd00:0:1::"))
@example(ip_address("fd00:1:0:1:1:1:1:1"))
def test_addresses_are_text_as_the_kernels_tools_print_it(address: IPv6Address) -> None:
    """Askers are looked up by the text that the socket module makes of their address."""
    assert str(address) == socket.inet_ntop(socket.AF_INET6, address.packed)


def test_ttls_are_taken_away_and_nothing_else_is() -> None:
    question = dns.message.make_query("db", "A", use_edns=0, want_dnssec=True)
    answer = dns.message.make_response(question)
    root = ". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 1 1800 900 604800 86400"
    address = "a.root-servers.net. 518400 IN A 198.41.0.4"
    answer.authority = [rrset(root)]
    answer.additional = [rrset(address)]
    found = dns.message.from_wire(without_ttls(answer.to_wire()))
    assert [r.ttl for r in (*found.authority, *found.additional)] == [0, 0]
    assert found.authority[0][0] == answer.authority[0][0]
    assert (found.ednsflags, found.payload) == (answer.ednsflags, answer.payload)


@given(st.binary(max_size=600))
def test_taking_ttls_away_from_anything_does_no_harm(message: bytes) -> None:
    assert len(without_ttls(message)) == len(message)


def rrset(text: str) -> dns.rrset.RRset:
    name, ttl, dns_class, kind, data = text.split(maxsplit=4)
    return dns.rrset.from_text(name, int(ttl), dns_class, kind, data)
