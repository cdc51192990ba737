"""From samples to figures: medians, spreads, ratios, and whether the budgets are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.catalogue import OF_PROCESS, Budget, Workload
from benchmarks.runner import Outcome, Sample


@dataclass(frozen=True)
class Figures:
    """What the tables show of one workload on one system; seconds and bytes, `None` where it was not measured.

    `time` is the workload's subject (a process or an operation), `low` and `high` its extremes over the samples. `p50`
    is the median of single operations; `cpu` the processor time of one operation in the client, `server_cpu` in the
    server.
    """

    samples: int
    count: int
    time: float
    low: float
    high: float
    wall: float
    rss: float
    cpu: float | None = None
    p50: float | None = None
    server_cpu: float | None = None
    seconds: float | None = None
    bytes: float | None = None
    records: float | None = None

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.count / self.seconds if self.seconds else 0.0


def figures(workload: Workload, outcome: Outcome) -> Figures | None:
    """The figures of one outcome, or none when it has no sample."""
    samples = outcome.samples
    if not samples:
        return None
    count = int(samples[0].facts.get("count", 1))
    times = [_time(workload, sample) for sample in samples]
    of_process = workload.subject == OF_PROCESS
    return Figures(
        samples=len(samples),
        count=count,
        time=median(times),
        low=min(times),
        high=max(times),
        wall=median(sample.wall for sample in samples),
        rss=median(sample.rss for sample in samples),
        cpu=median(sample.cpu for sample in samples) if of_process else _each(_median(samples, "cpu"), count),
        p50=_median(samples, "p50"),
        server_cpu=_each(_median(samples, "server_cpu"), count),
        seconds=_median(samples, "seconds"),
        bytes=_median(samples, "bytes"),
        records=_median(samples, "records"),
    )


@dataclass(frozen=True)
class Verdict:
    """A budget beside what was measured: `value` is what counts (bare Python taken off where the budget says so)."""

    workload: Workload
    budget: Budget
    value: float

    @property
    def kept(self) -> bool:
        """Whether Levada is within the budget."""
        return self.value >= self.budget.limit if self.budget.least else self.value <= self.budget.limit


def verdicts(workload: Workload, by_system: dict[str, Figures]) -> Iterable[Verdict]:
    """A verdict for each budget that could be measured."""
    levada, bare = by_system.get("levada"), by_system.get("bare")
    for budget in workload.budgets:
        value = getattr(levada, budget.figure) if levada else None
        floor = getattr(bare, budget.figure) if budget.over_bare and bare else 0.0
        if value is not None and floor is not None and (bare or not budget.over_bare):
            yield Verdict(workload, budget, value - floor)


def _time(workload: Workload, sample: Sample) -> float:
    if workload.subject == OF_PROCESS:
        return sample.wall
    seconds = sample.facts["seconds"]
    return seconds if workload.subject == "seconds" else seconds / sample.facts["count"]


def _each(total: float | None, count: int) -> float | None:
    return None if total is None else total / count


def _median(samples: list[Sample], fact: str) -> float | None:
    values = [sample.facts[fact] for sample in samples if fact in sample.facts]
    return median(values) if values else None
