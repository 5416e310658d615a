"""The story: two containers get their network stacks and talk. Every line of it is checked."""

import json
import shlex
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from glassbridge.app.demo_facts import (
    parse_arp,
    parse_bridges,
    parse_index,
    parse_interface_address,
    parse_interfaces,
    parse_learned,
    parse_routes,
)
from glassbridge.app.demo_stage import Stage
from glassbridge.model.kernel_names import DEFAULT_BRIDGE

FIRST, SECOND, THIRD = "nginx-1", "nginx-2", "db"
BACKEND = "backend"
DROPPED = 1
"""The exit code of a trace is its verdict."""
_PAGE = "<title>Welcome to nginx!</title>"
_EVERYWHERE = IPv4Network("0.0.0.0/0")
_PATIENCE = 5.0


class Story:
    """Eight scenes, each on what the ones before have left."""

    def __init__(self, stage: Stage, rootfs: str) -> None:
        self._stage = stage
        self._run = f"--rootfs {shlex.quote(rootfs)} nginx"
        self._gateway = IPv4Interface("0.0.0.0/0")
        self._addresses: dict[str, IPv4Address] = {}
        self._host_ends: dict[str, str] = {}

    def play(self) -> None:
        """Play it from the start; raises StoryError as soon as a fact does."""
        for scene in (
            self._switch,
            self._first_container,
            self._host_side,
            self._second_container,
            self._conversation,
            self._pages,
            self._walk,
            self._two_networks,
        ):
            scene()

    def _switch(self) -> None:
        stage = self._stage
        stage.open_scene(
            "A bridge is a switch made of software. This one also holds the address that"
            " containers will use as their gateway."
        )
        stage.show("glassbridge up")
        ports = parse_bridges(stage.show("brctl show")).get(DEFAULT_BRIDGE)
        text = stage.ask(f"ip -json -4 address show dev {DEFAULT_BRIDGE}")
        self._gateway = parse_interface_address(text)
        stage.notice(
            f"{DEFAULT_BRIDGE} has {self._gateway}, and nothing is plugged into it yet.",
            holds=ports == () and self._gateway.ip == self._gateway.network[1],
            found=(ports, self._gateway),
        )

    def _first_container(self) -> None:
        stage = self._stage
        stage.open_scene(
            "A container gets a network stack of its own: interfaces, routes, neighbours, firewall."
        )
        self._start(FIRST)
        routes = parse_routes(stage.show(f"glassbridge exec {FIRST} route"))
        direct = [r for r in routes if r.network == self._gateway.network]
        default = [r for r in routes if r.network == _EVERYWHERE]
        stage.notice(
            f"{self._gateway.network} is reached directly through eth0; everything else goes to"
            f" {self._gateway.ip}, the bridge.",
            holds=len(routes) == len(direct) + len(default) == 2  # noqa: PLR2004 - one of each
            and direct[0].gateway is None
            and default[0].gateway == self._gateway.ip
            and {r.ifname for r in routes} == {"eth0"},
            found=routes,
        )
        interfaces = parse_interfaces(stage.show(f"glassbridge exec {FIRST} ifconfig"))
        stage.notice(
            f"Inside there are eth0, with {self._addresses[FIRST]}, and lo: nothing of the host's.",
            holds=interfaces
            == {"eth0": (self._addresses[FIRST],), "lo": (IPv4Address("127.0.0.1"),)},
            found=interfaces,
        )

    def _host_side(self) -> None:
        stage = self._stage
        stage.open_scene(
            "eth0 is one end of a virtual cable, a veth pair. The other end is on the host,"
            " plugged into the bridge."
        )
        interfaces = parse_interfaces(stage.show("ifconfig"))
        end = self._new_host_end(FIRST, parse_bridges(stage.show("brctl show")))
        stage.notice(
            f"{end} is a port of {DEFAULT_BRIDGE}, and has no address: a port only carries frames.",
            holds=interfaces.get(end) == () and self._gateway.ip in interfaces[DEFAULT_BRIDGE],
            found=interfaces,
        )
        screen = stage.show(f"glassbridge stack {FIRST}")
        stage.notice(
            f"eth0 in {FIRST} and {end} on the host are the two ends of one cable.",
            holds=f"cable -> {end} on the host, port 1 of bridge {DEFAULT_BRIDGE}" in screen
            and self._peer_index(FIRST) == self._index_on_host(end),
            found=screen,
        )

    def _second_container(self) -> None:
        stage = self._stage
        stage.open_scene("A second container: a second cable into the same switch.")
        self._start(SECOND)
        end = self._new_host_end(SECOND, parse_bridges(stage.show("brctl show")))
        stage.notice(
            f"{SECOND} has {self._addresses[SECOND]}, and its cable is {end}.",
            holds=self._peer_index(SECOND) == self._index_on_host(end)
            and self._addresses[SECOND] == self._addresses[FIRST] + 1,
            found=(end, self._addresses),
        )

    def _conversation(self) -> None:
        stage = self._stage
        target = self._addresses[SECOND]
        stage.open_scene(
            f"{FIRST} pings {target}. It knows the address but not the MAC, so it must ask everyone"
            " (ARP), and the bridge learns from each frame who is on which port."
        )
        arp = parse_arp(stage.show(f"glassbridge exec {FIRST} arp -n"))
        stage.show(f"glassbridge bridge {DEFAULT_BRIDGE}")
        stage.notice(
            f"Before: {FIRST} has no MAC for {target}.", holds=target not in arp, found=arp
        )
        answer = stage.show(f"glassbridge exec {FIRST} ping -c 2 -i 0.2 {target}")
        lost = "2 packets transmitted, 2 received, 0% packet loss"
        arp = parse_arp(stage.show(f"glassbridge exec {FIRST} arp -n"))
        screen = stage.show(f"glassbridge bridge {DEFAULT_BRIDGE}")
        learned = parse_learned(stage.ask(f"bridge -json fdb show br {DEFAULT_BRIDGE}"))
        macs = {name: self._mac(name) for name in (FIRST, SECOND)}
        stage.notice(
            f"After: {target} is {macs[SECOND]}, and the bridge has learned both MACs, each on"
            " its port. The next frame goes to that port only.",
            holds=lost in answer
            and arp.get(target) == macs[SECOND]
            and all(learned.get(macs[name]) == self._host_ends[name] for name in macs)
            and all(_on_one_line(screen, self._host_ends[n], n, macs[n]) for n in macs),
            found=(answer, arp, learned, screen),
        )

    def _pages(self) -> None:
        stage = self._stage
        target = self._addresses[SECOND]
        fetch = f"curl -si http://{target}/ | grep -E 'HTTP|Server|title'"
        stage.open_scene(
            f"nginx in {SECOND} answers at its own address: the host asks through {DEFAULT_BRIDGE},"
            f" {FIRST} through the switch."
        )
        self._await(lambda: "0.0.0.0:80" in stage.ask(f"glassbridge stack {SECOND}"))
        pages = [stage.show(fetch), stage.show(f"glassbridge exec {FIRST} {fetch}")]
        log = stage.show(f"glassbridge logs {SECOND}")
        callers = [line.split()[0] for line in log.splitlines() if '"GET / HTTP' in line]
        stage.notice(
            f"Both got nginx's page, and {SECOND} saw who asked: {self._gateway.ip} is the host,"
            f" {self._addresses[FIRST]} is {FIRST}. No proxy, no translation in between.",
            holds=all("HTTP/1.1 200 OK" in page and _PAGE in page for page in pages)
            and callers == [str(self._gateway.ip), str(self._addresses[FIRST])],
            found=(pages, log),
        )

    def _walk(self) -> None:
        stage = self._stage
        stage.open_scene(
            "The same walk, step by step: predicted from what the kernel's tables say, then checked"
            " against a real packet."
        )
        stage.show(f"glassbridge trace {FIRST} {SECOND}:80")
        report = self._report(f"{FIRST} {SECOND}:80")
        stage.notice(
            "Every step was seen as predicted: the route, the neighbour, the cable, the switch and"
            f" its table, the cable into {SECOND}, the socket, and all the way back.",
            holds=report["verdict"] == "DELIVERED" and not _differing(report),
            found=report,
        )

    def _two_networks(self) -> None:
        stage = self._stage
        stage.open_scene(
            "A third container, on a second network. Networks do not talk to each other, and a"
            " packet that is dropped says nothing; trace does."
        )
        stage.show(f"glassbridge network create {BACKEND}")
        stage.show(f"glassbridge run -d --name {THIRD} --network {BACKEND} {self._run}")
        self._await(lambda: "0.0.0.0:80" in stage.ask(f"glassbridge stack {THIRD}"))
        target = f"{FIRST} {THIRD}:80"
        stage.show(f"glassbridge trace {target}", DROPPED)
        report = self._report(target, DROPPED)
        fix = (report["cause"] or {}).get("fix", [])
        stage.notice(
            "One cause, its proof, and the command that mends it.",
            holds=report["verdict"] == "DROPPED"
            and report["cause"]["code"] == "NETWORKS_APART"
            and fix == [f"glassbridge network connect {BACKEND} {FIRST}"],
            found=report,
        )
        stage.show(fix[0])
        stage.show(f"glassbridge trace {target} | head -1")
        report = self._report(target)
        stage.notice(
            f"{FIRST} has a second cable now, into {BACKEND}'s bridge.",
            holds=report["verdict"] == "DELIVERED",
            found=report,
        )

    def _report(self, target: str, exit_code: int = 0) -> Any:  # noqa: ANN401 - JSON, schema walk/1
        return json.loads(self._stage.ask(f"glassbridge trace {target} --json", exit_code))

    def _start(self, name: str) -> None:
        said = self._stage.show(f"glassbridge run -d --name {name} {self._run}").split()
        self._addresses[name] = IPv4Address(said[1])
        expected = self._gateway.ip + 1 + len(self._host_ends)
        self._stage.require(
            f"{name} has the address {expected}.",
            holds=said[0] == name and self._addresses[name] == expected,
            found=said,
        )

    def _new_host_end(self, name: str, bridges: dict[str, tuple[str, ...]]) -> str:
        ports = bridges.get(DEFAULT_BRIDGE, ())
        new = set(ports) - set(self._host_ends.values())
        self._stage.require(
            f"brctl lists a new port, the cable of {name}.",
            holds=len(new) == 1 and len(ports) == len(self._host_ends) + 1,
            found=bridges,
        )
        (self._host_ends[name],) = new
        return self._host_ends[name]

    def _peer_index(self, name: str) -> int:
        return int(self._stage.ask(f"glassbridge exec {name} cat /sys/class/net/eth0/iflink"))

    def _index_on_host(self, ifname: str) -> int:
        return parse_index(self._stage.ask(f"ip -json link show dev {ifname}"))

    def _mac(self, name: str) -> str:
        return self._stage.ask(f"glassbridge exec {name} cat /sys/class/net/eth0/address").strip()

    def _await(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.1)


def _differing(report: Any) -> list[Any]:  # noqa: ANN401 - JSON, schema walk/1
    return [hop for hop in report["hops"] if hop["agree"] is False]


def _on_one_line(screen: str, *words: str) -> bool:
    return any(all(word in line for word in words) for line in screen.splitlines())
