"""A home of its own for a test, and questions about what ran in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from levada import session as real
from levada.control import ControlPlane
from levada.engine import session as sessions
from levada.engine.session import Session
from levada.settings import refresh_settings, temporary_settings
from levada.testing.clock import VirtualClock
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.objects import ArtifactView, FlowRun, Log, TaskRun


class Harness:
    """What a test knows of its home.

    Attributes:
        home: the temporary home.
        session: the session that flows run with.
        clock: the virtual clock, when there is one.
    """

    def __init__(self, home: Path, session: Session, clock: VirtualClock | None) -> None:
        self.home = home
        self.session = session
        self.clock = clock
        self._plane: ControlPlane | None = None

    @property
    def control(self) -> ControlPlane:
        """The control plane of the home, with everything recorded so far taken in."""
        if self._plane is None:
            self._plane = ControlPlane(self.home)
        self._plane.drain()
        return self._plane

    def flow_runs(self, **query: Any) -> list[FlowRun]:
        """Flow runs, newest first; the arguments are those of `FlowRunQuery`."""
        return self.control.read_flow_runs(FlowRunQuery(**query)).items

    def task_runs(self, **query: Any) -> list[TaskRun]:
        """Task runs, in the order they were made; the arguments are those of `TaskRunQuery`."""
        return self.control.read_task_runs(TaskRunQuery(**query)).items

    def logs(self, **query: Any) -> list[Log]:
        """Log lines, in the order they were written; the arguments are those of `LogQuery`."""
        return self.control.read_logs(LogQuery(**query)).items

    def artifacts(self, **query: Any) -> list[ArtifactView]:
        """Artifacts, newest first; the arguments are those of `ArtifactQuery`."""
        return self.control.read_artifacts(ArtifactQuery(**query)).items

    def ran(self) -> dict[str, int]:
        """How many attempts each task had, by the task's name."""
        counted: dict[str, int] = {}
        for run in self.task_runs(limit=10_000):
            name = run.task_key.rpartition("/")[2]
            counted[name] = counted.get(name, 0) + run.run_count
        return counted

    def assert_ran(self, *tasks: str, times: int | None = None) -> None:
        """Check that these tasks ran, each in `times` attempts when given.

        Raises:
            AssertionError: saying what ran.
        """
        counted = self.ran()
        for name in tasks:
            found = counted.get(name, 0)
            if found == 0 or (times is not None and found != times):
                wanted = "at least once" if times is None else f"{times} times"
                raise AssertionError(f"Task {name!r} should have run {wanted}; it ran {found} times. Ran: {counted}")

    def assert_not_ran(self, *tasks: str) -> None:
        """Check that none of these tasks ran.

        Raises:
            AssertionError: saying what ran.
        """
        counted = self.ran()
        for name in tasks:
            if counted.get(name):
                raise AssertionError(f"Task {name!r} should not have run. Ran: {counted}")

    def assert_state(self, run: str, state: str) -> None:
        """Check in which state the flow run or task run of a name is.

        Raises:
            AssertionError: it is in another, or there is no such run.
        """
        found: list[FlowRun | TaskRun] = [*self.flow_runs(names=[run]), *self.task_runs(names=[run])]
        if not found:
            raise AssertionError(f"No run is called {run!r}.")
        for item in found:
            if item.state_name != state:
                raise AssertionError(f"{run!r} should be {state}; its states are {[s.name for s in item.states]}")

    def states_of(self, run: str) -> list[str]:
        """The names of all states that the run of a name was in, in order."""
        found: list[FlowRun | TaskRun] = [*self.flow_runs(names=[run]), *self.task_runs(names=[run])]
        return [state.name for item in found for state in item.states]

    def close(self) -> None:
        """Give everything up."""
        self.session.close()
        if self._plane is not None:
            self._plane.close()


@contextmanager
def harness(
    *, virtual_clock: bool = False, clock: VirtualClock | None = None, settings: Mapping[str, Any] | None = None
) -> Iterator[Harness]:
    """A temporary home in which flows run, inside the block.

    Args:
        virtual_clock: sleeps and retry delays take no time.
        clock: such a clock, made by the test.
        settings: settings that hold inside, by dotted name.
    """
    with tempfile.TemporaryDirectory(prefix="levada-test-") as folder:
        home = Path(folder)
        before_home = os.environ.get("LEVADA_HOME")
        os.environ["LEVADA_HOME"] = folder
        refresh_settings()
        quiet = {"home": folder, "logging.to_console": False, "cli.progress": False, **(settings or {})}
        with temporary_settings(quiet):
            session = real.build()
            used = clock or (VirtualClock() if virtual_clock else None)
            if used is not None:
                session.clock = used
                session.results.now_us = used.now_us
            before = sessions.replace(session)
            test = Harness(home, session, used)
            try:
                yield test
            finally:
                sessions.replace(before)
                test.close()
                if before_home is None:
                    os.environ.pop("LEVADA_HOME", None)
                else:
                    os.environ["LEVADA_HOME"] = before_home
                refresh_settings()
