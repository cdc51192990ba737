"""Flow runs of given ages with everything that hangs from them, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from levada.control.retention import DAY_US, Cutoffs, tree_may_go
from levada.core.ids import uuid7_bytes
from levada.store.base import ArtifactRow, EventRow, FlowRunRow, LogRow, Store, TaskRunRow
from levada.store.bodies import RunBody

NOW = 1_790_000_000_000_000
_numbers = count(1)


@dataclass
class Plan:
    """A flow run: its state's code, how many days ago it was made and (if so) ended, and how much hangs from it."""

    state: int
    days: float
    parent: int | None = None
    """Place of the plan whose subflow it is; only an earlier one counts."""
    tasks: int = 1
    logs: int = 1
    artifacts: int = 0


@dataclass
class There:
    """Ids of what is in the tables."""

    flow_runs: set[bytes]
    task_runs: set[bytes]
    artifacts: set[bytes]
    facts: set[bytes]
    logs: set[int]
    events: set[bytes]
    orphans: set[bytes]


@dataclass
class Aged:
    """What was written for some plans."""

    store: Store
    plans: list[Plan]
    rows: dict[bytes, FlowRunRow] = field(default_factory=dict)
    tasks: dict[bytes, bytes] = field(default_factory=dict)
    artifacts: dict[bytes, bytes] = field(default_factory=dict)
    logs: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    events: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids: list[bytes] = []
        for place, plan in enumerate(self.plans):
            at = NOW - int(plan.days * DAY_US)
            run = _id(at)
            parent = ids[plan.parent] if plan.parent is not None and plan.parent < place else None
            ids.append(run)
            ended = at if 5 <= plan.state < 15 else None
            self.rows[run] = FlowRunRow(
                run, "etl", "brave-otter", 1, plan.state, None, None, parent, None, at, at, ended, at,
                None, None, None, None, None, None, None, at, RunBody().encode(),
            )  # fmt: skip
            self.tasks.update({_id(at): run for _ in range(plan.tasks)})
            self.artifacts.update({_id(at): run for _ in range(plan.artifacts)})
            self.logs.update({next(_numbers): (run, at) for _ in range(plan.logs)})
            self.events[_id(at)] = at
        with self.store.write() as transaction:
            transaction.flow_runs.save(list(self.rows.values()), {run: ["t:nightly"] for run in self.rows})
            transaction.task_runs.insert(
                [
                    TaskRunRow(task, run, 0, 5, None, None, None, None, None, self.rows[run].changed, b"\x80")
                    for task, run in self.tasks.items()
                ]
            )
            transaction.artifacts.save(
                [
                    ArtifactRow(one, run, None, "markdown", "report", self.rows[run].created, 0, b"\xc0", None)
                    for one, run in self.artifacts.items()
                ]
            )
            transaction.logs.add(
                [LogRow(one, run, None, at, 20, "x", f"line {one}", 0, None) for one, (run, at) in self.logs.items()]
            )
            transaction.events.add(
                [EventRow(one, None, at, "made", "run", None, b"") for one, at in self.events.items()]
            )
            transaction.events.dispatch(10_000)

    def runs_that_must_stay(self, limits: Cutoffs) -> set[bytes]:
        """Runs of trees of which something is not old."""
        trees: dict[bytes, list[bytes]] = {}
        for run in self.rows:
            top = run
            while (parent := self.rows[top].parent_run) is not None:
                top = parent
            trees.setdefault(top, []).append(run)
        kept = [tree for tree in trees.values() if not tree_may_go([self.rows[run] for run in tree], limits)]
        return {run for tree in kept for run in tree}

    def task_runs_of(self, runs: set[bytes]) -> set[bytes]:
        """Task runs of some flow runs."""
        return {task for task, run in self.tasks.items() if run in runs}

    def artifacts_of(self, runs: set[bytes]) -> set[bytes]:
        """Artifacts of some flow runs."""
        return {one for one, run in self.artifacts.items() if run in runs}

    def logs_of(self, runs: set[bytes]) -> set[int]:
        """Lines of log of some flow runs."""
        return {one for one, (run, _) in self.logs.items() if run in runs}

    def young_logs(self, limits: Cutoffs) -> set[int]:
        """Lines of log that are not old."""
        return {one for one, (_, at) in self.logs.items() if at >= limits.logs}

    def young_events(self, limits: Cutoffs) -> set[bytes]:
        """Events that are not old."""
        return {one for one, at in self.events.items() if at >= limits.events}


def what_is_there(store: Store) -> There:
    """What is in the tables now."""
    with store.read() as transaction:

        def ids(sql: str) -> set[bytes]:
            return {bytes(row[0]) for row in transaction.execute(sql) if row[0] is not None}

        flow_runs = ids("SELECT id FROM flow_runs")
        owners = ids("SELECT run FROM task_runs") | ids("SELECT run FROM artifacts") | ids("SELECT run FROM logs")
        facts = ids("SELECT run FROM flow_run_facts")
        return There(
            flow_runs=flow_runs,
            task_runs=ids("SELECT id FROM task_runs"),
            artifacts=ids("SELECT id FROM artifacts"),
            facts=facts,
            logs={int(row[0]) for row in transaction.execute("SELECT id FROM logs")},
            events=ids("SELECT id FROM events"),
            orphans=(owners | facts) - flow_runs,
        )


def _id(at: int) -> bytes:
    return uuid7_bytes(at, next(_numbers).to_bytes(8, "big"))
