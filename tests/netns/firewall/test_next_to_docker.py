"""Beside Docker our traffic passes, Docker's isolation stays whole, and nothing of ours is left."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from tests.netns.firewall.build import World
from tests.netns.firewall.probes import SILENT, reach
from tests.netns.firewall.world import FOREIGN_RULES

from glassbridge.errors import Unsupported
from glassbridge.kernel.foreign_firewall import (
    close_path,
    find_dropping_chains,
    find_opened_chains,
    open_path,
)
from glassbridge.kernel.netns import inside
from glassbridge.plan.foreign_firewall import Backend, ForeignChain, Hook

# As dockerd leaves them with two networks, docker0 and br0, and 9090 published on docker0.
DOCKER_20 = """
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o br0 -j DOCKER
-A FORWARD -i br0 ! -o br0 -j ACCEPT
-A FORWARD -i br0 -o br0 -j ACCEPT
{publish}
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -i br0 ! -o br0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -o br0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -i up0 -s {unwanted} -j DROP
-A DOCKER-USER -j RETURN
COMMIT
"""
DOCKER_29 = """
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-INTERNAL - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
{publish}
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER ! -i br0 -o br0 -j DROP
-A DOCKER-BRIDGE -o docker0 -j DOCKER
-A DOCKER-BRIDGE -o br0 -j DOCKER
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-CT -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-INTERNAL
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i docker0 -j ACCEPT
-A DOCKER-FORWARD -i br0 -j ACCEPT
-A DOCKER-USER -i up0 -s {unwanted} -j DROP
COMMIT
"""
NAT = """
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s {subnet} ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 9090 -j DNAT --to-destination {to}
-A DOCKER ! -i docker0 -p udp -m udp --dport 9090 -j DNAT --to-destination {to}
COMMIT
"""
CONTAINER = {4: "172.30.0.2", 6: "fd00:d::2"}
VALUES = {
    4: {"subnet": "172.30.0.0/16", "to": "172.30.0.2:80", "unwanted": "198.51.100.66/32"},
    6: {"subnet": "fd00:d::/64", "to": "[fd00:d::2]:80", "unwanted": "2001:db8:1::66/128"},
}
RESET = """
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
COMMIT
*nat
COMMIT
"""
REFUSING = """
*filter
:FORWARD {policy} [0:0]
-A FORWARD -i up0 -s 203.0.113.66 -j DROP
{last}
COMMIT
"""


def restore(world: World, backend: Backend, version: int, text: str) -> None:
    tool = f"{'iptables' if version == 4 else 'ip6tables'}-{_suffix(backend)}-restore"
    subprocess.run(["ip", "netns", "exec", "fw-host", tool], input=text, text=True, check=True)


def saved(world: World, backend: Backend) -> list[str]:
    """Everything but counters and dates."""
    text = "".join(
        world.run("host", f"{tool}-{_suffix(backend)}-save", "-t", "filter")
        for tool in ("iptables", "ip6tables")
    )
    return [line.partition(" [")[0] for line in text.splitlines() if not line.startswith("#")]


def _suffix(backend: Backend) -> str:
    return "nft" if backend is Backend.IPTABLES_NFT else "legacy"


def dropping(world: World, hook: Hook = Hook.FORWARD) -> tuple[ForeignChain, ...]:
    with inside(world.netns["host"]):
        return find_dropping_chains(hook)


def opened(world: World) -> tuple[ForeignChain, ...]:
    with inside(world.netns["host"]):
        return find_opened_chains()


def open_all(world: World) -> None:
    with inside(world.netns["host"]):
        for chain in find_dropping_chains():
            open_path(chain)


def close_all(world: World) -> None:
    with inside(world.netns["host"]):
        for chain in find_opened_chains():
            close_path(chain)


@pytest.fixture(params=[Backend.IPTABLES_NFT, Backend.IPTABLES_LEGACY], ids=str)
def backend(world: World, request: pytest.FixtureRequest) -> Iterator[Backend]:
    chosen: Backend = request.param
    world.nft.run("delete table inet other\n")
    yield chosen
    for version in (4, 6):
        restore(world, chosen, version, RESET)
    world.nft.run(FOREIGN_RULES)


@pytest.fixture(params=[DOCKER_20, DOCKER_29], ids=["docker-20", "docker-29"])
def docker(world: World, backend: Backend, request: pytest.FixtureRequest) -> Backend:
    for version, values in VALUES.items():
        publish = "\n".join(
            f"-A DOCKER -d {CONTAINER[version]} ! -i docker0 -o docker0 -p {p} --dport 80 -j ACCEPT"
            for p in ("tcp", "udp")
        )
        text = request.param.format(publish=publish, **values) + NAT.format(**values)
        restore(world, backend, version, text)
    return backend


def heard(world: World, client: str, to: str, port: int, *, silent: bool = False) -> set[str]:
    return set(reach(world, client, to, port, silent=silent).values())


def test_docker_and_we_get_on(world: World, docker: Backend) -> None:
    before = saved(world, docker)
    assert heard(world, "a1", "out", 80, silent=True) == {SILENT}
    assert heard(world, "out", "host", 8080, silent=True) == {SILENT}
    assert {(c.backend, c.version, c.chain) for c in dropping(world)} == {
        (docker, 4, "DOCKER-USER"),
        (docker, 6, "DOCKER-USER"),
    }
    open_all(world)
    # ours
    assert heard(world, "a1", "out", 80) == {"out saw host"}
    assert heard(world, "out", "host", 8080) == {"a2 saw out"}
    assert heard(world, "a1", "a2", 80) == {"a2 saw a1"}
    assert heard(world, "a1", "host", 8080) == {"a2 saw gw-a"}
    assert heard(world, "a2", "host", 8080) == {"a2 saw gw-a"}
    assert heard(world, "b1", "host", 8080) == {"a2 saw gw-a"}
    assert heard(world, "out", "a2", 80, silent=True) == {SILENT}
    # Docker's
    assert heard(world, "out", "host", 9090) == {"foreign saw out"}
    assert heard(world, "out", "foreign", 81, silent=True) == {SILENT}
    assert heard(world, "foreign", "lan", 81, silent=True) == {SILENT}
    assert heard(world, "lan", "foreign", 81, silent=True) == {SILENT}
    # both
    assert heard(world, "a1", "foreign", 80, silent=True) == {SILENT}
    assert heard(world, "open1", "foreign", 80, silent=True) == {SILENT}
    assert heard(world, "foreign", "a1", 80, silent=True) == {SILENT}
    assert heard(world, "foreign", "open1", 80, silent=True) == {SILENT}
    assert heard(world, "foreign", "host", 8080) == {"a2 saw gw-a"}
    assert heard(world, "a1", "host", 9090) == {"foreign saw host-foreign"}
    close_all(world)
    assert saved(world, docker) == before


def test_opening_and_closing_twice_is_once(world: World, docker: Backend) -> None:
    before = saved(world, docker)
    open_all(world)
    once = saved(world, docker)
    open_all(world)
    assert saved(world, docker) == once
    assert len(once) == len(before) + 4
    chains = opened(world)
    close_all(world)
    close_all(world)
    with inside(world.netns["host"]):
        for chain in chains:
            close_path(chain)
    assert opened(world) == ()
    assert saved(world, docker) == before


def test_the_administrators_own_rules_come_first(world: World, docker: Backend) -> None:
    """What DOCKER-USER refuses, it refuses for our containers as well."""
    open_all(world)
    rules = [
        r for r in saved(world, docker) if r.startswith("-A DOCKER-USER") and "RETURN" not in r
    ]
    per_family = rules[: len(rules) // 2]
    assert "DROP" in per_family[0]
    assert all("glassbridge" in r for r in per_family[1:])
    close_all(world)


@pytest.mark.parametrize("end", ["policy", "rule"])
def test_without_docker_the_accepts_go_into_forward(
    world: World, backend: Backend, end: str
) -> None:
    policy, last = ("DROP", "") if end == "policy" else ("ACCEPT", "-A FORWARD -j REJECT")
    restore(world, backend, 4, REFUSING.format(policy=policy, last=last))
    before = saved(world, backend)
    (found,) = dropping(world)
    assert (found.chain, found.version) == ("FORWARD", 4)
    open_all(world)
    results = reach(world, "a1", "out", 80, silent=False)
    assert set(results.values()) == {"out saw host"}
    close_all(world)
    assert saved(world, backend) == before


def test_a_dropping_input_chain_is_reported_not_changed(world: World, backend: Backend) -> None:
    restore(world, backend, 4, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n")
    assert dropping(world) == ()
    (found,) = dropping(world, Hook.INPUT)
    assert (found.backend, found.reason) == (backend, "policy DROP")
    with pytest.raises(Unsupported), inside(world.netns["host"]):
        open_path(found)


def test_a_native_chain_is_reported_not_changed(world: World) -> None:
    world.nft.run("add table inet mine\n")
    world.nft.run("add chain inet mine f { type filter hook forward priority 0; policy drop; }\n")
    found = [c for c in dropping(world) if c.table == "inet mine"]
    world.nft.run("delete table inet mine\n")
    assert [(c.backend, c.chain) for c in found] == [(Backend.NFT, "f")]
    with pytest.raises(Unsupported), inside(world.netns["host"]):
        open_path(found[0])
