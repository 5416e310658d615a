"""Which servers are asked, in which order, and which answers count."""

from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.dns.enquiry import Enquiry, Heard, Try
from glassbridge.dns.resolv_conf import Resolvers
from glassbridge.dns.upstreams import PATIENCE, Upstreams
from glassbridge.wire.dns import Query, read_query

ONE, TWO, THREE, FOUR = (ip_address(f"192.0.2.{n}") for n in (1, 2, 3, 4))


def query(name: str = "www.Example.com") -> Query:
    read = read_query(dns.message.make_query(name, "A", use_edns=0).to_wire())
    assert isinstance(read, Query)
    return read


def reply(asked: Try, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(asked.message))
    message.set_rcode(rcode)
    return message.to_wire()


def begun(*servers: object) -> tuple[Enquiry, Try]:
    enquiry = Enquiry(query(), tuple(s for s in (ONE, TWO, ONE, TWO) if s in servers))
    attempt = enquiry.next(b"\x12\x34")
    assert attempt is not None
    return enquiry, attempt


def test_an_answer_ends_it() -> None:
    enquiry, attempt = begun(ONE, TWO)
    assert (attempt.server, attempt.message[:2]) == (ONE, b"\x12\x34")
    assert enquiry.hear(attempt, reply(attempt)) is Heard.ANSWER
    for rcode in (dns.rcode.NXDOMAIN, dns.rcode.FORMERR, dns.rcode.NOTIMP):
        assert enquiry.hear(attempt, reply(attempt, rcode)) is Heard.ANSWER


def test_an_answer_in_another_case_counts() -> None:
    enquiry, attempt = begun(ONE)
    other = reply(attempt).replace(b"Example", b"eXAMPLE")
    assert enquiry.hear(attempt, other) is Heard.ANSWER


@pytest.mark.parametrize(
    "forge",
    [
        lambda m: b"\x12\x35" + m[2:],
        lambda m: m[:2] + b"\1" + m[3:],  # no answer, a question
        lambda m: m.replace(b"Example", b"Exemple"),
        lambda m: m.replace(b"\0\0\1\0\1", b"\0\0\2\0\1"),
        lambda m: m[:4] + b"\0\0" + m[6:],
        lambda m: m[:11],
        lambda _: b"",
    ],
)
def test_what_nobody_asked_for_is_not_heard(forge: object) -> None:
    assert callable(forge)
    enquiry, attempt = begun(ONE)
    assert enquiry.hear(attempt, forge(reply(attempt))) is Heard.NOTHING
    assert enquiry.silent == {ONE}


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_server_in_trouble_is_not_asked_again(rcode: dns.rcode.Rcode) -> None:
    enquiry, attempt = begun(ONE, TWO)
    assert enquiry.hear(attempt, reply(attempt, rcode)) is Heard.TROUBLE
    assert not enquiry.is_waiting
    rest = [enquiry.next(b"ab"), enquiry.next(b"cd"), enquiry.next(b"ef")]
    assert [r.server if r else None for r in rest] == [TWO, TWO, None]


def test_trouble_may_come_without_the_question() -> None:
    enquiry, attempt = begun(ONE)
    assert enquiry.hear(attempt, b"\x12\x34\x81\x81" + b"\0" * 8) is Heard.TROUBLE
    enquiry, attempt = begun(ONE)
    assert enquiry.hear(attempt, b"\x12\x34\x81\x80" + b"\0" * 8) is Heard.NOTHING


def test_a_broken_answer_is_trouble() -> None:
    enquiry, attempt = begun(ONE)
    broken = reply(attempt)
    assert enquiry.hear(attempt, broken[:6] + b"\0\x07" + broken[8:]) is Heard.TROUBLE


def test_a_late_answer_counts_while_another_server_is_asked() -> None:
    enquiry, attempt = begun(ONE, TWO)
    assert enquiry.next(b"ab") is not None
    assert enquiry.silent == {ONE, TWO}
    assert enquiry.hear(attempt, reply(attempt)) is Heard.ANSWER
    assert enquiry.silent == {TWO}


@given(
    st.lists(st.sampled_from([ONE, TWO, THREE, FOUR]), max_size=5, unique=True), st.integers(1, 5)
)
def test_all_servers_together_are_waited_for_no_longer_than_askers_wait(
    servers: list[object], attempts: int
) -> None:
    known = tuple(s for s in (ONE, TWO, THREE, FOUR) if s in servers)
    for over_tcp in (False, True):
        there = Upstreams().plan(
            Resolvers(servers=known, attempts=attempts), 0.0, over_tcp=over_tcp
        )
        assert there.servers == known[:3] * (1 if over_tcp else attempts)
        assert len(there.servers) * there.seconds <= PATIENCE * 1.001


def test_a_silent_server_is_asked_last_for_a_while() -> None:
    upstreams, resolvers = Upstreams(), Resolvers(servers=(ONE, TWO), attempts=1)
    upstreams.note({ONE}, {TWO}, 100.0)
    assert upstreams.plan(resolvers, 101.0, over_tcp=False).servers == (TWO, ONE)
    assert upstreams.plan(resolvers, 131.0, over_tcp=False).servers == (ONE, TWO)
    upstreams.note({ONE}, (), 140.0)
    upstreams.note((), {ONE}, 141.0)
    assert upstreams.plan(resolvers, 142.0, over_tcp=False).servers == (ONE, TWO)


def test_servers_take_turns_when_the_host_wants_it() -> None:
    upstreams = Upstreams()
    resolvers = Resolvers(servers=(ONE, TWO, THREE), attempts=1, rotate=True)
    firsts = [upstreams.plan(resolvers, 0.0, over_tcp=False).servers[0] for _ in range(6)]
    assert firsts == [TWO, THREE, ONE, TWO, THREE, ONE]


def test_what_is_remembered_of_servers_is_bounded() -> None:
    upstreams = Upstreams()
    many = [ip_address("10.0.0.0") + n for n in range(1000)]
    upstreams.note(many, (), 0.0)
    last, first = (Resolvers(servers=(s, ONE), attempts=1) for s in (many[-1], many[0]))
    assert upstreams.plan(last, 1.0, over_tcp=True).servers == (ONE, many[-1])
    assert upstreams.plan(first, 1.0, over_tcp=True).servers == (many[0], ONE)
