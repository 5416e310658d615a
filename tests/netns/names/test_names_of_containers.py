"""Containers find each other by name, as they would on Docker's own networks."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import dns.rcode
import pytest
from tests.netns.cli.program import Glassbridge
from tests.netns.engine.seeing import eventually
from tests.netns.names.asking import (
    address_of,
    ask,
    found,
    gateway_of,
    is_refused,
    running,
)

BRIDGE_NF = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
def test_by_name_alias_hostname_and_id(gb: Glassbridge, bridge_nf: str) -> None:
    if BRIDGE_NF.exists():
        BRIDGE_NF.write_text(bridge_nf)
    web = running(gb, "web", "--network-alias", "www", "--hostname", "Front")
    running(gb, "db")
    address, gateway = address_of(gb, "web"), gateway_of(gb, "bridge")
    short = json.loads(gb("inspect", "web"))[0]["sandbox"]["id"][:12]
    names = ("web", "WEB", "www", "front", short, "web.bridge", "www.bridge")
    for name in names:
        said = gb("exec", "db", "getent", "ahostsv4", name)
        assert said.split()[0] == address, name
        assert found(ask(web, gateway, name, over_tcp=True)) == {address}
    assert gb("exec", "db", "getent", "hosts", address).split() == [address, "web.bridge"]
    assert gb("exec", "db", "ping", "-c1", "-W5", "web").count("1 received") == 1
    empty = ask(web, gateway, "db", "AAAA")
    assert (empty.rcode(), empty.answer) == (dns.rcode.NOERROR, [])


def test_who_comes_and_goes_is_known_at_once(gb: Glassbridge) -> None:
    web, gateway = running(gb, "web"), gateway_of(gb, "bridge")
    assert not ask(web, gateway, "db").answer
    running(gb, "db")
    assert found(ask(web, gateway, "db")) == {address_of(gb, "db")}
    gb("rm", "-f", "db")
    assert not ask(web, gateway, "db").answer


def test_attached_namespaces_have_names(gb: Glassbridge, make_netns: Callable[[str], str]) -> None:
    one, other = make_netns("one"), make_netns("other")
    gb("attach", "--netns", one, "--name", "one")
    gb("attach", "--netns", other, "--name", "other")
    gateway = gateway_of(gb, "bridge")
    assert found(ask(one, gateway, "other")) == {address_of(gb, "other")}
    gb("detach", "other")
    assert not ask(one, gateway, "other").answer


def test_on_a_network_of_ipv6_only(gb: Glassbridge) -> None:
    gb("network", "create", "six", "--ipv4=false", "--ipv6", "--subnet", "fd00:6::/64")
    web = running(gb, "web", "--network", "six")
    running(gb, "db", "--network", "six")
    address = address_of(gb, "web")
    assert gb("exec", "db", "cat", "/etc/resolv.conf").splitlines()[0] == "nameserver fd00:6::1"
    assert gb("exec", "db", "getent", "ahostsv6", "web").split()[0] == address
    assert found(ask(web, "fd00:6::1", "db", "AAAA", over_tcp=True)) == {address_of(gb, "db")}


def test_on_several_networks_one_gateway_knows_them_all(gb: Glassbridge) -> None:
    for network in ("front", "back"):
        gb("network", "create", network)
    running(gb, "db", "--network", "back")
    running(gb, "cache", "--network", "front")
    running(gb, "web", "--network", "front")
    gb("network", "connect", "back", "web")
    gateways = {n: gateway_of(gb, n) for n in ("front", "back")}
    servers = f"nameserver {gateways['front']}\nnameserver {gateways['back']}\n"
    # docker's order of gateways: by the network's name
    reverse = f"nameserver {gateways['back']}\nnameserver {gateways['front']}\n"
    assert gb("exec", "web", "cat", "/etc/resolv.conf").startswith((servers, reverse))
    assert "db" in gb("exec", "web", "getent", "ahostsv4", "db")
    assert "cache" in gb("exec", "web", "getent", "ahostsv4", "cache")
    assert gb.run("exec", "cache", "getent", "ahostsv4", "db").returncode == 2
    gb("network", "disconnect", "back", "web")
    assert gateways["back"] not in gb("exec", "web", "cat", "/etc/resolv.conf")
    assert gb.run("exec", "web", "getent", "ahostsv4", "db").returncode == 2


def test_sharing_a_stack_is_sharing_its_servers(gb: Glassbridge) -> None:
    running(gb, "web")
    gb("run", "-d", "--rootfs", "/", "--name", "beside", "--network", "container:web", "sleep", "9")
    server = f"nameserver {gateway_of(gb, 'bridge')}"
    assert gb("exec", "beside", "cat", "/etc/resolv.conf").splitlines()[0] == server
    gb("network", "create", "more")
    gb("network", "connect", "more", "web")
    assert gateway_of(gb, "more") in gb("exec", "beside", "cat", "/etc/resolv.conf")


def test_without_a_gateway_it_asks_as_the_host_does(gb: Glassbridge, resolv_conf: Path) -> None:
    resolv_conf.write_text("nameserver 192.0.2.53\nsearch example.org\n")
    gb(
        "network",
        "create",
        "apart",
        "--internal",
        "-o",
        "com.docker.network.bridge.gateway_mode_ipv4=isolated",
    )
    running(gb, "alone", "--network", "apart")
    for name, mode in (("alone", ""), ("none", "none"), ("host", "host")):
        if mode:
            gb("run", "-d", "--rootfs", "/", "--name", name, "--network", mode, "sleep", "60")
        text = gb("exec", name, "cat", "/etc/resolv.conf")
        assert text == "nameserver 192.0.2.53\nsearch example.org\n", name


def test_a_published_port_53_takes_no_names_away(gb: Glassbridge) -> None:
    running(gb, "dns", "-p", "53:53/udp")
    web, gateway = running(gb, "web"), gateway_of(gb, "bridge")
    assert found(ask(web, gateway, "dns")) == {address_of(gb, "dns")}


def test_trace_shows_the_way_to_the_server(gb: Glassbridge) -> None:
    running(gb, "web", "--network-alias", "www")
    said = gb("trace", "web", f"{gateway_of(gb, 'bridge')}:53")
    assert "DELIVERED" in said
    assert ":20053 (glassbridge's name server)" in said
    assert ":20053 glassbridge's name server" in gb("stack", "host")
    asked_by_the_host = gb.run("trace", "--no-probe", "host", f"{gateway_of(gb, 'bridge')}:53")
    assert "hears the network's members" in asked_by_the_host.stdout
    running(gb, "db")
    assert f"web {address_of(gb, 'web')}" in gb("trace", "--no-probe", "db", "www.bridge")
    assert gb("doctor") == ""
    subprocess.run(["nft", "list", "table", "inet", "glassbridge"], check=True, capture_output=True)


def test_doctor_tells_that_nobody_answers_while_the_daemon_is_away(gb: Glassbridge) -> None:
    web = running(gb, "web")
    gateway = gateway_of(gb, "bridge")
    gb.end(signal.SIGKILL)
    # what was asked of a socket that is about to close is neither answered nor refused
    eventually(lambda: is_refused(web, gateway, "web"))
    eventually(lambda: is_refused(web, gateway, "web", over_tcp=True))
    done = gb.run("doctor", "--json")
    (finding,) = json.loads(done.stdout)["findings"]
    assert (done.returncode, finding["code"]) == (1, "NAMES_UNANSWERED")
    traced = gb.run("trace", "--no-probe", f"netns:{web}", f"{gateway}:53").stdout
    assert "glassbridge's name server does not run" in traced
    assert finding["fix"] == ["glassbridge up"]
    assert "fix     glassbridge up" in traced
    (command,) = finding["fix"]
    gb(*command.split()[1:])
    assert found(ask(web, gateway, "web")) == {address_of(gb, "web")}
    assert gb("doctor") == ""
