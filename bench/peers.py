"""Programs that do the same piece of work, ours among them, measured side by side.

They take turns in an order that changes, at several crowds of containers that are there already.
A failure is counted where many come at once, and is no figure anywhere else.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from time import perf_counter
from typing import Protocol

from bench.figures import BurstRow, PeerRow, quantile
from bench.world import wait_until_quiet

WORKERS = 16
"""How many come at once in a burst."""
FILLING = 4
"""How many at once where nothing is measured."""


class Peer(Protocol):
    """Gives container number so-and-so its network, and takes it away again; microseconds."""

    def attach(self, number: int) -> float: ...
    def detach(self, number: int) -> float: ...


@dataclass(frozen=True, slots=True)
class Words:
    """What the two halves are called, and in how many crowds of which size they are measured."""

    attach: str
    detach: str
    crowds: tuple[int, ...]
    rounds: int
    burst: int = 0
    """How many containers come, and go, in a burst; at most the second crowd."""
    filling: int = FILLING
    """How many may be under way at once where nothing is measured."""


@dataclass(slots=True)
class _Took:
    attach: list[float] = field(default_factory=list)
    detach: list[float] = field(default_factory=list)


def measure_peers(
    peers: Mapping[str, Peer], words: Words, beside: Mapping[str, str]
) -> tuple[list[PeerRow], list[BurstRow]]:
    """`beside` has the one of ours that each is to be compared with, which stands for 1.

    The burst is how the second crowd gathers, and how the last one begins to go.
    """
    rows: list[PeerRow] = []
    bursts: list[BurstRow] = []
    present = 0
    for crowd in words.crowds:
        arriving = range(present, crowd)
        in_burst = arriving[: words.burst] if present == 0 else range(0)
        for label, peer in peers.items():
            if in_burst:
                bursts.append(burst(label, words.attach, peer.attach, in_burst))
            _each(peer.attach, arriving[len(in_burst) :], words.filling)
        present = crowd
        wait_until_quiet()
        rows += take_turns(peers, words, crowd, beside)
    for label, peer in peers.items():
        leaving = range(present - words.burst, present)
        if words.burst:
            bursts.append(burst(label, words.detach, peer.detach, leaving))
        _each(peer.detach, range(present - words.burst), words.filling)
    return rows, bursts


def take_turns(
    peers: Mapping[str, Peer], words: Words, crowd: int, beside: Mapping[str, str]
) -> list[PeerRow]:
    """All peers once per round, in an order that changes, container `crowd` being the one more."""
    took = {label: _Took() for label in peers}
    for number in range(-1, words.rounds):
        order = list(peers)
        Random(number).shuffle(order)
        for label in order:
            came, went = peers[label].attach(crowd), peers[label].detach(crowd)
            if number >= 0:  # the first round only warms up
                took[label].attach.append(came)
                took[label].detach.append(went)
    return [
        peer_row(label, word, crowd, get(took[label]), get(took[beside[label]]))
        for word, get in ((words.attach, _came), (words.detach, _went))
        for label in peers
    ]


def peer_row(
    label: str, what: str, present: int, took: Sequence[float], ours: Sequence[float]
) -> PeerRow:
    """Condense what was measured in turns with `ours`."""
    p50 = quantile(took, 0.5)
    return PeerRow(
        label=label,
        what=what,
        present=present,
        n=len(took),
        p50_ms=p50 / 1e3,
        worst_ms=max(took) / 1e3,
        of_ours=p50 / quantile(ours, 0.5),
    )


def _came(took: _Took) -> list[float]:
    return took.attach


def _went(took: _Took) -> list[float]:
    return took.detach


def burst(label: str, what: str, do: Callable[[int], float], numbers: range) -> BurstRow:
    """Do all of them, WORKERS at a time; what fails is counted, and the first one told."""
    wait_until_quiet()
    failures: list[str] = []

    def attempt(number: int) -> None:
        try:
            do(number)
        except RuntimeError as error:
            failures.append(str(error))

    began = perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(attempt, numbers))
    seconds = perf_counter() - began
    for failure in failures[:1]:
        print(f"{label}, {what}: {failure}")
    return BurstRow(
        label=label,
        what=what,
        n=len(numbers),
        workers=WORKERS,
        failed=len(failures),
        per_second=len(numbers) / seconds,
    )


def _each(do: Callable[[int], float], numbers: range, at_once: int) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(do, numbers))
