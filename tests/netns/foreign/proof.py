"""A trace held against what a plain program sees, and its fix against what then happens."""

from __future__ import annotations

import shlex
from typing import Any, Protocol

from tests.netns.foreign.machine import Machine


class EngineHost(Protocol):
    machine: Machine

    def inside(self, name: str) -> tuple[str, ...]:
        """What enters the network of a container or of a neighbour; nothing, for the host."""


def traced(host: EngineHost, source: str, target: str, port: int | None = None, *flags: str) -> Any:
    """A trace whose prediction and packet agree, and whose verdict is that of curl or ping."""
    report = host.machine.trace(source, target if port is None else f"{target}:{port}", *flags)
    told = f"{report['title']}: {report['verdict']} {report['cause']} {report['why_unknown']}"
    assert report["agree"] is True, told
    assert report["verdict"] in {"DELIVERED", "DROPPED"}, told
    address = report["hops"][0]["predicted"]["packet"]["destination"]
    arrives = report["verdict"] == "DELIVERED"
    # silence need not be waited for as long as an answer
    assert _reaches(host, source, address, port, 5 if arrives else 0.5) is arrives, told
    return report


def _reaches(
    host: EngineHost, source: str, address: str, port: int | None, patience: float
) -> bool:
    where = host.inside(source)
    if port is None:
        return host.machine.pings(address, *where, patience=patience)
    server = f"[{address}]" if ":" in address else address
    return host.machine.fetches(f"http://{server}:{port}/", *where, patience=patience)


def places(report: Any) -> list[str]:
    """The namespaces that it went through, by name."""
    return list(dict.fromkeys(hop["netns"]["name"] for hop in report["hops"]))


def mend(host: EngineHost, report: Any) -> list[str]:
    """Run what the report says."""
    fix: list[str] = report["cause"]["fix"]
    assert fix, report["cause"]
    run_all(host, fix)
    return fix


def run_all(host: EngineHost, commands: list[str]) -> None:
    for command in commands:
        host.machine(*shlex.split(command))


def bridges(host: EngineHost) -> dict[str, tuple[str, str, str]]:
    """Of the topology: each bridge with its subnet, its network and whose that is."""
    picture = host.machine.look("topology")
    return {
        link["ifname"]: (link["addresses"][0], link["network"], link["owner"])
        for root in picture["roots"]
        for link in root["links"]
        if link["kind"] == "bridge"
    }


def plugged(host: EngineHost) -> dict[str, tuple[str, str, list[str]]]:
    """Of the topology: each namespace behind a port, whose it is, and what it publishes."""
    picture = host.machine.look("topology")
    ports = [p for root in picture["roots"] for link in root["links"] for p in link["links"]]
    ends = [p["far"] for p in ports if p["far"] and p["far"]["namespace"]]
    return {
        end["namespace"]["name"]: (
            end["namespace"]["owner"],
            end["addresses"][0].partition("/")[0],
            end["published"],
        )
        for end in ends
    }
