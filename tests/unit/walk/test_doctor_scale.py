"""What doctor and a trace cost with many containers on a bridge, counted in lines, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from ipaddress import ip_address
from types import FrameType
from typing import Any

import pytest
from tests.unit.walk.topologies import HOST, World, two_containers

from glassbridge.engine.diagnosing import diagnose
from glassbridge.engine.stored_survey import StoredSurvey
from glassbridge.model.packet import Question, Transport
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.walk import Disposition, Walk
from glassbridge.walk.predict import predict
from glassbridge.walk.wiring import wiring_of

FEW, MANY = 10, 80


def _world(containers: int) -> World:
    world = two_containers()
    for n in range(3, containers + 1):
        box = world.netns(f"nginx-{n}")
        world.plug(world.boxes[HOST], "gb0", box, f"172.17.0.{n + 1}/16", gateway="172.17.0.1")
    return world


def _lines(work: Callable[[], object]) -> int:
    """Lines that ran, each round of a loop within one counted: the same on every machine."""
    lines = 0

    def count(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


def _diagnose(snapshot: Snapshot) -> None:
    assert diagnose(StoredSurvey(snapshot)).looked_at.startswith("1 bridge")


@pytest.mark.parametrize("look", [_diagnose, wiring_of])
def test_work_grows_with_containers_and_no_faster(look: Callable[[Snapshot], Any]) -> None:
    few, many = (_world(n).snapshot() for n in (FEW, MANY))
    look(few)  # imports, and caches of text
    assert _lines(lambda: look(many)) < 1.1 * MANY / FEW * _lines(lambda: look(few))


def test_a_walk_between_two_costs_the_same_among_many() -> None:
    def walk(world: World) -> Callable[[], None]:
        world.warm()
        snapshot, source = world.snapshot(), world.boxes["nginx-1"].cookie
        question = Question(
            source=source,
            transport=Transport.ICMP,
            destination=ip_address("172.17.0.3"),
        )

        def work() -> None:
            told = predict(snapshot, question)
            assert isinstance(told, Walk)
            assert told.disposition is Disposition.ACCEPTED

        work()  # indexes are made once
        return work

    few, many = (_lines(walk(_world(n))) for n in (FEW, MANY))
    assert many < 1.02 * few
