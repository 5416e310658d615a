"""Docker from 28 on has other chains than the installed one: what they drop has its cause."""

from __future__ import annotations

import pytest
from tests.netns.foreign.docker_host import DockerHost
from tests.netns.foreign.machine import HOST, OUTSIDE
from tests.netns.foreign.proof import places, traced


@pytest.mark.parametrize(
    ("source", "target", "port", "way"),
    [
        ("shop", "cart", 80, ["shop", "host", "cart"]),
        ("client", OUTSIDE, None, ["client", "host", "outside"]),
        ("outside", HOST, 8080, ["outside", "host", "web"]),
    ],
)
def test_what_it_lets_through_arrives(
    later_docker: DockerHost, source: str, target: str, port: int | None, way: list[str]
) -> None:
    report = traced(later_docker, source, target, port)
    assert report["verdict"] == "DELIVERED", report["cause"]
    assert places(report) == way


@pytest.mark.parametrize(
    ("source", "target", "port", "cause", "table"),
    [
        ("outside", "web", 80, "DIRECT_ROUTING", "raw"),  # published, but not at this address
        ("outside", "db", 80, "DIRECT_ROUTING", "raw"),
        ("shop", "db", 80, "NETWORKS_APART", "raw"),
        ("hermit", "monk", 80, "ICC_OFF", "filter"),
        ("client", "safe", 80, "INTERNAL_NETWORK", "filter"),
        ("safe", OUTSIDE, None, "INTERNAL_NETWORK", ""),  # it has no default route
    ],
)
def test_what_it_drops_has_its_cause(
    later_docker: DockerHost, source: str, target: str, port: int | None, cause: str, table: str
) -> None:
    told = traced(later_docker, source, target, port)["cause"]
    rule = told["rule"] or {"table": "", "owner": "Docker"}
    assert (told["code"], rule["table"], rule["owner"]) == (cause, table, "Docker")
