"""Predictions against the kernel: what should arrive does, and what is lost is lost."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from tests.netns.cables import await_cables
from tests.netns.walk.broken_networks import CASES, Case
from tests.netns.walk.prediction_stage import (
    A6,
    B6,
    C6,
    D6,
    HOST,
    A,
    B,
    C,
    CannotBeDone,
    D,
    Stage,
    cause_of,
)


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    yield made
    made.close()


PATHS = [
    ("a", A, A6),
    ("a", B, B6),
    ("a", "10.77.0.1", "fd77::1"),
    ("a", "10.78.0.1", "fd78::1"),
    ("a", C, C6),
    ("a", D, D6),
    (HOST, A, A6),
    (HOST, "10.77.0.1", "fd77::1"),
    (HOST, "127.0.0.1", "::1"),
    (HOST, D, D6),
    ("d", A, A6),
    ("d", "10.78.0.1", "fd78::1"),
]


@pytest.mark.parametrize("warmth", ["cold", "warm"])
def test_every_path_arrives(stage: Stage, warmth: str) -> None:
    if warmth == "warm":
        assert all(stage.pings(s, a) for s, *both in PATHS for a in both)
    predicted = {
        (s, a): cause_of(stage.predict(s, a, knows_target=False))
        for s, *both in PATHS
        for a in both
    }
    assert set(predicted.values()) == {""}, predicted
    assert all(stage.pings(s, a) for s, *both in PATHS for a in both)


@pytest.mark.parametrize("name", CASES)
def test_what_is_lost_is_foretold(stage: Stage, name: str) -> None:
    case = CASES[name]
    stage.listen("b")
    broken(stage, case)
    assert foretold_and_seen(stage, case) == (case.cause, not case.cause)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.warm is not None])
def test_what_is_lost_is_foretold_among_acquaintances(stage: Stage, name: str) -> None:
    case = CASES[name]
    stage.listen("b")
    stage.pings(case.source, case.to)
    broken(stage, case)
    assert foretold_and_seen(stage, case) == (case.warm, not case.warm)


ADDRESSES = [a for _, *both in PATHS for a in both if not a.startswith("127") and a != "::1"]
_DICE = random.Random(20)
TOGETHER = [
    (*_DICE.sample(sorted(CASES), 2), _DICE.choice("abcd"), _DICE.choice(ADDRESSES))
    for _ in range(12)
]


@pytest.mark.parametrize(("one", "other", "source", "to"), TOGETHER)
def test_faults_together(stage: Stage, one: str, other: str, source: str, to: str) -> None:
    """Drawn once: whatever is broken on the way or beside it, the outcome is foretold."""
    broken(stage, CASES[one])
    with suppress(CannotBeDone):  # what the first took away, the second may need
        broken(stage, CASES[other])
    cause, seen = foretold_and_seen(stage, Case("", "", to, source))
    assert (not cause) == seen, cause


def broken(stage: Stage, case: Case) -> None:
    for line in case.breaks.splitlines():
        where, _, command = line.strip().partition(": ")
        stage.run(command + "\n", where)
    await_cables()


def foretold_and_seen(stage: Stage, case: Case) -> tuple[str, bool]:
    """The cause, and whether a real packet is answered."""
    walk = stage.predict(case.source, case.to, case.port, size=case.size, ttl=case.ttl)
    if case.port:
        return cause_of(walk), stage.connects(case.source, case.to, case.port)
    head = 48 if ":" in case.to else 28
    size = ("-M", "do", "-s", str(case.size - head)) if case.size else ()
    return cause_of(walk), stage.pings(case.source, case.to, "-t", str(case.ttl), *size)
