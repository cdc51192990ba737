"""The workloads: what each one measures, how often on which system, and what the design demands of Levada."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OF_OPERATION = "operation"
OF_PROCESS = "process"


@dataclass(frozen=True)
class Budget:
    """What DESIGN §9 demands: a figure of Levada's (see `figures.py`), its limit, and whether bare Python is taken off.

    `least` marks a limit from below (a rate). The start of a process is judged by the fastest sample (`low`): it does
    the same work every time, so that whatever it took longer was taken by others on the machine.
    """

    figure: str
    limit: float
    over_bare: bool = False
    least: bool = False


@dataclass(frozen=True)
class Workload:
    """One thing to do on every system that can do it.

    `counts` says how many operations a system is asked for, `quick` what replaces them with `--quick`; a system in
    neither is not measured. `commands` are command lines for systems that need no script (`{bin}` is the folder of
    the system's commands). `before` is a script that is run first in the same home, unmeasured. `subject` says whose
    time the tables show: the whole process's or one operation's. `repeat` is multiplied by the system's patience.
    """

    name: str
    title: str
    subject: str = OF_OPERATION
    counts: Mapping[str, int] = field(default_factory=dict)
    quick: Mapping[str, int] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    script: str = ""
    repeat: int = 5
    budgets: tuple[Budget, ...] = ()
    note: str = ""

    def systems(self) -> list[str]:
        """The names of the systems that this workload is written for."""
        return [*self.commands, *(name for name in self.counts if name not in self.commands)]


IMPORT = "{bin}/python -c"

# How many of a workload's repetitions a system gets: the slow ones would take all day.
PATIENCE = {"prefect": 0.6, "prefect-temporary": 0.4}

THOUSAND = {"bare": 1_000, "levada": 1_000, "dbos": 1_000, "prefect": 300}
QUICK = {"dbos": 300, "prefect": 50}

WORKLOADS = (
    Workload(
        "import",
        "`from SYSTEM import flow, task`, start of Python to exit",
        OF_PROCESS,
        commands={
            "bare": f"{IMPORT} pass",
            "levada": f"{IMPORT} 'from levada import flow, task'",
            "dbos": f"{IMPORT} 'from dbos import DBOS'",
            "prefect": f"{IMPORT} 'from prefect import flow, task'",
        },
        repeat=15,
        budgets=(Budget("low", 0.050, over_bare=True), Budget("rss", 25e6, over_bare=True)),
    ),
    Workload(
        "help",
        "`SYSTEM --help`",
        OF_PROCESS,
        commands={
            "bare": f"{IMPORT} pass",
            "levada": "{bin}/levada --help",
            "dbos": "{bin}/dbos --help",
            "prefect": "{bin}/prefect --help",
        },
        repeat=9,
        budgets=(Budget("low", 0.120, over_bare=True),),
    ),
    Workload(
        "list",
        "listing runs from the command line (`levada flow-run ls`), one run stored",
        OF_PROCESS,
        commands={
            "bare": f"{IMPORT} pass",
            "levada": "{bin}/levada flow-run ls",
            "dbos": "{bin}/dbos workflow list -s sqlite:///{home}/dbos.sqlite",
            "prefect": "{bin}/prefect flow-run ls",
        },
        before="hello",
        repeat=9,
        budgets=(Budget("low", 0.500, over_bare=True),),
    ),
    Workload(
        "hello",
        "`python hello.py`, one flow with one task, start of Python to exit",
        OF_PROCESS,
        counts={"bare": 1, "levada": 1, "dbos": 1, "prefect": 1, "prefect-temporary": 1},
        repeat=9,
        budgets=(Budget("low", 0.150, over_bare=True),),
    ),
    Workload(
        "sequential",
        "a task called again and again (sync)",
        counts={**THOUSAND, "prefect-temporary": 300},
        quick={**QUICK, "prefect-temporary": 50},
        budgets=(Budget("p50", 60e-6),),
    ),
    Workload(
        "sequential-async",
        "a task awaited again and again (async)",
        counts=THOUSAND,
        quick=QUICK,
        budgets=(Budget("p50", 60e-6),),
    ),
    Workload(
        "sequential-10k",
        "10,000 tasks in one flow (sync)",
        script="sequential",
        counts={"bare": 10_000, "levada": 10_000},
        budgets=(Budget("p50", 60e-6),),
        repeat=3,
    ),
    Workload(
        "sequential-async-10k",
        "10,000 tasks in one flow (async)",
        script="sequential-async",
        counts={"bare": 10_000, "levada": 10_000},
        budgets=(Budget("p50", 60e-6),),
        repeat=3,
    ),
    Workload(
        "map",
        "`task.map(range(n))` on the thread runner, all results gathered",
        counts={"bare": 10_000, "levada": 10_000, "dbos": 1_000, "prefect": 300},
        quick=QUICK,
        budgets=(Budget("rate", 8_000, least=True), Budget("rss", 150e6)),
        note="DBOS: workflows started with `start_workflow`.",
    ),
    Workload(
        "persisted",
        "a task with `persist_result=True`",
        counts={"bare": 1_000, "levada": 1_000, "prefect": 300},
        quick={"prefect": 50},
        note="Bare Python: a pickle per result, renamed into place. DBOS persists every step: see `sequential`.",
    ),
    Workload(
        "cached",
        "a task served from the cache of an earlier run (`cache_policy=INPUTS`)",
        counts={"bare": 1_000, "levada": 1_000, "prefect": 300},
        quick={"prefect": 50},
        note="Bare Python: reading the pickle back. DBOS has no cache across runs.",
    ),
    Workload(
        "logs",
        "a line logged in a task",
        counts={**THOUSAND, "prefect": 1_000},
        quick={**QUICK, "prefect": 300},
        budgets=(Budget("p50", 20e-6, over_bare=True),),
        note="Bare Python: `logging` to a file and to the console. DBOS: to the console only, nothing is stored.",
    ),
    Workload(
        "subflows",
        "a flow called by a flow",
        counts={"bare": 100, "levada": 100, "dbos": 100, "prefect": 20},
        quick={"prefect": 5},
        budgets=(Budget("p50", 1e-3),),
    ),
    Workload(
        "nested",
        "a task that calls ten tasks (time for the eleven)",
        counts={"bare": 100, "levada": 100, "dbos": 100, "prefect": 30},
        quick={"dbos": 30, "prefect": 5},
        note="DBOS: a child workflow of ten steps.",
    ),
    Workload(
        "resume",
        "resuming a run that failed at its last task, per task that is not run again",
        counts={"levada": 10_000, "dbos": 1_000},
        quick={"levada": 2_000, "dbos": 300},
        repeat=3,
        note="Levada: `levada flow-run resume RUN`, start of Python to exit. DBOS: `fork_workflow` inside a process "
        "that is running. Prefect runs everything again.",
    ),
    Workload(
        "visible",
        "records in the store after the flow's process has ended",
        subject="seconds",
        counts={"levada": 10_000, "dbos": 1_000, "prefect": 1_000},
        quick={"levada": 2_000, "dbos": 300, "prefect": 50},
        repeat=3,
        budgets=(Budget("seconds", 1.0), Budget("bytes", 400)),
        note="Levada: the first `levada flow-run ls`, start of Python to exit, which drains the journal. DBOS: listing "
        "the steps. Prefect: from the end of the flow until the server counts every task run as completed.",
    ),
)


def chosen(names: list[str]) -> list[Workload]:
    """The workloads of these names, in the catalogue's order, or all; raises `KeyError` for a name that is none."""
    known = {workload.name: workload for workload in WORKLOADS}
    for name in names:
        if name not in known:
            raise KeyError(f"no workload is called {name!r}; there are: {', '.join(known)}")
    return [workload for workload in WORKLOADS if not names or workload.name in names]
