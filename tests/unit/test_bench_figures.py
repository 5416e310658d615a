"""The arithmetic of the benchmark: what it prints is what was measured."""

from statistics import fmean, median_low

import pytest
from bench.commands import Run
from bench.figures import (
    Aim,
    Series,
    Window,
    command_row,
    growth,
    name_row,
    quantile,
    row,
    traffic_row,
)
from hypothesis import given
from hypothesis import strategies as st

times = st.lists(st.floats(min_value=0.1, max_value=1e6), min_size=1, max_size=300)


@given(times, st.floats(min_value=0.01, max_value=1.0))
def test_a_quantile_is_a_sample_with_that_share_below_it(
    samples: list[float], share: float
) -> None:
    found = quantile(samples, share)
    assert found in samples
    assert sum(s <= found for s in samples) >= share * len(samples) - 1e-6
    assert sum(s < found for s in samples) < share * len(samples) + 1e-6


@given(times)
def test_half_is_the_low_median(samples: list[float]) -> None:
    assert quantile(samples, 0.5) == median_low(samples)


@given(times, st.floats(min_value=0.5, max_value=100.0))
def test_growth_has_no_unit(samples: list[float], factor: float) -> None:
    assert growth([s * factor for s in samples]) == pytest.approx(growth(samples))


def test_growth_compares_the_last_decile_with_the_first() -> None:
    assert growth([2.0] * 10 + [50.0] * 80 + [6.0] * 10) == 3.0
    assert growth([4.0]) == 1.0


@given(st.lists(times, min_size=1, max_size=4), times)
def test_a_row_is_measured_by_the_floor_of_its_own_run(
    runs: list[list[float]], floor: list[float]
) -> None:
    measured = row(
        Series("x", tuple(map(tuple, runs)), per_second=7.0), Series("floor", (tuple(floor),))
    )
    pooled = [s for run in runs for s in run]
    assert measured.n == len(pooled)
    assert measured.of_floor * median_low(floor) == pytest.approx(median_low(pooled))
    assert measured.growth == pytest.approx(fmean(map(growth, runs)))
    assert measured.p50_us <= measured.p99_us


runs = st.lists(st.builds(Run, *[st.floats(min_value=0.1, max_value=1e4)] * 3), min_size=1)


@given(runs, runs)
def test_a_command_is_measured_by_the_tools_of_its_own_rounds(
    taken: list[Run], tools: list[Run]
) -> None:
    measured = command_row("trace", 1000, taken, tools)
    assert measured.of_tools is not None
    assert measured.of_tools * median_low(t.wall_ms for t in tools) == pytest.approx(
        measured.p50_ms
    )
    assert measured.p50_ms <= measured.worst_ms
    assert all(measured.peak_mb >= r.peak_mb for r in taken)
    assert command_row("topology", 1000, taken).of_tools is None


@given(st.lists(times, min_size=1, max_size=4))
def test_traffic_beside_nothing_costs_nothing(windows: list[list[float]]) -> None:
    alone = traffic_row("alone", 10, windows, windows, seconds=1.5)
    assert (alone.of_quiet_p50, alone.of_quiet_rate) == (1, 1)


def test_traffic_is_compared_by_the_second_and_by_the_round_trip() -> None:
    beside = traffic_row("trace", 10, [[20.0] * 3, [20.0] * 3], [[10.0] * 12], seconds=2)
    assert (beside.n, beside.per_second) == (6, 1.5)
    assert (beside.of_quiet_p50, beside.of_quiet_rate) == (2, 0.25)


def test_a_target_is_met_on_its_own_side_of_the_limit() -> None:
    at_most, at_least = Aim("p50", 2, "x"), Aim("rate", 500, "/s", at_least=True)
    assert [at_most.is_met(v) for v in (1.9, 2.0, 2.1)] == [True, True, False]
    assert [at_least.is_met(v) for v in (499.0, 500.0, 501.0)] == [False, True, True]


def test_a_row_of_names_is_compared_with_the_peer_of_its_own_run() -> None:
    windows = [Window(100, 1.0, 0.5), Window(300, 1.0, 0.5), Window(200, 1.0, 1.0)]
    row_of_ours = name_row("ours", 1000, windows, [Window(50, 0.5, 0.1), Window(10, 1.0, 0.1)])
    assert row_of_ours.n == 600
    assert row_of_ours.per_second == 200.0
    assert row_of_ours.per_cpu_second == 300.0
    assert row_of_ours.of_peer == 20.0
