"""Pictures: whole XML whatever names are in it, nothing over anything else, the same each time."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit import topology_story, walk_story
from tests.unit.test_wiring import hosts

from glassbridge.app.pictures import topology_layout, walk_rows
from glassbridge.app.pictures.lettering import fit, width_of, wrap
from glassbridge.app.pictures.svg import Box
from glassbridge.app.pictures.topology import topology_svg
from glassbridge.app.pictures.walk import walk_svg
from glassbridge.app.sentences import sentence_of
from glassbridge.model.report import Seen, TraceReport, Verdict
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import Place
from glassbridge.walk.wiring import wiring_of

SVG = "{http://www.w3.org/2000/svg}"
REPORTS = [walk_story.delivered(), walk_story.dropped(), walk_story.to_the_outside()]

reports = st.sampled_from(REPORTS)


@st.composite
def cut_reports(draw: st.DrawFn) -> TraceReport:
    """Any part of a walk, seen in any way, with any verdict and any title."""
    report = draw(reports)
    first = draw(st.integers(0, len(report.hops) - 1))
    seen = st.sampled_from(Seen)
    hops = tuple(
        replace(hop, seen=draw(seen), differs=draw(st.text(max_size=60)))
        for hop in report.hops[first : first + draw(st.integers(0, 40))]
    )
    return replace(
        report,
        hops=hops,
        title=draw(st.text(max_size=120)),
        verdict=draw(st.sampled_from(Verdict)),
        notes=tuple(draw(st.lists(st.text(max_size=200), max_size=2))),
    )


def words(svg: str) -> list[str]:
    """Every text in a picture; it must be XML to be read."""
    root = ET.fromstring(svg)
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def overlapping(boxes: list[Box]) -> list[tuple[Box, Box]]:
    return [(a, b) for a, b in combinations(boxes, 2) if a.overlaps(b)]


# -- walks


@given(cut_reports())
@settings(deadline=None)
def test_a_walk_is_xml_whatever_it_says(report: TraceReport) -> None:
    words(walk_svg(report))


@given(cut_reports())
@settings(deadline=None)
def test_no_two_steps_stand_in_one_place(report: TraceReport) -> None:
    layout = walk_rows.lay_out(report, 100)
    assert not overlapping([row.box for row in layout.rows])
    assert not overlapping([lane.box for lane in layout.lanes])
    for row in layout.rows:
        assert row.box.bottom <= layout.bottom
        assert row.box.x >= walk_rows.MARGIN + walk_rows.GUTTER
        assert row.box.right <= walk_rows.WIDTH - walk_rows.MARGIN + 0.1
    assert sum(len(row.hops) for row in layout.rows) == len(report.hops)


@pytest.mark.parametrize("report", REPORTS)
def test_a_walk_tells_every_step_in_the_words_of_the_screen(report: TraceReport) -> None:
    said = " ".join(words(walk_svg(report)))
    for hop in report.hops:
        sentence = sentence_of(hop.step)
        if hop.step.detail.__class__.__name__ not in {"Translated", "HookPassed"}:
            assert all(word in said for word in sentence.split()), sentence
    assert report.title in said
    assert report.verdict.replace("DISAGREE", "PREDICTION AND PACKET DISAGREE") in said


def test_a_drop_shows_where_why_and_the_mending() -> None:
    report = walk_story.dropped()
    assert report.cause is not None
    svg = walk_svg(report)
    said = words(svg)
    assert "ends here" in said
    assert report.cause.sentence in said
    assert report.cause.fix[0] in said
    assert "kernel: NETFILTER_DROP in nft_do_chain" in said
    assert svg.count('"cross"') == 2
    assert walk_svg(walk_story.delivered()).count('"cross"') == 0


def test_predicted_and_seen_look_different() -> None:
    """Dashed and solid, and a mark where they differ."""
    report = walk_story.delivered()
    solid, dashed, differing = (
        walk_svg(replace(report, hops=tuple(replace(h, seen=seen) for h in report.hops)))
        for seen in (Seen.AGREES, Seen.UNWITNESSED, Seen.DIFFERS)
    )
    assert "box predicted" not in solid
    assert dashed.count('"box predicted"') > len(report.hops)
    assert differing.count('"box differs"') > len(report.hops)


def test_where_it_should_have_come_has_its_lane() -> None:
    layout = walk_rows.lay_out(walk_story.dropped(), 0)
    assert [lane.place.name for lane in layout.lanes] == ["nginx-1", "host", "nginx-2"]


@pytest.mark.parametrize("lanes", range(1, 7))
def test_lanes_fit_on_a4(lanes: int) -> None:
    report = walk_story.delivered()
    hops = tuple(
        replace(
            report.hops[0],
            n=n,
            step=replace(report.hops[0].step, place=Place(cookie=n, name=f"router-{n}")),
        )
        for n in range(1, lanes + 1)
    )
    layout = walk_rows.lay_out(replace(report, hops=hops, destination=None), 0)
    assert len(layout.lanes) == lanes
    assert layout.lanes[-1].box.right <= 1123


# -- topologies


@given(hosts(most=300))
@settings(max_examples=20, deadline=None)
def test_nothing_of_a_topology_stands_over_anything_else(snapshot: Snapshot) -> None:
    layout = topology_layout.lay_out(wiring_of(snapshot))
    cards = [card.box for card in layout.cards]
    assert not overlapping(cards)
    for card in layout.cards:
        buses = [bus.box for bus in card.buses if bus.title]
        chips = [chip.box for bus in card.buses for chip in bus.chips]
        assert not overlapping([*buses, *chips])
        for box in (*buses, *chips):
            assert card.box.x <= box.x
            assert box.right <= card.box.right
            assert card.box.y <= box.y
            assert box.bottom <= card.box.bottom


@given(hosts(most=30))
@settings(max_examples=30, deadline=None)
def test_a_topology_has_a_chip_for_every_port(snapshot: Snapshot) -> None:
    layout = topology_layout.lay_out(wiring_of(snapshot))
    ports = sum(
        link.port is not None for n in snapshot.namespaces.values() for link in n.stack.links
    )
    chips = [chip for card in layout.cards for bus in card.buses for chip in bus.chips]
    assert sum(chip.cable == "veth" for chip in chips) >= ports
    words(topology_svg(wiring_of(snapshot)))


@pytest.mark.parametrize(("containers", "bridges"), [(3, 1), (60, 2), (300, 3)])
def test_every_container_can_be_read(containers: int, bridges: int) -> None:
    wiring = wiring_of(topology_story.many(containers, bridges))
    svg = topology_svg(wiring)
    said = words(svg)
    (card,) = topology_layout.lay_out(wiring).cards
    assert not overlapping([chip.box for bus in card.buses for chip in bus.chips])
    assert {f"worker-{n + 1}" for n in range(containers)} <= set(said)
    assert len(svg) < 600 * containers + 20_000


def test_published_ports_and_networks_are_shown() -> None:
    said = words(topology_svg(wiring_of(topology_story.three_containers())))
    assert "8080->80" in said
    assert any("network bridge (Docker)" in text for text in said)


@pytest.mark.parametrize("name", ['<&>"]]>', "\0\x1b[31m", "\ud800", "名前", "a" * 400, "\uffff"])
def test_names_cannot_break_a_picture(name: str) -> None:
    host = topology_story.Builder()
    bridge = host.bridge("br0", network=name)
    host.plug(bridge, host.namespace(11, name), "veth0", "10.0.0.2/24")
    words(topology_svg(wiring_of(host.snapshot)))


def test_pictures_are_the_same_each_time() -> None:
    for report in REPORTS:
        assert walk_svg(report) == walk_svg(report)
    one, two = (topology_svg(wiring_of(topology_story.motley())) for _ in range(2))
    assert one == two


# -- letters


@given(st.text(max_size=80), st.floats(40, 400))
def test_lines_are_no_wider_than_they_may_be(content: str, width: float) -> None:
    lines = wrap(content, width, 12)
    assert all(width_of(line, 12) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(content.split())
    assert width_of(fit(content, width, 12), 12) <= width
