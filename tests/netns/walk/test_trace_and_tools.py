"""The command as a person types it, beside ping, nc and curl in the same namespace."""

from __future__ import annotations

import fcntl
import json
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.netns.cables import await_cables
from tests.netns.cli.program import Glassbridge
from tests.netns.walk.breakages import chain
from tests.netns.walk.prediction_stage import A6, B6, C6, HOST, PORT, A, B, C, D, Stage

WEB = 8000
TUNSETIFF, IFF_TUN = 0x400454CA, 0x0001  # linux/if_tun.h


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    for name in "abcd":
        made.listen(name)
    made.listen("c", C6)
    yield made
    made.close()


@pytest.fixture
def web(stage: Stage) -> Iterator[None]:
    """A web server in b and in c."""
    servers = [stage.made_in(name, _web_server) for name in "bc"]
    threads = [threading.Thread(target=s.serve_forever, args=(0.05,)) for s in servers]
    for thread in threads:
        thread.start()
    yield
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


def _web_server() -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("", WEB), _Hello)


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Case(NamedTuple):
    """What is broken, what is asked of the trace and of the tool, and the answer of both."""

    title: str
    breaks: str
    words: tuple[str, ...]
    tool: tuple[str, ...]
    code: int
    cause: str = ""


PING, NC = ("ping", "-n", "-c1", "-W1"), ("nc", "-z", "-w1")
CURL = ("curl", "-sf", "-m", "2", "--noproxy", "*")
CASES = (
    Case("ping", "", ("a", B), (*PING, B), 0),
    Case("ping IPv6", "", ("a", C6), (*PING, C6), 0),
    Case("nc", "", ("a", f"{C}:{PORT}"), (*NC, C, str(PORT)), 0),
    Case("nc IPv6", "", ("a", f"[{C6}]:{PORT}"), (*NC, C6, str(PORT)), 0),
    Case("curl", "", ("a", f"{B}:{WEB}"), (*CURL, f"http://{B}:{WEB}/"), 0),
    Case("curl, routed", "", ("a", f"{C}:{WEB}"), (*CURL, f"http://{C}:{WEB}/"), 0),
    Case("out", "", ("a", D), (*PING, D), 0),
    Case("nc, nobody listens", "", ("a", f"{B}:81"), (*NC, B, "81"), 1, "NO_LISTENER"),
    Case(
        "ping, not forwarded", "sysctl -qw net.ipv4.ip_forward=0",
        ("a", C), (*PING, C), 1, "IP_FORWARD_OFF",
    ),
    Case(
        "curl, dropped",
        chain("forward", f"tcp dport {WEB} drop"),
        ("a", f"{C}:{WEB}"), (*CURL, f"http://{C}:{WEB}/"), 1, "FIREWALL_DROP",
    ),
    Case(
        "curl, rejected",
        chain("forward", f"tcp dport {WEB} reject"),
        ("a", f"{C}:{WEB}"), (*CURL, f"http://{C}:{WEB}/"), 1, "FIREWALL_REJECT",
    ),
    Case(
        # TCP asks again while the answer waits for a neighbour: that is not the packet's own end
        "nc, its answer waits for a neighbour",
        "ip netns exec a sysctl -qw net.ipv4.conf.all.arp_ignore=8\n"
        "mac=$(ip -br link show br0 | awk '{print $3}')\n"
        "ip -n a neigh replace 10.77.0.1 lladdr $mac dev eth0 nud permanent\n",
        ("a", f"{C}:{PORT}"), (*NC, C, str(PORT)), 1, "NEIGHBOUR_UNANSWERED",
    ),
    Case(
        "ping IPv6, no route", "ip -6 route del fd78::/64 dev br1",
        ("a", C6), (*PING, C6), 1, "NO_ROUTE",
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.title)
@pytest.mark.usefixtures("web")
def test_the_exit_code_is_what_the_tool_sees(stage: Stage, tmp_path: Path, case: Case) -> None:
    if case.breaks:
        stage.run(case.breaks)
        await_cables()
    source, to = case.words
    done = Glassbridge(tmp_path).run("trace", f"netns:/run/netns/{source}", to, "--json")
    assert done.returncode == case.code, done.stdout + done.stderr
    tool = ["ip", "netns", "exec", source, *case.tool]
    told = subprocess.run(tool, capture_output=True, text=True, check=False, timeout=20)
    assert (told.returncode == 0) is (case.code == 0), told
    report = json.loads(done.stdout)
    assert report["schema"] == "walk/1"
    assert report["verdict"] == ("DROPPED" if case.code else "DELIVERED")
    assert report["agree"] is True
    assert {h["n"] for h in report["hops"]} == set(range(1, len(report["hops"]) + 1))
    assert (report["cause"] or {}).get("code", "") == case.cause


def test_what_cannot_be_known_has_a_code_of_its_own(stage: Stage, tmp_path: Path) -> None:
    """It is handed to a process, as a VPN is one, and nobody answers."""
    with Path("/dev/net/tun").open("r+b", buffering=0) as tunnel:
        fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH22x", b"away", IFF_TUN))
        stage.run("ip addr add 203.0.113.1/24 dev away\nip link set away up\n")
        gb = Glassbridge(tmp_path)
        done = gb.run("trace", "netns:/run/netns/a", "203.0.113.9", "--timeout", "0.3", "--json")
        assert not stage.pings("a", "203.0.113.9")
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"]) == (3, "INSUFFICIENT_INFO"), report["hops"][-1]
    assert report["why_unknown"]
    assert report["agree"] is not False


def test_the_host_by_name_and_an_address_of_a(stage: Stage, tmp_path: Path) -> None:
    gb = Glassbridge(tmp_path)
    for address in (A, A6):
        assert gb.json("trace", HOST, address)["verdict"] == "DELIVERED"
        assert stage.pings(HOST, address)
    assert gb.json("trace", "netns:/run/netns/a", B6)["agree"] is True
