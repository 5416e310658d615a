"""The arithmetic of the benchmark: what it prints is what was measured."""

from statistics import fmean, median_low

import pytest
from bench.figures import Aim, Series, growth, quantile, row
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


def test_a_target_is_met_on_its_own_side_of_the_limit() -> None:
    at_most, at_least = Aim("p50", 2, "x"), Aim("rate", 500, "/s", at_least=True)
    assert [at_most.is_met(v) for v in (1.9, 2.0, 2.1)] == [True, True, False]
    assert [at_least.is_met(v) for v in (499.0, 500.0, 501.0)] == [False, True, True]
