"""Programs measured side by side: who is called when, and what counts as a failure."""

from __future__ import annotations

import threading

import pytest
from bench.peers import Words, burst, measure_peers

from bench import peers

SLOWNESS = 3


class Program:
    """Takes always the same time; refuses some containers."""

    def __init__(self, microseconds: float, refused: frozenset[int] = frozenset()) -> None:
        self.present: set[int] = set()
        self._took, self._refused = microseconds, refused
        self._lock = threading.Lock()

    def attach(self, number: int) -> float:
        with self._lock:
            if number in self._refused:
                raise RuntimeError(f"no room for {number}")
            assert number not in self.present
            self.present.add(number)
        return self._took

    def detach(self, number: int) -> float:
        with self._lock:
            self.present.remove(number)
        return self._took * 2


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "wait_until_quiet", lambda: True)


def test_every_peer_does_the_same_work_and_leaves_nothing() -> None:
    ours, theirs = Program(1000), Program(1000 * SLOWNESS)
    words = Words("add", "del", (0, 5, 12), rounds=4, burst=5)
    beside = {"ours": "ours", "theirs": "ours"}
    rows, bursts = measure_peers({"ours": ours, "theirs": theirs}, words, beside)
    assert not ours.present
    assert not theirs.present
    assert [(r.label, r.what, r.present, r.n) for r in rows] == [
        (label, what, present, 4)
        for present in (0, 5, 12)
        for what in ("add", "del")
        for label in ("ours", "theirs")
    ]
    assert {r.of_ours for r in rows if r.label == "ours"} == {1}
    assert {r.of_ours for r in rows if r.label == "theirs"} == {SLOWNESS}
    assert {(b.label, b.what, b.n, b.failed) for b in bursts} == {
        (label, what, 5, 0) for label in ("ours", "theirs") for what in ("add", "del")
    }


def test_a_failure_in_a_burst_is_counted_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = burst("theirs", "add", Program(1, frozenset({3, 7})).attach, range(10))
    assert (found.n, found.failed) == (10, 2)
    assert "no room for" in capsys.readouterr().out


def test_a_failure_elsewhere_is_no_figure() -> None:
    words = Words("add", "del", (0,), rounds=1)
    refusing = Program(1, frozenset({0}))
    with pytest.raises(RuntimeError, match="no room for 0"):
        measure_peers({"ours": refusing}, words, {"ours": "ours"})
