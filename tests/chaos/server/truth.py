"""What flows say happened, what the tables say happened, and whether it is the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from levada.control import ControlPlane
from levada.wire.events import EventQuery
from levada.wire.filters import FlowRunQuery, LogQuery, TaskRunQuery
from tests.chaos.processes import Running, start

TRAVELLER = str(Path(__file__).parent / "programs" / "traveller.py")
PAGE = 1000


@dataclass
class Account:
    """Everything that happened, as somebody tells it.

    Attributes:
        flows: their runs, each with the name of its final state.
        tasks: likewise, each with its name and the name of its final state; without those that stand for a subflow.
        lines: of log: flow run, task run, text.
    """

    flows: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, tuple[str, str]] = field(default_factory=dict)
    lines: Counter[tuple[str | None, str | None, str]] = field(default_factory=Counter)

    def differences(self, other: Account) -> list[str]:
        """In words, a few of each kind; none when both tell the same."""
        found: list[str] = []
        for name in ("flows", "tasks", "lines"):
            mine, others = set(getattr(self, name).items()), set(getattr(other, name).items())
            for what, odd in (("missing", mine - others), ("not expected", others - mine)):
                found += [f"{len(odd)} {name} {what}, as {sorted(map(str, odd))[:3]}"] if odd else []
        return found


def told(ledgers: Sequence[Path]) -> Account:
    """What the flows wrote down themselves."""
    account = Account()
    for ledger in ledgers:
        for line in map(json.loads, ledger.read_text().splitlines()):
            if "log" in line:
                account.lines[line["flow"], line["task"], line["log"]] += 1
            elif "task" in line:
                account.tasks[line["task"]] = (line["name"], line["state"])
            else:
                account.flows[line["flow_run"]] = line["state"]
    return account


def kept(plane: ControlPlane) -> Account:
    """What the tables say."""
    account = Account()
    for run in pages(plane.read_flow_runs, FlowRunQuery(limit=PAGE)):
        account.flows[str(run.id)] = run.state_name
    for run in pages(plane.read_task_runs, TaskRunQuery(limit=PAGE)):
        if run.child_flow_run_id is None:
            assert str(run.id) not in account.tasks, "a task run twice"
            account.tasks[str(run.id)] = (run.name, run.state_name)
    ours = ("turn ", "step ", "shaky ", "broken ", "below ")
    for line in pages(plane.read_logs, LogQuery(limit=PAGE)):
        task = None if line.task_run_id is None else str(line.task_run_id)
        if line.message.startswith(ours):
            account.lines[str(line.flow_run_id), task, line.message] += 1
    return account


def histories(plane: ControlPlane) -> Counter[tuple[str, tuple[str, ...]]]:
    """How often a task run of a name went through these states, those that stand for a subflow too."""
    found: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for run in pages(plane.read_task_runs, TaskRunQuery(limit=PAGE)):
        name = "subflow" if run.child_flow_run_id is not None else run.name
        found[name, tuple(state.name for state in run.states)] += 1
    return found


def pages(read: Callable[[Any], Any], query: Any) -> Iterator[Any]:
    """All items of all pages."""
    while True:
        page = read(query)
        yield from page.items
        if page.next is None:
            return
        query.cursor = page.next


def travel(home: Path, ledger: Path, rounds: int, pause: float, url: str = "") -> Running:
    """Start a flow that keeps its own account; at home unless it reports to a server."""
    return start(TRAVELLER, home, ledger, rounds, pause, **({"LEVADA_API_URL": url} if url else {}))


def assert_all_is_known(plane: ControlPlane, ledgers: Sequence[Path]) -> Account:
    """The tables tell exactly what the flows told, and each change of a flow run is one event."""
    account = told(ledgers)
    assert account.differences(kept(plane)) == []
    events = list(pages(plane.read_events, EventQuery(limit=200)))
    positions = [event.position for event in events if event.position is not None]
    assert len(set(positions)) == len(positions), "two events at one position"
    changes = Counter(
        (event.resource["id"].rpartition(".")[2], event.event.rpartition(".")[2], event.occurred)
        for event in events
        if event.event.startswith("levada.flow-run.")
    )
    states = Counter(
        (run, state.name, state.timestamp) for run in account.flows for state in plane.flow_run_states(run)
    )
    assert changes == states
    return account


def assert_same_histories(plane: ControlPlane, alone: Counter[Any], times: int) -> None:
    """Every task run went through the states through which it goes where no server and no network is."""
    expected = Counter({what: number * times for what, number in alone.items()})
    found = histories(plane)
    assert found == expected, f"missing: {expected - found}; not expected: {found - expected}"
