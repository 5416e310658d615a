"""Who asks what, and what he is told; dnspython reads every answer."""

from collections import Counter
from ipaddress import ip_address

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import pytest
from dns.rcode import NOERROR, NXDOMAIN, REFUSED
from tests.unit.dns.village import (
    BLUE,
    BLUE_GATEWAY6,
    BOTH,
    BOTH_IN_RED,
    CLOSED_GATEWAY,
    DB,
    LONE,
    OWN_SERVER,
    RED,
    RED_GATEWAY,
    VILLAGE,
    WEB,
    answered,
    ask,
    data_of,
    first_of,
    member,
)

from glassbridge.dns.answering import Forward
from glassbridge.dns.names import Names
from glassbridge.dns.zone import NetworkNames
from glassbridge.model.network import NetworkId


@pytest.mark.parametrize("name", ["web", "0123456789ab", "www", "web.Blue", "www.blue", "WeB.BLUE"])
def test_every_name_of_a_member_is_known(name: str) -> None:
    assert data_of(answered(name, asker=DB)) == [WEB]
    assert data_of(answered(name, "AAAA", asker=DB)) == ["fd00:18::2"]


@pytest.mark.parametrize("edns", [False, True])
def test_an_answer_is_ours_never_remembered_and_in_the_askers_case(*, edns: bool) -> None:
    message = answered("WeB", edns=edns)
    assert message.flags == dns.flags.QR | dns.flags.AA | dns.flags.RD | dns.flags.RA
    assert message.answer[0].ttl == 0
    assert str(message.question[0].name) == str(message.answer[0].name) == "WeB."


def test_either_gateway_of_a_network_answers() -> None:
    assert data_of(answered("db", at=BLUE_GATEWAY6, asker="fd00:18::2")) == [DB]


def test_a_known_name_without_the_kind_of_record_is_an_empty_answer() -> None:
    for name, kind in (("db", "AAAA"), ("db", "MX"), ("db", "TXT"), ("db", "SRV"), ("db", "HTTPS")):
        message = answered(name, kind)
        assert (message.rcode(), data_of(message)) == (NOERROR, [])
        assert_says_who_knows(message, "db.")


def assert_says_who_knows(message: dns.message.Message, zone: str) -> None:
    """Without a SOA an authority's "no" may not be believed (RFC 2308 §3), with it: not kept."""
    (soa,) = message.authority
    assert (str(soa.name), soa.rdtype, soa.ttl, soa[0].minimum) == (zone, dns.rdatatype.SOA, 0, 0)
    assert message.flags & dns.flags.AA


def test_a_name_is_a_zone_of_its_own() -> None:
    (soa,) = data_of(answered("DB.blue", "SOA", edns=True))
    assert soa == "DB.blue. nobody.invalid. 1 3600 1200 604800 0"


@pytest.mark.parametrize("edns", [False, True])
def test_the_longest_name_leaves_room_for_the_soa(*, edns: bool) -> None:
    name = ".".join(["x" * 63] * 3 + ["y" * 61])
    network = NetworkNames(
        id=NetworkId("n"),
        name="n",
        gateways=(ip_address("10.0.0.1"),),
        members=(member(name, "10.0.0.2"),),
    )
    names = Names([network])
    message = answered(name, "TXT", at="10.0.0.1", asker="10.0.0.2", names=names, edns=edns)
    assert not message.flags & dns.flags.TC
    assert_says_who_knows(message, f"{name}.")


def test_any_is_both_families() -> None:
    assert data_of(answered("web", "ANY")) == [WEB, "fd00:18::2"]


@pytest.mark.parametrize("askers", [("172.18.0.9", BLUE_GATEWAY6), (RED, "172.18.0.1")])
def test_strangers_are_refused(askers: tuple[str, str]) -> None:
    for name in ("web", "example.com"):
        for asker in askers:
            assert answered(name, asker=asker).rcode() == REFUSED
    assert answered("web", at="10.0.0.1").rcode() == REFUSED


def test_names_of_other_networks_are_unknown() -> None:
    assert isinstance(ask(dns.message.make_query("redis", "A")), Forward)


def test_who_is_on_two_networks_knows_both_at_either_gateway() -> None:
    assert data_of(answered("redis", asker=BOTH)) == [RED]
    assert data_of(answered("redis.red.net", asker=BOTH)) == [RED]
    assert data_of(answered("web", at=RED_GATEWAY, asker=BOTH_IN_RED)) == [WEB]
    assert data_of(answered("both", asker=BOTH)) == [BOTH], "first the network that was asked"
    reverse = dns.reversename.from_address(RED).to_text()
    assert data_of(answered(reverse, "PTR", asker=BOTH)) == ["redis.red.net."]


@pytest.mark.parametrize("address", [WEB, "fd00:18::2"])
def test_addresses_have_the_name_of_their_member(address: str) -> None:
    reverse = dns.reversename.from_address(address).to_text()
    assert data_of(answered(reverse, "PTR")) == ["web.blue."]
    assert data_of(answered(reverse.upper(), "PTR", edns=True)) == ["web.blue."]
    assert (answered(reverse, "TXT").rcode(), data_of(answered(reverse, "TXT"))) == (NOERROR, [])


@pytest.mark.parametrize("address", ["172.18.9.9", "fd00:18::9", RED])
def test_nobody_else_is_asked_about_addresses_of_ours(address: str) -> None:
    name = dns.reversename.from_address(address)
    message = answered(name.to_text(), "PTR")
    assert message.rcode() == NXDOMAIN
    assert_says_who_knows(message, name.parent().to_text())


@pytest.mark.parametrize(
    "name",
    [
        "4.3.2.1.in-addr.arpa",
        "18.172.in-addr.arpa",
        "x.0.18.172.in-addr.arpa",
        "999.0.18.172.in-addr.arpa",
        r"2.0.18\.172.in-addr.arpa",
        "0.8.1.0.0.0.d.f.ip6.arpa",
        "in-addr.arpa",
        "ip6.arpa",
    ],
)
def test_others_are_asked_about_other_addresses(name: str) -> None:
    assert isinstance(ask(dns.message.make_query(name, "PTR")), Forward)


def test_other_names_go_to_the_askers_servers_or_the_hosts() -> None:
    question = dns.message.make_query("example.com", "A", use_edns=True, payload=4096)
    own, hosts = ask(question, asker=DB), ask(question, asker=WEB)
    assert isinstance(own, Forward)
    assert isinstance(hosts, Forward)
    assert (own.servers, hosts.servers) == ((OWN_SERVER,), ())
    assert own.limit == 1232


@pytest.mark.parametrize(
    ("name", "is_passing"),
    [
        ("printer", True),
        ("PRINTER", True),
        ("cache.blue", True),
        ("cache.Red.Net", True),
        ("cache.closed", False),
        ("example.com", False),
        (".", False),
    ],
)
def test_what_a_container_may_be_called_is_not_to_be_remembered(
    name: str, *, is_passing: bool
) -> None:
    found = ask(dns.message.make_query(name, "A"), asker=BOTH)
    assert isinstance(found, Forward)
    assert found.is_passing is is_passing


def test_an_internal_network_knows_no_others() -> None:
    assert answered("example.com", at=CLOSED_GATEWAY, asker=LONE).rcode() == NXDOMAIN
    assert data_of(answered("lone", at=CLOSED_GATEWAY, asker=LONE)) == [LONE]


def test_who_is_on_an_open_network_too_may_ask_others_at_an_internal_one() -> None:
    two = tuple(
        NetworkNames(
            id=NetworkId(name),
            name=name,
            gateways=(ip_address(f"10.0.{number}.1"),),
            internal=not number,
            members=(member("x", f"10.0.{number}.2", sandbox="x"),),
        )
        for number, name in enumerate(("inner", "outer"))
    )
    question = dns.message.make_query("example.com", "A")
    there = ask(question, at="10.0.0.1", asker="10.0.0.2", names=Names(two))
    assert isinstance(there, Forward)
    alone = ask(question, at="10.0.0.1", asker="10.0.0.2", names=Names(two[:1]))
    assert isinstance(alone, bytes)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("bearers", [2, 3, 7])
def test_bearers_of_one_name_take_turns(bearers: int, step: int) -> None:
    """Also for one who asks every second or third question only, as askers of A and AAAA do."""
    addresses = [f"10.0.0.{n + 2}" for n in range(bearers)]
    network = NetworkNames(
        id=NetworkId("n"),
        name="n",
        gateways=(ip_address("10.0.0.1"),),
        members=tuple(member("pool", a, sandbox=a) for a in addresses),
    )
    names, rounds = Names([network]), 100 * bearers
    asked = [
        answered("pool", at="10.0.0.1", asker="10.0.0.2", turn=turn, names=names)
        for turn in range(0, rounds * step, step)
    ]
    assert all(sorted(data_of(message)) == sorted(addresses) for message in asked)
    first = Counter(map(first_of, asked))
    assert set(first) == set(addresses)
    assert max(first.values()) - min(first.values()) <= 12


def test_what_is_too_long_for_a_datagram_says_so_and_is_whole_over_tcp() -> None:
    addresses = [str(ip_address("10.0.0.2") + n) for n in range(200)]
    network = NetworkNames(
        id=NetworkId("n"),
        name="n",
        gateways=(ip_address("10.0.0.1"),),
        members=tuple(member("pool", a, sandbox=a) for a in addresses),
    )
    names = Names([network])
    for over_tcp, edns, most in ((False, False, 512), (False, True, 1232), (True, False, 65535)):
        question = dns.message.make_query("pool", "A", use_edns=edns, payload=1232)
        wire = ask(question, at="10.0.0.1", asker="10.0.0.2", names=names, over_tcp=over_tcp)
        assert isinstance(wire, bytes)
        message = dns.message.from_wire(wire)
        assert bool(message.flags & dns.flags.TC) is not over_tcp
        assert min(most - 16, 200 * 16) < len(wire) <= most
        assert set(data_of(message)) <= set(addresses)


def test_more_than_any_message_takes_is_cut_to_whole_records() -> None:
    members = tuple(
        member("pool", str(ip_address("10.1.0.0") + n), sandbox=str(n)) for n in range(5000)
    )
    network = NetworkNames(
        id=NetworkId("n"), name="n", gateways=(ip_address("10.0.0.1"),), members=members
    )
    message = answered(
        "pool", at="10.0.0.1", asker="10.1.0.7", names=Names([network]), over_tcp=True
    )
    assert len(data_of(message)) == (65535 - 12 - 10) // 16


def test_edns_of_another_version_is_refused_as_such() -> None:
    wire = ask(dns.message.make_query("web", "A", use_edns=1))
    assert isinstance(wire, bytes)
    message = dns.message.from_wire(wire)
    assert (message.rcode(), message.edns, data_of(message)) == (dns.rcode.BADVERS, 0, [])


def test_edns_is_answered_with_ours_without_the_askers_options() -> None:
    cookie = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")
    question = dns.message.make_query("db", "A", use_edns=0, options=[cookie], want_dnssec=True)
    wire = ask(question)
    assert isinstance(wire, bytes)
    message = dns.message.from_wire(wire)
    assert (message.edns, message.payload, message.options) == (0, 1232, ())
    assert message.ednsflags & dns.flags.DO
    assert data_of(message) == [DB]


@pytest.mark.parametrize("opcode", [dns.opcode.NOTIFY, dns.opcode.UPDATE, dns.opcode.STATUS])
def test_what_is_no_question_is_not_implemented(opcode: dns.opcode.Opcode) -> None:
    question = dns.message.make_query("web", "A")
    question.set_opcode(opcode)
    wire = ask(question)
    assert isinstance(wire, bytes)
    number, flags = int.from_bytes(wire[:2], "big"), int.from_bytes(wire[2:4], "big")
    assert (number, dns.opcode.from_flags(flags)) == (question.id, opcode)
    assert dns.rcode.from_flags(flags, 0) == dns.rcode.NOTIMP


def test_answers_are_not_answered() -> None:
    answer = ask(dns.message.make_query("web", "A"))
    assert isinstance(answer, bytes)
    assert ask(answer) is None


@pytest.mark.parametrize("kind", ["AXFR", "IXFR", "OPT", "TKEY"])
def test_what_is_no_type_of_record_is_refused(kind: str) -> None:
    assert answered("example.com", kind, over_tcp=True).rcode() == REFUSED


def test_other_classes_are_refused() -> None:
    for name in ("version.bind", "web"):
        for other in (dns.rdataclass.CH, dns.rdataclass.ANY):
            wire = ask(dns.message.make_query(name, "TXT", rdclass=other))
            assert isinstance(wire, bytes)
            assert dns.message.from_wire(wire).rcode() == REFUSED


def test_nothing_but_one_question_is_understood() -> None:
    one = dns.message.make_query("web", "A").to_wire()
    for wire in (
        one[:4] + b"\0\2" + one[6:] + one[12:],
        one[:4] + b"\0\0" + one[6:12],
        one + b"\0",
        one[:-1],
        one[:12] + b"\xc0\x0c\0\1\0\1",  # the name points at itself
        one[:12] + b"\x40web\0\0\1\0\1",
        one[:12]
        + b"\x3f"
        + b"a" * 63
        + b"\x3f"
        + b"a" * 63
        + b"\x3f"
        + b"a" * 63
        + b"\x3f"
        + b"a" * 63
        + b"\0\0\1\0\1",
    ):
        answer = ask(wire)
        assert isinstance(answer, bytes)
        assert answer[:2] == one[:2]
        assert answer[3] & 15 == dns.rcode.FORMERR


def test_names_that_cannot_be_asked_for_do_no_harm() -> None:
    odd = member("a..b " + "x" * 64 + " caf\u00e9 . fine", "10.0.0.2")
    network = NetworkNames(
        id=NetworkId("n"),
        name="bad..name",
        gateways=(ip_address("10.0.0.1"),),
        members=(odd,),
    )
    names = Names([network])
    assert data_of(answered("fine", at="10.0.0.1", asker="10.0.0.2", names=names)) == ["10.0.0.2"]
    reverse = dns.reversename.from_address("10.0.0.2").to_text()
    there = answered(reverse, "PTR", at="10.0.0.1", asker="10.0.0.2", names=names)
    assert len(data_of(there)) == 1


def test_the_village_is_what_these_tests_take_it_for() -> None:
    assert BLUE in VILLAGE
