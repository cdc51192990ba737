"""The promise of the journal: whatever a run had completed when it died is not run again, and nothing is mixed up.

Random programs run in a home, die at a random write to the journal, and are resumed. Then every result must be the one
its inputs produce, every call that was recorded as completed must not have run again, and no call may be skipped.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levada import flow, recovery, task
from levada import session as real
from levada.control import ControlPlane
from levada.core import faults
from levada.core.states import StateType
from levada.engine import session as sessions
from levada.settings import refresh_settings, temporary_settings
from levada.task_runners import ThreadPoolTaskRunner
from levada.wire.filters import FlowRunQuery

PROGRAMS = 1000 if os.environ.get("LEVADA_CHAOS") == "long" else 120

Value = Any
Program = list[tuple[Any, ...]]


class ProcessDied(BaseException):
    """The process is dead from here on: no record is written any more."""


ledger: list[tuple[str, Value]] = []
"""Every execution of a task's function, in this test's own memory."""


def outcome(tag: str, value: Value) -> Value:
    return [tag, value]


@task
def step(tag: str, value: Value) -> Value:
    ledger.append((tag, repr(value)))
    return outcome(tag, value)


@task
def around(tag: str, value: Value, inner: int) -> Value:
    collected = [step(f"{tag}.in", value) for _ in range(inner)]
    ledger.append((tag, repr(value)))
    return [outcome(tag, value), collected]


@flow
def below(tag: str, value: Value) -> Value:
    return [step(f"{tag}.sub", value), step(f"{tag}.sub", value)]


@flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
def interpret(program: Program) -> Value:
    """Run the program with tasks; `expected` is the same without."""
    results: list[Value] = [0]
    for kind, tag, source, number in program:
        value = results[source % len(results)]
        if kind == "call":
            results.append(step(tag, value))
        elif kind == "repeat":
            results.append([step(tag, value) for _ in range(number)])
        elif kind == "submit":
            futures = [step.submit(tag, value) for _ in range(number)]
            results.append([future.result() for future in futures])
        elif kind == "chain":
            first = step.submit(tag, value)
            results.append(step.submit(f"{tag}.next", first).result())
        elif kind == "map":
            results.append(step.map([f"{tag}{index % 2}" for index in range(number)], [value] * number).result())
        elif kind == "nested":
            results.append(around(tag, value, number))
        else:
            results.append(below(tag, value))
    return results


def expected(program: Program) -> tuple[Value, Counter[tuple[str, str]]]:
    """What the program gives, and how often each task body runs with each input."""
    results: list[Value] = [0]
    needed: Counter[tuple[str, str]] = Counter()

    def run(tag: str, value: Value) -> Value:
        needed[tag, repr(value)] += 1
        return outcome(tag, value)

    for kind, tag, source, number in program:
        value = results[source % len(results)]
        if kind == "call":
            results.append(run(tag, value))
        elif kind in ("repeat", "submit"):
            results.append([run(tag, value) for _ in range(number)])
        elif kind == "chain":
            results.append(run(f"{tag}.next", run(tag, value)))
        elif kind == "map":
            results.append([run(f"{tag}{index % 2}", value) for index in range(number)])
        elif kind == "nested":
            collected = [run(f"{tag}.in", value) for _ in range(number)]
            results.append([run(tag, value), collected])
        else:
            results.append([run(f"{tag}.sub", value), run(f"{tag}.sub", value)])
    return results, needed


statements = st.tuples(
    st.sampled_from(["call", "repeat", "submit", "chain", "map", "nested", "subflow"]),
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 3),
    st.integers(1, 3),
)


def die_at(point: str, passage: int) -> None:
    """From the given passage on, no record gets through, whoever writes it."""
    lock = threading.Lock()
    passages = [0]

    def pass_by() -> None:
        with lock:
            passages[0] += 1
            if passages[0] >= passage:
                raise ProcessDied

    faults.arm(point, pass_by)


def completed_calls(home: Path) -> tuple[Any, Counter[tuple[str, str]]]:
    """The run, and the calls recorded as completed, by what their bodies put into the ledger."""
    with ControlPlane(home) as plane:
        plane.drain()
        runs = plane.read_flow_runs(FlowRunQuery(limit=1000)).items
        top = next((run for run in runs if run.flow_name == "interpret"), None)
        done: Counter[tuple[str, str]] = Counter()
        for run in runs:
            for call in plane.recorded_calls(run.id).calls:
                if call.state_type is StateType.COMPLETED and call.child_run is None:
                    made = sessions.current().results.load(call.result)
                    tag, value = made[0] if call.key.endswith("/around") else made
                    done[tag, repr(value)] += 1
    return top, done


@pytest.mark.parametrize("point", ["journal.before_append", "journal.after_append"])
@settings(max_examples=PROGRAMS // 2, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=st.lists(statements, min_size=1, max_size=6), passage=st.integers(1, 50))
def test_a_run_that_died_anywhere_resumes_without_repeating_or_mixing_up_anything(
    point: str, program: Program, passage: int
) -> None:
    wanted, needed = expected(program)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEVADA_HOME", folder)
        refresh_settings()
        with temporary_settings({"logging.to_console": False}):
            first = real.build()
            before = sessions.replace(first)
            ledger.clear()
            die_at(point, passage)
            try:
                interpret(program)
                died = False
            except ProcessDied:
                died = True
            finally:
                faults.disarm()
            first.journal.close()
            second = real.build()
            sessions.replace(second)
            try:
                run, done = completed_calls(Path(folder))
                if run is None:
                    assert died
                    return
                if run.state_type is StateType.COMPLETED:
                    assert Counter(ledger) == needed
                    return
                ledger.clear()
                resumed = recovery.resume(run.id, flow=interpret)
                assert resumed.state.result() == wanted
                assert Counter(ledger) == needed - done
                assert not done - needed
            finally:
                second.journal.close()
                sessions.replace(before)
