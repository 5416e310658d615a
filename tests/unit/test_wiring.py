"""What is plugged into what: every namespace once, in an order that chance has no part in."""

from __future__ import annotations

import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit import topology_story
from tests.unit.topology_story import HOME, Builder

from glassbridge.app.cli.topology_screen import topology_screen
from glassbridge.model.address import from_json, to_json
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.wiring import Hanger, Hanging, Wiring, hangings
from glassbridge.walk.narrowing import names_in, narrowed
from glassbridge.walk.wiring import natural, wiring_of

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parent.parent / "golden"


@st.composite
def hosts(draw: st.DrawFn, most: int = 60) -> Snapshot:
    """Bridges on the host and in containers, containers on none, one or two of them."""
    host = Builder()
    host.uplink("eth0", "192.0.2.2/24")
    made = [(HOME, host.bridge(f"br{n}", f"10.{n}.0.1/16")) for n in range(draw(st.integers(0, 4)))]
    for n in range(draw(st.integers(0, most))):
        box = host.namespace(100 + n, draw(st.sampled_from(["", f"box-{n}", f"{n}", "same"])))
        bridges = draw(st.lists(st.sampled_from(made), max_size=2, unique=True)) if made else []
        for end, (where, bridge) in enumerate(bridges):
            address = [f"10.9.{n // 250}.{n % 250 + 2}/16"] if draw(st.booleans()) else []
            host.plug(bridge, box, f"v{n}-{end}", *address, into=where, inner=f"eth{end}")
        if len(made) < 8 and draw(st.integers(0, 9)) == 0:
            made.append((box, host.bridge("nested", "10.200.0.1/24", cookie=box)))
    return host.snapshot


def below(hanger: Hanger) -> Iterator[Hanger]:
    """A namespace, and each that is entered below it."""
    yield hanger
    for link in hangings(hanger):
        if link.far is not None:
            yield link.far.namespace


def cables(wiring: Wiring) -> set[tuple[str, str]]:
    """Both names of every cable, as the tree has them."""
    return {
        (link.ifname, link.far.ifname)
        for root in wiring.roots
        for link in hangings(root)
        if link.far is not None
    }


@given(hosts())
def test_every_namespace_and_every_cable_is_there(snapshot: Snapshot) -> None:
    wiring = wiring_of(snapshot)
    found = {h.cookie for root in (*wiring.roots, *wiring.apart) for h in below(root)}
    assert found == set(snapshot.namespaces)
    plugged = {
        (link.ifname, far.ifname)
        for cookie, namespace in snapshot.namespaces.items()
        for link in namespace.stack.links
        if link.port is not None
        for end in [snapshot.far_end(cookie, link)]
        if end is not None
        for far in [snapshot.namespaces[end[0]].stack.link(end[1])]
        if far is not None
    }
    assert plugged <= cables(wiring)
    assert wiring.counts.namespaces == len(snapshot.namespaces)


@given(hosts())
def test_what_stands_apart_has_no_cable(snapshot: Snapshot) -> None:
    for hanger in wiring_of(snapshot).apart:
        links = snapshot.namespaces[hanger.cookie].stack.links
        assert all(link.peer is None and link.kind != "bridge" for link in links)


@given(hosts(most=20), st.integers())
def test_the_order_in_which_the_kernel_lists_does_not_matter(snapshot: Snapshot, seed: int) -> None:
    chance = Random(seed)
    shuffled = {}
    for cookie in chance.sample(sorted(snapshot.namespaces), len(snapshot.namespaces)):
        namespace = snapshot.namespaces[cookie]
        links = tuple(chance.sample(namespace.stack.links, len(namespace.stack.links)))
        shuffled[cookie] = replace(namespace, stack=replace(namespace.stack, links=links))
    other = replace(snapshot, namespaces=shuffled)
    assert to_json(wiring_of(other)) == to_json(wiring_of(snapshot))


@given(hosts(most=30))
def test_the_tree_fits_the_screen(snapshot: Snapshot) -> None:
    wiring = wiring_of(snapshot)
    lines = topology_screen(wiring).splitlines()
    assert max(map(len, lines)) <= 100
    shown = sum(" ── " in line for line in lines)
    assert shown == len([1 for r in wiring.roots for k in hangings(r) if k.far is not None])


@given(hosts(most=20))
def test_json_comes_back_as_it_was(snapshot: Snapshot) -> None:
    wiring = wiring_of(snapshot)
    assert from_json(to_json(wiring), Wiring) == wiring


@given(hosts(most=20), st.data())
def test_a_part_holds_what_was_asked_for(snapshot: Snapshot, data: st.DataObject) -> None:
    wiring = wiring_of(snapshot)
    name = data.draw(st.sampled_from(names_in(wiring)))
    part = narrowed(wiring, name)
    assert name in names_in(part)
    assert set(names_in(part)) <= set(names_in(wiring))


def test_a_part_leaves_out_the_neighbours() -> None:
    part = narrowed(wiring_of(topology_story.three_containers()), "nginx-2")
    assert cables(part) == {("vethb4963f3", "eth0")}
    assert part.counts.containers == 1
    screen = topology_screen(part)
    assert "gb0" in screen
    assert "nginx-1" not in screen
    assert "docker0" not in screen


@pytest.mark.parametrize("name", ["gb-4f1c09a2", "backend"])
def test_a_bridge_is_found_by_its_name_and_by_its_networks(name: str) -> None:
    part = narrowed(wiring_of(topology_story.motley()), name)
    assert {whose for _, whose in far_names(part)} == {"db", "web"}


def far_names(wiring: Wiring) -> set[tuple[str, str]]:
    return {
        (link.ifname, link.far.namespace.name)
        for root in wiring.roots
        for link in hangings(root)
        if link.far is not None
    }


@pytest.mark.parametrize("story", ["three_containers", "motley"])
def test_the_screen_of_a_small_host(story: str) -> None:
    expected = (GOLDEN / f"topology-{story.replace('_', '-')}.txt").read_text()
    snapshot: Snapshot = getattr(topology_story, story)()
    assert topology_screen(wiring_of(snapshot)) + "\n" == expected


def test_three_hundred_containers_take_a_line_each() -> None:
    lines = topology_screen(wiring_of(topology_story.many(300, 3))).splitlines()
    assert sum("worker-" in line for line in lines) == 300
    assert len(lines) < 310


def test_without_unicode_the_tree_is_drawn_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(BytesIO(), "ascii"))
    screen = topology_screen(wiring_of(topology_story.three_containers()))
    monkeypatch.undo()
    assert screen.isascii()
    assert "`-- veth11aa22b -- eth0  db  172.18.0.5" in screen


def test_a_chain_of_namespaces_does_not_overrun_the_stack() -> None:
    host = Builder()
    before = HOME
    for n in range(400):
        box = host.namespace(100 + n, f"link-{n}")
        host.plug(None, box, f"out{n}", into=before, inner="in")
        before = box
    wiring = wiring_of(host.snapshot)
    assert {h.cookie for r in wiring.roots for h in below(r)} == set(host.snapshot.namespaces)
    assert from_json(to_json(wiring), Wiring) == wiring


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_names_are_ordered_by_their_numbers(numbers: list[int]) -> None:
    names = sorted((f"web-{n}" for n in numbers), key=natural)
    assert names == [f"web-{n}" for n in sorted(numbers)]


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_names_can_be_ordered(names: list[str]) -> None:
    forward, backward = (sorted(some, key=natural) for some in (names, names[::-1]))
    assert list(map(natural, forward)) == list(map(natural, backward))


def test_a_hanging_says_where_its_cable_ends() -> None:
    wiring = wiring_of(topology_story.motley())
    by_name: dict[str, Hanging] = {k.ifname: k for k in hangings(wiring.roots[0])}
    iot = next(k for k in by_name["bond0"].links if k.far is not None)
    assert (iot.kind, iot.far and iot.far.namespace.name) == ("macvlan", "iot")
    lab = by_name["vethlab0001"].far
    assert lab is not None
    assert [k.ifname for k in lab.namespace.links] == ["br0"]
