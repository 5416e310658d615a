"""Networks come and go, the daemon ends and starts, rules are flushed: names stay."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.message
from tests.netns.cli.program import Glassbridge
from tests.netns.engine.seeing import eventually, open_socket
from tests.netns.names.asking import (
    PATIENCE,
    address_of,
    ask,
    found,
    gateway_of,
    hears_nothing,
    running,
)


class Asker:
    """Asks one question after the other, each once; what was not answered is kept."""

    def __init__(self, netns: str, server: str, name: str) -> None:
        self.answered = 0
        self.lost: list[str] = []
        self._question = dns.message.make_query(name, "A")
        self._socket = open_socket(netns, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE)
        self._socket.connect((server, 53))
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def asking(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._ends.set()
            self._thread.join()
            self._socket.close()

    def _run(self) -> None:
        while not self._ends.is_set() and not self.lost:
            try:
                self._socket.send(self._question.to_wire())
                answer = dns.message.from_wire(self._socket.recv(4096))
            except OSError as error:
                self.lost.append(str(error))
            else:
                self.answered += len(answer.answer)


def test_no_question_is_lost_while_networks_come_and_go(gb: Glassbridge) -> None:
    running(gb, "db")
    web, gateway = running(gb, "web"), gateway_of(gb, "bridge")
    asker = Asker(web, gateway, "db")
    with asker.asking():
        for round_ in range(2):
            gb("network", "create", "passing")
            passing = running(gb, "guest", "--network", "passing")
            assert found(ask(passing, gateway_of(gb, "passing"), "guest")), round_
            gb("network", "connect", "passing", "db")
            gb("rm", "-f", "guest")
            gb("network", "disconnect", "passing", "db")
            gb("network", "rm", "passing")
        eventually(lambda: asker.answered >= 100 or asker.lost)
    assert asker.lost == []


def test_a_network_made_again_is_asked_at_the_same_port(gb: Glassbridge) -> None:
    for _ in range(2):
        gb("network", "create", "again", "--subnet", "10.77.0.0/24")
        web = running(gb, "web", "--network", "again")
        assert found(ask(web, "10.77.0.1", "web")) == {"10.77.0.2"}
        (shown,) = gb.json("network", "inspect", "again")
        assert shown["network"]["names_port"] == 20053
        gb("rm", "-f", "web")
        gb("network", "rm", "again")


def test_without_the_daemon_packets_flow_and_with_the_next_one_names_do(gb: Glassbridge) -> None:
    running(gb, "db")
    web, gateway = running(gb, "web"), gateway_of(gb, "bridge")
    address = address_of(gb, "db")
    for number in (signal.SIGKILL, signal.SIGTERM):
        gb.end(number)
        ping = ["nsenter", f"--net={web}", "ping", "-c1", "-W5", address]
        subprocess.run(ping, check=True, capture_output=True)
        assert hears_nothing(web, gateway, "db")
        gb("exec", "web", "true")  # starts it
        assert found(ask(web, gateway, "db")) == {address}
        assert found(ask(web, gateway, "db", over_tcp=True)) == {address}


def test_after_a_flush_of_all_rules_names_are_back(gb: Glassbridge) -> None:
    running(gb, "db")
    web, gateway = running(gb, "web"), gateway_of(gb, "bridge")
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    eventually(lambda: not hears_nothing(web, gateway, "db"))


def test_after_its_bridge_was_deleted_names_are_back(
    gb: Glassbridge, make_netns: Callable[[str], str]
) -> None:
    one = make_netns("one")
    gb("attach", "--netns", one, "--name", "one")
    gateway = gateway_of(gb, "bridge")
    subprocess.run(["ip", "link", "delete", "gb0"], check=True)
    eventually(lambda: not hears_nothing(one, gateway, "one"))


def test_down_leaves_no_socket(gb: Glassbridge) -> None:
    running(gb, "db")
    assert ":20053" in _sockets()
    gb("down", "--force")
    eventually(lambda: ":20053" not in _sockets())


def _sockets() -> str:
    return subprocess.run(["ss", "-lntu"], check=True, capture_output=True, text=True).stdout
