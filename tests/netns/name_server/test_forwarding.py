"""What others are asked: dnsmasq as a real one, and servers that fail or lie."""

import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset
import msgspec
import pytest
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL
from tests.netns.name_server.running import (
    PATIENCE,
    PORT,
    Running,
    Upstream,
    ask,
    dnsmasq,
    quickest,
)
from tests.unit.dns.village import (
    BLUE,
    BLUE_GATEWAY,
    BOTH,
    CLOSED_GATEWAY,
    DB,
    LONE,
    OLD,
    WEB,
    data_of,
    member,
)

from glassbridge.dns.upstreams import PATIENCE as PATIENCE_FOR_ALL
from glassbridge.frontends.dns.forwarding import most_waiting

FIRST, SECOND, THIRD, LIAR = "127.0.9.1", "127.0.9.2", "127.0.9.3", "127.0.9.4"
ONE_TRY = PATIENCE_FOR_ALL / 4
"""Two servers are asked twice each, at most."""
Answer = Callable[[bytes], list[bytes]]


def say(
    address: str, *, ttl: int = 60, rcode: dns.rcode.Rcode = NOERROR, truncated: bool = False
) -> Answer:
    """Answer every question with one address."""

    def answer(wire: bytes) -> list[bytes]:
        message = dns.message.make_response(dns.message.from_wire(wire))
        message.set_rcode(rcode)
        if rcode == NOERROR and not truncated:
            name = message.question[0].name
            message.answer = [dns.rrset.from_text(name, ttl, "IN", "A", address)]
        message.flags |= dns.flags.RA | (dns.flags.TC if truncated else 0)
        return [message.to_wire()]

    return answer


def nothing(_: bytes) -> list[bytes]:
    return []


def test_a_real_server_is_asked_over_udp_and_tcp(server: Running) -> None:
    many = [f"--host-record=many.example.com,192.0.2.{n}" for n in range(1, 120)]
    options = ["--address=/www.example.com/192.0.2.1", "--mx-host=example.com,mail.example.com"]
    text = f"--txt-record=text.example.com,{'x' * 200}"
    with dnsmasq(FIRST, *options, text, *many, "--address=/gone.example.com/", "--local-ttl=60"):
        for over_tcp in (False, True):
            for edns in (False, True):
                found = ask("wWw.example.com", over_tcp=over_tcp, edns=edns)
                assert data_of(found) == ["192.0.2.1"]
                assert str(found.answer[0].name) == "wWw.example.com."
                assert ask("gone.example.com", over_tcp=over_tcp).rcode() == NXDOMAIN
                mail = ask("example.com", "MX", over_tcp=over_tcp, edns=edns)
                assert data_of(mail) == ["1 mail.example.com."]
        assert len(data_of(ask("text.example.com", "TXT"))) == 1
        question = dns.message.make_query("many.example.com", "A")
        whole, by_tcp = dns.query.udp_with_fallback(
            question, BLUE_GATEWAY, timeout=PATIENCE, port=PORT, source=WEB
        )
        assert by_tcp
        assert len(data_of(whole)) == 119
        assert ask("many.example.com").flags & dns.flags.TC
        assert ask("www.example.com", at=CLOSED_GATEWAY, asker=LONE).rcode() == NXDOMAIN


def test_what_was_answered_is_remembered_for_its_time(server: Running) -> None:
    with Upstream(FIRST, say("192.0.2.1", ttl=2)) as upstream:
        first = ask("www.example.com")
        assert ask("www.EXAMPLE.com").answer[0].ttl <= first.answer[0].ttl == 2
        assert len(upstream.heard) == 1
        end = monotonic() + PATIENCE
        while len(upstream.heard) == 1 and monotonic() < end:
            assert data_of(ask("www.example.com")) == ["192.0.2.1"]
            sleep(0.1)
        assert len(upstream.heard) == 2


def test_who_may_come_any_moment_is_not_remembered_as_missing(server: Running) -> None:
    """The root's "no" would be kept for a day, by whoever asks for a container before it starts."""
    with dnsmasq(FIRST, "--address=/printer/192.0.2.9", "--local-ttl=60"):
        for _ in range(2):  # the second time from our own memory
            assert ask("printer").answer[0].ttl == 0
        assert ask("www.printer").answer[0].ttl == 60


def test_the_same_question_of_many_is_asked_once(server: Running) -> None:
    go_on = threading.Event()

    def late(wire: bytes) -> list[bytes]:
        go_on.wait(PATIENCE)
        return say("192.0.2.1", ttl=0)(wire)

    with Upstream(FIRST, late) as upstream, ThreadPoolExecutor(8) as askers:
        answers = [askers.submit(ask, "www.example.com", asker=a) for a in (WEB, OLD, BOTH) * 2]
        while not upstream.heard:
            sleep(0.01)
        sleep(0.2)  # a second one would come meanwhile
        go_on.set()
        assert [data_of(a.result()) for a in answers] == [["192.0.2.1"]] * 6
        assert len(upstream.heard) == 1


@pytest.mark.parametrize("over_tcp", [False, True])
@pytest.mark.parametrize("rcode", [SERVFAIL, REFUSED])
def test_a_server_in_trouble_is_passed_over_at_once(
    server: Running, rcode: dns.rcode.Rcode, *, over_tcp: bool
) -> None:
    def second(number: int) -> None:
        assert data_of(ask(f"n{number}.example.com", over_tcp=over_tcp)) == ["192.0.2.2"]

    with Upstream(FIRST, say("", rcode=rcode)), Upstream(SECOND, say("192.0.2.2")):
        assert quickest(*(partial(second, n) for n in range(5))) < ONE_TRY


@pytest.mark.parametrize("over_tcp", [False, True])
def test_where_nobody_listens_nobody_is_waited_for(server: Running, *, over_tcp: bool) -> None:
    def nobody(number: int) -> None:
        assert ask(f"n{number}.example.com", over_tcp=over_tcp).rcode() == SERVFAIL

    with Upstream(SECOND, say("192.0.2.2")):
        assert data_of(ask("www.example.com", over_tcp=over_tcp)) == ["192.0.2.2"]
    assert quickest(*(partial(nobody, n) for n in range(5))) < ONE_TRY


@pytest.mark.parametrize("over_tcp", [False, True])
def test_a_silent_server_costs_a_moment_once(server: Running, *, over_tcp: bool) -> None:
    with Upstream(FIRST, nothing) as silent, Upstream(SECOND, say("192.0.2.2")):
        assert data_of(ask("a.example.com", over_tcp=over_tcp)) == ["192.0.2.2"]
        asked = len(silent.heard)
        for number in range(20):
            name = f"n{number}.example.com"
            assert data_of(ask(name, over_tcp=over_tcp)) == ["192.0.2.2"]
        assert len(silent.heard) == asked, "it is asked last for a while"


def test_names_are_answered_while_servers_are_silent_and_too_much_is_refused(
    server: Running,
) -> None:
    with Upstream(FIRST, nothing), Upstream(SECOND, nothing):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.bind((WEB, 0))
            way.settimeout(PATIENCE)
            for number in range(400):
                question = dns.message.make_query(f"n{number}.example.com", "A")
                way.sendto(question.to_wire(), (BLUE_GATEWAY, PORT))
            for over_tcp in (False, True):
                local = partial(ask, "db", asker=OLD, over_tcp=over_tcp)
                assert quickest(*[local] * 5) < ONE_TRY
            codes = [dns.message.from_wire(way.recv(512)).rcode() for _ in range(400)]
        waited = most_waiting() // 4
        assert codes == [REFUSED] * (400 - waited) + [SERVFAIL] * waited


@pytest.mark.parametrize(
    "lie",
    [
        lambda wire: [os.urandom(2) + say("6.6.6.6")(wire)[0][2:]],
        lambda wire: say("6.6.6.6")(wire.replace(b"example", b"exemple")),
        lambda wire: [wire, b"", b"\xff" * 40],
        lambda wire: say("6.6.6.6")(wire.replace(b"\0\0\1\0\1", b"\0\0\x0f\0\1")),
    ],
    ids=["id", "name", "noise", "type"],
)
def test_lies_are_not_believed(server: Running, lie: Answer) -> None:
    with Upstream(FIRST, lambda wire: lie(wire) + say("192.0.2.1")(wire)):
        for number in range(5):
            assert data_of(ask(f"n{number}.example.com")) == ["192.0.2.1"]


def test_answers_of_a_stranger_are_not_heard(server: Running) -> None:
    with Upstream(FIRST, say("6.6.6.6"), source=LIAR), Upstream(SECOND, say("192.0.2.2")):
        assert data_of(ask("www.example.com")) == ["192.0.2.2"]


def test_every_question_has_an_id_and_a_port_that_nobody_can_guess(server: Running) -> None:
    with Upstream(FIRST, say("192.0.2.1")) as upstream:
        for number in range(60):
            ask(f"n{number}.example.com")
        ids = {wire[:2] for wire in upstream.heard}
        ports = {port for _, port in upstream.askers}
    assert len(ids) > 55
    assert len(ports) > 30


@pytest.mark.parametrize("edns", [False, True])
def test_a_part_of_an_answer_is_told_as_one(server: Running, *, edns: bool) -> None:
    def large(wire: bytes) -> list[bytes]:
        message = dns.message.from_wire(say("192.0.2.1")(wire)[0])
        for number in range(100):
            message.answer[0].add(dns.rrset.from_text("x.", 60, "IN", "A", f"192.0.2.{number}")[0])
        return [message.to_wire(max_size=65535)]

    with Upstream(FIRST, say("", truncated=True)):
        assert ask("www.example.com", edns=edns).flags & dns.flags.TC
    with Upstream(FIRST, large):  # more than was asked for
        found = ask("large.example.com", edns=edns)
        assert found.flags & dns.flags.TC
        assert len(found.to_wire()) <= (1232 if edns else 512)
        assert len(data_of(ask("large.example.com", edns=edns, over_tcp=True))) == 100


@pytest.mark.parametrize("over_tcp", [False, True])
def test_a_broken_answer_is_trouble(server: Running, *, over_tcp: bool) -> None:
    def broken(wire: bytes) -> list[bytes]:
        return [say("192.0.2.1")(wire)[0][:-1]]

    with Upstream(FIRST, broken), Upstream(SECOND, say("192.0.2.2")):
        assert data_of(ask("www.example.com", over_tcp=over_tcp)) == ["192.0.2.2"]


def test_a_container_asks_its_own_servers(server: Running) -> None:
    own = member("own", "172.18.0.4", servers=(THIRD,))
    server.engine.change(msgspec.structs.replace(BLUE, members=(*BLUE.members[:2], own)))
    with Upstream(FIRST, say("192.0.2.1")), Upstream(THIRD, say("192.0.2.3")):
        for _ in range(2):  # the second time from the cache
            assert data_of(ask("www.example.com")) == ["192.0.2.1"]
            assert data_of(ask("www.example.com", asker=OLD)) == ["192.0.2.3"]


def test_changes_of_resolv_conf_are_followed(server: Running) -> None:
    with Upstream(FIRST, say("192.0.2.1", ttl=0)), Upstream(SECOND, say("192.0.2.2", ttl=0)):
        assert data_of(ask("www.example.com")) == ["192.0.2.1"]
        server.resolv_conf.write_text(f"nameserver {SECOND}\n")
        wait_for("192.0.2.2")
        new = server.resolv_conf.with_suffix(".new")
        new.write_text(f"nameserver {FIRST}\n")
        new.rename(server.resolv_conf)
        wait_for("192.0.2.1")
        server.resolv_conf.unlink()
        wait_for(SERVFAIL)


def wait_for(expected: object) -> None:
    end = monotonic() + PATIENCE
    while True:
        found = ask("www.example.com")
        if expected in {found.rcode(), *data_of(found)}:
            return
        assert monotonic() < end, f"still {found}"
        sleep(0.05)


def test_our_own_gateways_are_never_asked(server: Running, tmp_path: Path) -> None:
    """A question would come back to us, again and again."""
    server.resolv_conf.write_text(f"nameserver {BLUE_GATEWAY}\n")
    with Upstream(BLUE_GATEWAY, say("192.0.2.1")) as ourselves:
        assert ask("www.example.com").rcode() == SERVFAIL
        assert not ourselves.heard


def test_who_names_our_gateway_as_his_server_has_the_hosts_behind_it(server: Running) -> None:
    """`run --dns 172.18.0.1`: he means us, and would hear of nothing else."""
    mine = member("mine", OLD, servers=(BLUE_GATEWAY,))
    server.engine.change(msgspec.structs.replace(BLUE, members=(mine,)))
    with Upstream(FIRST, say("192.0.2.1")):
        assert data_of(ask("www.example.com", asker=OLD)) == ["192.0.2.1"]


def test_what_others_are_asked_does_not_hold_up_a_stream(server: Running) -> None:
    go_on = threading.Event()

    def late(wire: bytes) -> list[bytes]:
        go_on.wait(PATIENCE)
        return say("192.0.2.1")(wire)

    with Upstream(FIRST, late):
        asked = [dns.message.make_query(n, "A") for n in ("www.example.com", "db")]
        with socket.create_connection((BLUE_GATEWAY, PORT), source_address=(WEB, 0)) as way:
            way.settimeout(PATIENCE)
            for question in asked:
                dns.query.send_tcp(way, question)
            early = dns.query.receive_tcp(way)[0]
            go_on.set()
            other = dns.query.receive_tcp(way)[0]
    assert [early.id, other.id] == [asked[1].id, asked[0].id]
    assert [data_of(early), data_of(other)] == [[DB], ["192.0.2.1"]]
