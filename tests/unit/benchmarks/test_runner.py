from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.catalogue import OF_PROCESS, Workload
from benchmarks.environments import UnavailableError
from benchmarks.runner import Bench, SampleError, read_sample
from benchmarks.systems import System, all_systems


class Nowhere(System):
    """A peer that cannot be installed."""

    def ensure(self) -> None:
        raise UnavailableError("the index does not know it")


def bare() -> System:
    return next(system for system in all_systems() if system.name == "bare")


@pytest.fixture
def heard():
    return []


@pytest.fixture
def measure(heard):
    benches = []

    def with_systems(workload: Workload, *systems: System):
        bench = Bench(list(systems), quick=True, say=heard.append)
        benches.append(bench)
        return {outcome.system: outcome for outcome in bench.measure(workload)}

    yield with_systems
    for bench in benches:
        bench.close()


def test_a_sample_is_the_spawners_line_and_the_last_report_of_the_script():
    sample = read_sample("1.5 0.25 2048 0", 'hello\nBENCH {"count": 1}\nBENCH {"count": 2}\n')

    assert (sample.wall, sample.cpu, sample.rss, sample.facts) == (1.5, 0.25, 2048 * 1024, {"count": 2})


def test_a_process_that_fails_is_no_sample_and_its_last_words_are_kept():
    with pytest.raises(SampleError, match="exit code 3: ValueError: no"):
        read_sample("1.5 0.25 2048 3", "Traceback\nValueError: no\n\n")


def test_bare_python_is_measured_as_a_process_of_its_own(measure):
    workload = Workload("calls", "calls", counts={"bare": 10}, script="sequential", repeat=6)

    outcome = measure(workload, bare())["bare"]

    assert outcome.trouble == ""
    assert len(outcome.samples) == 2
    assert all(sample.facts["count"] == 10 for sample in outcome.samples)
    assert all(0 < sample.cpu <= sample.wall * 2 for sample in outcome.samples)
    # The harness itself is larger than that: a process must not be charged for the one which started it.
    assert all(sample.rss < 25e6 for sample in outcome.samples)


def test_a_peer_that_cannot_be_installed_is_left_out_and_the_reason_kept(measure, heard):
    workload = Workload("starts", "starts", OF_PROCESS, commands={"bare": "{bin}/python -c pass", "ghost": "ghost"})

    outcomes = measure(workload, bare(), Nowhere("ghost", "Ghost", "ghost"))

    assert outcomes["ghost"].trouble == "the index does not know it"
    assert outcomes["bare"].samples
    assert "Ghost is left out: the index does not know it" in heard


def test_a_failing_command_spoils_its_own_system_only(measure):
    workload = Workload("starts", "starts", OF_PROCESS, commands={"bare": "{bin}/python -c 'raise SystemExit(5)'"})

    outcome = measure(workload, bare())["bare"]

    assert outcome.trouble == "exit code 5: no output"
    assert outcome.samples == []


def test_settings_of_whoever_runs_the_benchmark_do_not_reach_the_systems(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    variables = bare().variables(Path("/home/of/the/sample"))

    assert "PREFECT_API_URL" not in variables
    assert "PYTHONDONTWRITEBYTECODE" not in variables
    assert variables["LEVADA_HOME"] == "/home/of/the/sample"
