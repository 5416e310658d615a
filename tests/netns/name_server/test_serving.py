"""Real sockets: who asks well is answered, whatever others do."""

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

import dns.message
import dns.query
import dns.rcode
import msgspec
import pytest
from tests.netns.name_server.running import PATIENCE, PLACES, PORT, Running, ask, quickest
from tests.unit.dns.village import (
    BLUE,
    BLUE_GATEWAY,
    BLUE_GATEWAY6,
    CLOSED_GATEWAY,
    DB,
    LONE,
    RED,
    RED_GATEWAY,
    WEB,
    data_of,
    member,
)

from glassbridge.kernel.name_sockets import open_name_sockets


@contextmanager
def connected(asker: str = WEB, at: str = BLUE_GATEWAY) -> Iterator[socket.socket]:
    with socket.create_connection((at, PORT), timeout=PATIENCE, source_address=(asker, 0)) as way:
        yield way


def framed(message: dns.message.Message) -> bytes:
    wire = message.to_wire()
    return len(wire).to_bytes(2, "big") + wire


def next_answer(way: socket.socket) -> dns.message.Message:
    length = int.from_bytes(way.recv(2, socket.MSG_WAITALL), "big")
    return dns.message.from_wire(way.recv(length, socket.MSG_WAITALL))


@pytest.mark.parametrize("over_tcp", [False, True])
def test_names_are_answered_to_members(server: Running, *, over_tcp: bool) -> None:
    assert data_of(ask("db", over_tcp=over_tcp)) == [DB]
    at6 = ask("DB.blue", at=BLUE_GATEWAY6, asker="fd00:18::2", over_tcp=over_tcp, edns=True)
    assert data_of(at6) == [DB]
    assert data_of(ask("lone", at=CLOSED_GATEWAY, asker=LONE, over_tcp=over_tcp)) == [LONE]
    assert ask("db", asker=RED, over_tcp=over_tcp).rcode() == dns.rcode.REFUSED


def test_a_change_is_seen_by_the_next_question(server: Running) -> None:
    for number in range(50):
        new = member(f"new{number}", f"172.18.1.{number + 1}")
        server.engine.change(msgspec.structs.replace(BLUE, members=(*BLUE.members, new)))
        assert data_of(ask(f"new{number}")) == [f"172.18.1.{number + 1}"]


def test_thousands_of_questions_have_each_its_answer(server: Running) -> None:
    names = {"web": WEB, "db": DB, "both": "172.18.0.5", "old": "172.18.0.4"}
    done = []

    def many(asker: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.bind((asker, 0))
            way.settimeout(PATIENCE)
            for number in range(1500):
                name = list(names)[number % 4]
                question = dns.message.make_query(name, "A")
                dns.query.send_udp(way, question, (BLUE_GATEWAY, PORT))
                answer, _ = dns.query.receive_udp(way, (BLUE_GATEWAY, PORT))
                assert question.is_response(answer)
                assert data_of(answer) == [names[name]]
        done.append(asker)

    with ThreadPoolExecutor(2) as askers:
        list(askers.map(many, (WEB, DB)))
    assert sorted(done) == [WEB, DB]


def test_places_come_and_go_and_no_question_is_lost(server: Running) -> None:
    """One that is asked all the time stays, while others are opened and closed beside it."""
    stop, lost, asked = threading.Event(), list[str](), list[int]()

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                assert data_of(ask("db")) == [DB]
            except Exception as error:  # noqa: BLE001 - told below
                lost.append(repr(error))
            asked.append(1)

    asker = threading.Thread(target=keep_asking)
    asker.start()
    try:
        for _ in range(40):
            server.answer_at(PLACES[0])
            assert server.call(lambda: server.server.places) == {PLACES[0]}
            server.answer_at(*PLACES)
            answer = ask("redis", at=RED_GATEWAY, asker=RED)
            assert data_of(answer) == [RED]
    finally:
        stop.set()
        asker.join(PATIENCE)
    assert not lost
    assert len(asked) > 40


def test_what_arrived_before_a_place_closes_is_answered(server: Running) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.bind((WEB, 0))
        way.settimeout(PATIENCE)
        questions = [dns.message.make_query("db", "A") for _ in range(200)]

        def ask_and_close() -> None:  # in the loop's thread: nothing is read in between
            for question in questions:
                way.sendto(question.to_wire(), (BLUE_GATEWAY, PORT))
            for place in PLACES:
                server.server.leave(place)

        server.call(ask_and_close)
        answers = {dns.message.from_wire(way.recv(512)).id for _ in questions}
    assert answers == {question.id for question in questions}


def test_what_was_asked_before_anybody_answered_is_answered(server: Running) -> None:
    server.answer_at()
    sockets = open_name_sockets(BLUE.id, *PLACES[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way, connected() as stream:
        way.bind((WEB, 0))
        way.settimeout(PATIENCE)
        question = dns.message.make_query("db", "A")
        way.sendto(question.to_wire(), (BLUE_GATEWAY, PORT))
        stream.sendall(framed(question))
        server.call(lambda: server.server.adopt(PLACES[0], sockets.udp, sockets.tcp))
        assert question.is_response(dns.message.from_wire(way.recv(512)))
        assert question.is_response(next_answer(stream))


def test_questions_in_one_stream_are_all_answered(server: Running) -> None:
    questions = [dns.message.make_query("db", "A") for _ in range(300)]
    with connected() as way:
        way.sendall(b"".join(map(framed, questions)))
        way.shutdown(socket.SHUT_WR)
        answers = {next_answer(way).id for _ in questions}
        assert not way.recv(1), "and then it is closed"
    assert answers == {question.id for question in questions}


def test_slow_and_silent_callers_stop_nobody_and_are_dropped(server: Running) -> None:
    with connected() as silent, connected() as slow, connected() as deaf:
        slow.sendall(b"\0")
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.settimeout(0.2)
        many = framed(dns.message.make_query("db", "A")) * 500_000
        with pytest.raises(TimeoutError):
            deaf.sendall(many)  # and never reads what it is answered
        for over_tcp in (False, True):
            assert quickest(*[partial(ask, "db", over_tcp=over_tcp)] * 5) < 2, "not 5, as these"
        for caller in (silent, slow):
            assert not caller.recv(1), "dropped, and told nothing"


def test_nobody_takes_all_connections(server: Running) -> None:
    with ExitStack() as ways:
        for _ in range(40):
            ways.enter_context(connected())
        assert data_of(ask("web", asker=DB, over_tcp=True)) == [WEB]


def test_nonsense_over_tcp_ends_its_own_connection_only(server: Running) -> None:
    for nonsense in (b"\0\0", b"\0\1x", b"\xff\xff" + os.urandom(65535), b"GET / HTTP/1.1\r\n\r\n"):
        with connected() as way:
            way.sendall(nonsense)
            way.shutdown(socket.SHUT_WR)
            while way.recv(4096):
                pass
    assert data_of(ask("db", over_tcp=True)) == [DB]


def test_nonsense_over_udp_is_survived(server: Running) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.bind((WEB, 0))
        for number in range(2000):
            way.sendto(os.urandom(number % 700), (BLUE_GATEWAY, PORT))
        way.sendto(b"\0\1\1\0\0\1" + b"\0" * 60000, (BLUE_GATEWAY, PORT))
    assert data_of(ask("db")) == [DB]


def test_an_engine_that_fails_is_an_answer_too(server: Running) -> None:
    server.engine.is_broken = True
    server.engine.version += 1
    wire = dns.message.make_query("db", "A").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.bind((WEB, 0))
        way.settimeout(PATIENCE)
        way.sendto(wire, (BLUE_GATEWAY, PORT))
        assert way.recv(512)[3] & 15 == dns.rcode.SERVFAIL
    server.engine.is_broken = False
    assert data_of(ask("db")) == [DB]
