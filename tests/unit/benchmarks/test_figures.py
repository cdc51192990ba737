from __future__ import annotations

import pytest

from benchmarks.catalogue import OF_PROCESS, Budget, Workload
from benchmarks.figures import figures, verdicts
from benchmarks.runner import Outcome, Sample

CALLS = Workload("calls", "calls", budgets=(Budget("p50", 60e-6), Budget("rate", 8_000, least=True)))
STARTS = Workload("starts", "starts", OF_PROCESS, budgets=(Budget("wall", 0.050, over_bare=True),))


def process(wall: float, **facts: float) -> Sample:
    return Sample(wall=wall, cpu=wall / 2, rss=20e6, facts=facts)


def outcome(workload: Workload, *samples: Sample, system: str = "levada") -> Outcome:
    return Outcome(workload.name, system, list(samples))


def test_the_time_of_an_operation_is_the_median_over_the_samples_of_the_mean_within_each():
    # Given three samples of ten operations, one of them in a noisy minute
    samples = [process(9, seconds=seconds, count=10, cpu=seconds) for seconds in (1.0, 90.0, 2.0)]

    found = figures(CALLS, outcome(CALLS, *samples))

    assert found is not None
    assert (found.time, found.low, found.high) == (0.2, 0.1, 9.0)
    assert found.cpu == 0.2
    assert found.rate == 5.0


def test_the_time_of_a_process_is_its_wall_time():
    found = figures(STARTS, outcome(STARTS, process(0.3), process(0.1), process(0.2)))

    assert found is not None
    assert found.time == 0.2
    assert found.cpu == 0.1
    assert found.p50 is None


def test_work_left_to_a_server_counts_per_operation():
    found = figures(CALLS, outcome(CALLS, process(1, seconds=1.0, count=10, server_cpu=5.0)))

    assert found is not None
    assert found.server_cpu == 0.5


def test_without_a_sample_there_are_no_figures():
    assert figures(CALLS, outcome(CALLS)) is None


@pytest.mark.parametrize(("p50", "seconds", "kept"), [(50e-6, 0.001, [True, True]), (70e-6, 0.002, [False, False])])
def test_a_budget_is_kept_below_its_limit_or_above_it_where_it_is_a_rate(p50, seconds, kept):
    found = figures(CALLS, outcome(CALLS, process(1, seconds=seconds, count=10, p50=p50)))

    assert found is not None
    assert [verdict.kept for verdict in verdicts(CALLS, {"levada": found})] == kept


def test_bare_python_is_taken_off_where_the_budget_says_so():
    by_system = {
        name: figures(STARTS, outcome(STARTS, process(wall))) for name, wall in (("levada", 0.06), ("bare", 0.02))
    }

    (verdict,) = verdicts(STARTS, {name: found for name, found in by_system.items() if found})

    assert verdict.value == pytest.approx(0.04)
    assert verdict.kept


def test_a_budget_over_bare_python_is_not_judged_without_bare_python():
    found = figures(STARTS, outcome(STARTS, process(0.06)))

    assert found is not None
    assert list(verdicts(STARTS, {"levada": found})) == []
