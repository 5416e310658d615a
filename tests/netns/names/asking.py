"""Questions from within namespaces, asked with dnspython."""

from __future__ import annotations

import json
import socket
from ipaddress import ip_address

import dns.message
import dns.query
import dns.rcode
from tests.netns.cli.program import Glassbridge
from tests.netns.engine.seeing import open_socket

PATIENCE = 10.0
SILENCE = 0.5
"""Seconds after which there will be no answer: to a question that is dropped none ever comes."""


def ask(
    netns: str,
    server: str,
    name: str,
    kind: str = "A",
    *,
    over_tcp: bool = False,
    port: int = 53,
    patience: float = PATIENCE,
) -> dns.message.Message:
    """Ask in a namespace, "" is the host; raises Timeout, or OSError as the socket does."""
    family = socket.AF_INET6 if ip_address(server).version == 6 else socket.AF_INET
    question = dns.message.make_query(name, kind)
    if not over_tcp:
        with open_socket(netns, socket.SOCK_DGRAM, family) as asking:
            asking.connect((server, port))  # to hear of ICMP
            asking.send(question.to_wire())
            asking.settimeout(patience)
            answer = dns.message.from_wire(asking.recv(65535))
    else:
        with open_socket(netns, socket.SOCK_STREAM, family) as asking:
            asking.settimeout(patience)
            asking.connect((server, port))
            answer = dns.query.tcp(question, server, timeout=patience, sock=asking)
    assert question.is_response(answer)
    return answer


def found(answer: dns.message.Message) -> set[str]:
    """The data of what was answered; who was not to be found is an error of the test."""
    assert answer.rcode() == dns.rcode.NOERROR, dns.rcode.to_text(answer.rcode())
    return {str(record) for records in answer.answer for record in records}


def hears_nothing(
    netns: str,
    server: str,
    name: str,
    *,
    over_tcp: bool = False,
    port: int = 53,
) -> bool:
    """Neither an answer nor a connection."""
    try:
        ask(netns, server, name, over_tcp=over_tcp, port=port, patience=SILENCE)
    except OSError:  # TimeoutError and ConnectionRefusedError are
        return True
    return False


def is_refused(netns: str, server: str, name: str, *, over_tcp: bool = False) -> bool:
    """Nobody listens, and the kernel says so: the asker need not wait until its time is up."""
    try:
        ask(netns, server, name, over_tcp=over_tcp, patience=SILENCE)
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def running(gb: Glassbridge, name: str, *flags: str) -> str:
    """Start a container of the host's own files; returns the path of its namespace."""
    gb("run", "-d", "--rootfs", "/", "--name", name, *flags, "sleep", "600")
    return str(json.loads(gb("inspect", name))[0]["sandbox"]["netns"])


def address_of(gb: Glassbridge, name: str, number: int = 0) -> str:
    endpoint = json.loads(gb("inspect", name))[0]["endpoints"][number]["endpoint"]
    return str(endpoint["ipv4"] or endpoint["ipv6"]).partition("/")[0]


def gateway_of(gb: Glassbridge, network: str) -> str:
    known = gb.json("network", "inspect", network)[0]["network"]
    return str((known.get("ipv4") or known["ipv6"])["gateway"])
