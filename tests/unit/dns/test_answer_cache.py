"""How long answers of others are kept, and what is left of them."""

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.dns.cache import AnswerCache, Question
from glassbridge.wire.dns import Query, pass_on, read_query

SOA = "example.com. 3600 IN SOA ns.example.com. root.example.com. 1 2 3 4 60"


def query(name: str = "www.example.com", kind: str = "A", *, edns: bool = False) -> Query:
    read = read_query(dns.message.make_query(name, kind, use_edns=edns).to_wire())
    assert isinstance(read, Query)
    return read


def answer(
    asked: Query,
    *records: str,
    authority: tuple[str, ...] = (),
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    truncated: bool = False,
) -> bytes:
    flags = 0x8180 | (dns.flags.TC if truncated else 0)
    head = asked.id.to_bytes(2, "big") + flags.to_bytes(2, "big") + b"\0\1" + b"\0" * 6
    message = dns.message.from_wire(head + asked.question)
    message.set_rcode(rcode)
    message.answer = [rrset(record) for record in records]
    message.authority = [rrset(record) for record in authority]
    if asked.payload:
        message.use_edns(0)
    return message.to_wire(max_size=65535)


def rrset(record: str) -> dns.rrset.RRset:
    name, ttl, dns_class, kind, data = record.split(maxsplit=4)
    return dns.rrset.from_text(name, int(ttl), dns_class, kind, data)


def lifetime(asked: Query, wire: bytes) -> int:
    """Whole seconds for which the cache has it."""
    cache, question = AnswerCache(), Question.of(asked, ())
    cache.keep(question, wire, 1000.0)
    low, high = 0, 100_000
    while low < high:
        middle = (low + high) // 2
        cache.keep(question, wire, 1000.0)
        if cache.find(question, 1000.0 + middle) is None:
            high = middle
        else:
            low = middle + 1
    return low


@pytest.mark.parametrize("edns", [False, True])
def test_an_answer_lives_as_long_as_its_shortest_record_and_ages(*, edns: bool) -> None:
    asked = query(edns=edns)
    wire = answer(
        asked,
        "www.example.com. 300 IN CNAME web.example.com.",
        "web.example.com. 60 IN A 192.0.2.1",
    )
    assert lifetime(asked, wire) == 60
    cache, question = AnswerCache(), Question.of(asked, ())
    cache.keep(question, wire, 10.0)
    aged = cache.find(question, 29.9)
    assert aged is not None
    message = dns.message.from_wire(aged)
    assert [rrset.ttl for rrset in message.answer] == [300 - 19, 60 - 19]
    assert message.edns == (0 if edns else -1)


@pytest.mark.parametrize(
    ("records", "authority", "rcode", "kept"),
    [
        ((), (SOA,), dns.rcode.NXDOMAIN, 60),
        ((), (SOA,), dns.rcode.NOERROR, 60),
        ((), (SOA.replace("3600", "20"),), dns.rcode.NXDOMAIN, 20),
        ((), (SOA.replace(" 60", " 99999"),), dns.rcode.NXDOMAIN, 900),
        ((), (), dns.rcode.NXDOMAIN, 0),
        ((), (), dns.rcode.NOERROR, 0),
        (("www.example.com. 500 IN CNAME x.example.com.",), (SOA,), dns.rcode.NOERROR, 60),
        (("www.example.com. 500 IN CNAME x.example.com.",), (), dns.rcode.NOERROR, 0),
        (("www.example.com. 0 IN A 192.0.2.1",), (), dns.rcode.NOERROR, 0),
        (("www.example.com. 99999 IN A 192.0.2.1",), (), dns.rcode.NOERROR, 86400),
        (("www.example.com. 50 IN A 192.0.2.1",), (), dns.rcode.SERVFAIL, 0),
        (("www.example.com. 50 IN A 192.0.2.1",), (), dns.rcode.REFUSED, 0),
    ],
)
def test_lifetimes(
    records: tuple[str, ...], authority: tuple[str, ...], rcode: dns.rcode.Rcode, kept: int
) -> None:
    asked = query()
    assert lifetime(asked, answer(asked, *records, authority=authority, rcode=rcode)) == kept


def test_a_part_of_an_answer_is_not_kept() -> None:
    asked = query()
    assert lifetime(asked, answer(asked, "www.example.com. 60 IN A 192.0.2.1", truncated=True)) == 0


def test_a_ttl_of_more_than_31_bits_is_none() -> None:
    asked = query()
    wire = answer(asked, "www.example.com. 1 IN A 192.0.2.1").replace(
        b"\0\0\0\1\0\4", b"\x80\0\0\1\0\4"
    )
    assert lifetime(asked, wire) == 0


def test_who_asks_otherwise_gets_another_answer() -> None:
    cache, asked = AnswerCache(), query()
    cache.keep(Question.of(asked, ()), answer(asked, "www.example.com. 60 IN A 192.0.2.1"), 0.0)
    for other in (query(edns=True), query(kind="AAAA"), query("example.com")):
        assert cache.find(Question.of(other, ()), 1.0) is None
    own = dns.message.make_query("www.example.com", "A", flags=dns.flags.RD | dns.flags.CD)
    checked = read_query(own.to_wire())
    assert isinstance(checked, Query)
    assert cache.find(Question.of(checked, ()), 1.0) is None
    assert cache.find(Question.of(query("WWW.example.COM"), ()), 1.0) is not None


def test_it_is_given_on_under_the_askers_id_and_in_his_case() -> None:
    first, second = query("www.example.com"), query("wWw.eXample.com")
    wire = answer(first, "www.example.com. 60 IN A 192.0.2.1")
    message = dns.message.from_wire(pass_on(wire, second, 512))
    assert message.id == second.id
    assert str(message.question[0].name) == "wWw.eXample.com."
    assert str(message.answer[0].name) == "wWw.eXample.com."


def test_what_does_not_fit_the_asker_is_cut() -> None:
    asked = query(edns=True)
    wire = answer(asked, *(f"www.example.com. 60 IN A 192.0.2.{n}" for n in range(80)))
    message = dns.message.from_wire(pass_on(wire, asked, 512))
    assert message.flags & dns.flags.TC
    assert message.flags & dns.flags.RA
    assert (message.answer, message.edns) == ([], 0)
    assert pass_on(wire, asked, 65535) == wire


@given(st.lists(st.integers(0, 30), max_size=120))
def test_it_stays_small_and_drops_the_longest_unasked(asked: list[int]) -> None:
    cache, recent = AnswerCache(size=8), dict[int, None]()
    for number in asked:
        one = query(f"n{number}.example.com")
        question = Question.of(one, ())
        found = cache.find(question, 1.0)
        assert (found is not None) is (number in recent)
        if found is None:
            cache.keep(question, answer(one, f"n{number}.example.com. 60 IN A 192.0.2.1"), 1.0)
        recent.pop(number, None)
        recent[number] = None
        if len(recent) > 8:
            del recent[next(iter(recent))]
        assert len(cache) == len(recent)
