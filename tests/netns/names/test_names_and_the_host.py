"""The host's own resolver, its firewall and its resolv.conf beside our names."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.rcode
import pytest
from tests.netns.cables import await_cables
from tests.netns.cli.program import Glassbridge
from tests.netns.engine.seeing import eventually, open_socket
from tests.netns.name_server.running import dnsmasq
from tests.netns.names.asking import (
    address_of,
    ask,
    found,
    gateway_of,
    hears_nothing,
    running,
)

FAR, OTHER = "198.51.100.53", "198.51.100.54"
SAYS = "--address=/far.example/192.0.2.1"
OTHER_SAYS = "--address=/far.example/192.0.2.2"


@pytest.fixture
def upstream(gb: Glassbridge) -> Iterator[None]:
    """Two servers of the world, at addresses of the host's: which of them was asked shows."""
    for address in (FAR, OTHER):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    with dnsmasq(FAR, SAYS), dnsmasq(OTHER, OTHER_SAYS):
        yield


@pytest.mark.usefixtures("upstream")
def test_other_names_are_asked_of_the_hosts_servers(gb: Glassbridge, resolv_conf: Path) -> None:
    resolv_conf.write_text(f"nameserver {FAR}\noptions timeout:2\n")
    web, gateway = running(gb, "web"), gateway_of(gb, "bridge")
    assert gb("exec", "web", "getent", "ahostsv4", "far.example").split()[0] == "192.0.2.1"
    assert found(ask(web, gateway, "far.example", over_tcp=True)) == {"192.0.2.1"}
    resolv_conf.write_text(f"nameserver {OTHER}\n")
    eventually(lambda: found(ask(web, gateway, "far.example")) == {"192.0.2.2"})


@pytest.mark.usefixtures("upstream")
def test_dns_of_a_container_is_asked_for_it_and_no_other(
    gb: Glassbridge, resolv_conf: Path
) -> None:
    resolv_conf.write_text(f"nameserver {FAR}\n")
    running(gb, "db")
    running(gb, "web", "--dns", OTHER)
    server = f"nameserver {gateway_of(gb, 'bridge')}"
    assert gb("exec", "web", "cat", "/etc/resolv.conf").splitlines()[0] == server
    assert gb("exec", "web", "getent", "ahostsv4", "far.example").split()[0] == "192.0.2.2"
    assert gb("exec", "db", "getent", "ahostsv4", "far.example").split()[0] == "192.0.2.1"
    assert gb("exec", "web", "getent", "ahostsv4", "db").split()[0] == address_of(gb, "db")


@pytest.mark.usefixtures("upstream")
def test_a_container_may_search_otherwise_than_the_host(gb: Glassbridge, resolv_conf: Path) -> None:
    resolv_conf.write_text(f"nameserver {FAR}\nsearch nowhere.example\noptions timeout:2\n")
    running(gb, "db")
    running(gb, "web", "--dns-search", "example", "--dns-option", "attempts:1")
    assert gb("exec", "web", "getent", "ahostsv4", "far").split()[0] == "192.0.2.1"
    assert gb("exec", "web", "getent", "ahostsv4", "db").split()[0] == address_of(gb, "db")
    assert gb.run("exec", "db", "getent", "ahostsv4", "far").returncode == 2
    gb("network", "create", "second")
    gb("network", "connect", "second", "web")  # writes the file anew
    assert gb("exec", "web", "cat", "/etc/resolv.conf").splitlines()[-3:] == [
        "search example",
        "options attempts:1",
        "options ndots:0",
    ]


@pytest.mark.usefixtures("upstream")
def test_an_internal_network_asks_nobody(gb: Glassbridge, resolv_conf: Path) -> None:
    resolv_conf.write_text(f"nameserver {FAR}\n")
    gb("network", "create", "inner", "--internal")
    web = running(gb, "web", "--network", "inner")
    running(gb, "db", "--network", "inner")
    assert gb("exec", "web", "getent", "ahostsv4", "db").split()[0] == address_of(gb, "db")
    answer = ask(web, gateway_of(gb, "inner"), "far.example")
    assert (answer.answer, answer.rcode() == dns.rcode.NOERROR) == ([], False)


def test_a_resolver_on_every_address_stays_who_it_is(gb: Glassbridge) -> None:
    with dnsmasq("0.0.0.0", SAYS):
        running(gb, "db")
        web, gateway = running(gb, "web"), gateway_of(gb, "bridge")
        assert found(ask(web, gateway, "db")) == {address_of(gb, "db")}
        for server in (gateway, "127.0.0.1"):
            assert found(ask("", server, "far.example")) == {"192.0.2.1"}
            assert not ask("", server, "db").answer


def test_only_members_are_answered(gb: Glassbridge, make_netns: Callable[[str], str]) -> None:
    outside = make_netns("outside")
    for command in (
        "link add up0 type veth peer name up0 netns outside",
        "address add 198.51.100.1/24 dev up0",
        "link set up0 up",
        "-n outside address add 198.51.100.9/24 dev up0",
        "-n outside link set up0 up",
        "-n outside route add default via 198.51.100.1",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    await_cables()
    gb("network", "create", "other")
    web, stranger = running(gb, "web"), running(gb, "stranger", "--network", "other")
    gateway, port = gateway_of(gb, "bridge"), 20053
    assert found(ask(web, gateway, "web"))
    for over_tcp in (False, True):
        for asker in (outside, stranger):
            assert hears_nothing(asker, gateway, "web", over_tcp=over_tcp)
            assert hears_nothing(asker, gateway, "web", over_tcp=over_tcp, port=port)
        assert hears_nothing(web, gateway, "web", over_tcp=over_tcp, port=port)
    assert ask("", gateway, "web", port=port).rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize("wall", ["nft", "iptables"])
def test_doctor_names_a_chain_that_drops_questions(gb: Glassbridge, wall: str) -> None:
    running(gb, "db")
    web, gateway = running(gb, "web"), gateway_of(gb, "bridge")
    for command in {
        "nft": (
            "nft add table inet wall",
            "nft add chain inet wall input { type filter hook input priority 0 ; policy drop ; }",
            "nft add rule inet wall input ct state established accept",
            "nft add rule inet wall input iif lo accept",
        ),
        "iptables": (
            "iptables-nft -A INPUT -i lo -j ACCEPT",
            "iptables-nft -P INPUT DROP",
        ),
    }[wall]:
        subprocess.run(command.split(), check=True)
    assert hears_nothing(web, gateway, "db")
    diagnosis = gb.run("doctor", "--json").stdout
    (finding,) = _findings(diagnosis)
    assert finding["code"] == "PATH_BROKEN"
    assert finding["cause"] == "FIREWALL_POLICY"
    assert any("to the names of bridge" in path for path in finding["breaks"])
    for command in finding["fix"]:
        subprocess.run(["sh", "-c", command], check=True)
    assert found(ask(web, gateway, "db")) == {address_of(gb, "db")}
    assert found(ask(web, gateway, "db", over_tcp=True)) == {address_of(gb, "db")}
    assert _findings(gb("doctor", "--json")) == []


def test_a_port_that_another_program_has_is_left_to_it(gb: Glassbridge) -> None:
    with open_socket("") as taken:
        taken.bind(("0.0.0.0", 20053))
        taken.listen()
        running(gb, "db")
        web, gateway = running(gb, "web"), gateway_of(gb, "bridge")
        assert found(ask(web, gateway, "db")) == {address_of(gb, "db")}
        assert found(ask(web, gateway, "db", over_tcp=True)) == {address_of(gb, "db")}
    gb.end()
    with open_socket("") as taken:  # while nobody has it
        taken.bind(("0.0.0.0", 20054))
        taken.listen()
        gb("exec", "db", "true")  # starts it
        assert found(ask(web, gateway, "db")) == {address_of(gb, "db")}
        assert found(ask(web, gateway, "db", over_tcp=True)) == {address_of(gb, "db")}


def _findings(diagnosis: str) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = json.loads(diagnosis)["findings"]
    return findings
