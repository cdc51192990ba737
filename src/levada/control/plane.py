"""The verbs of the control plane, on one home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from pathlib import Path

    from levada.control.drain import DrainReport
    from levada.core.states import StateType
    from levada.store.base import Store
    from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
    from levada.wire.objects import ArtifactView, FlowRun, FlowView, Page, StateView, TaskRun, Why
    from levada.wire.recorded import RecordedRun


class ControlPlane:
    """Answers for one home: journals in, rows and reasons out.

    Reading verbs show what is in the store; call `drain` first to take in what journals have gained since. A run may
    be named by its UUID, by text of it, or by the beginning of that text when only one run begins so.

    Args:
        home: the Levada home; its `journal` folder is drained, its `levada.db` is the store unless one is given.
        store: another store to use.
    """

    def __init__(self, home: Path, store: Store | None = None) -> None:
        self.home = home
        self._store = store

    def close(self) -> None:
        """Close the store; the object cannot be used afterwards."""
        raise NotImplementedError

    def __enter__(self) -> ControlPlane:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def store(self) -> Store:
        """The rows; opened when first asked for."""
        raise NotImplementedError

    def drain(self) -> DrainReport:
        """Take in everything journals hold; runs whose process is gone become Crashed.

        Idempotent; any number of processes may drain one home at once.
        """
        raise NotImplementedError

    def read_flow_run(self, run: UUID | bytes | str) -> FlowRun:
        """One flow run with its state history.

        Raises:
            ObjectNotFound: there is none, or the text begins several ids (the message lists them).
        """
        raise NotImplementedError

    def read_flow_runs(self, query: FlowRunQuery) -> Page:
        """A page of `FlowRun`, newest first unless asked otherwise; each with its current state only."""
        raise NotImplementedError

    def count_flow_runs(self, query: FlowRunQuery) -> int:
        """How many flow runs the query finds, its limit and cursor aside."""
        raise NotImplementedError

    def flow_run_state_counts(self, query: FlowRunQuery) -> dict[StateType, int]:
        """How many flow runs the query finds in each state type; types with none are left out."""
        raise NotImplementedError

    def read_task_run(self, task: UUID | bytes | str) -> TaskRun:
        """One task run with its state history.

        Raises:
            ObjectNotFound: there is none, or the text begins several ids (the message lists them).
        """
        raise NotImplementedError

    def read_task_runs(self, query: TaskRunQuery) -> Page:
        """A page of `TaskRun`, in the order they were made unless asked otherwise; each with its state history."""
        raise NotImplementedError

    def count_task_runs(self, query: TaskRunQuery) -> int:
        """How many task runs the query finds, its limit and cursor aside."""
        raise NotImplementedError

    def task_run_state_counts(self, run: UUID | bytes | str) -> dict[StateType, int]:
        """How many task runs of a flow run are in each state type; types with none are left out."""
        raise NotImplementedError

    def flow_run_states(self, run: UUID | bytes | str) -> list[StateView]:
        """Every state a flow run was ever in, oldest epoch first, late records of lost owners included."""
        raise NotImplementedError

    def task_run_states(self, task: UUID | bytes | str) -> list[StateView]:
        """Every state a task run was ever in."""
        raise NotImplementedError

    def read_logs(self, query: LogQuery) -> Page:
        """A page of `Log`, in the order they were written unless asked otherwise."""
        raise NotImplementedError

    def read_artifacts(self, query: ArtifactQuery) -> Page:
        """A page of `ArtifactView`, newest first."""
        raise NotImplementedError

    def read_artifact(self, artifact: UUID | bytes | str) -> ArtifactView:
        """One artifact by id, beginning of its id, or key (then the latest of that key).

        Raises:
            ObjectNotFound: there is none.
        """
        raise NotImplementedError

    def read_flows(self, *, name_like: str | None = None, limit: int = 200, cursor: str | None = None) -> Page:
        """A page of `FlowView` by name, each with its number of runs and its last one."""
        raise NotImplementedError

    def read_flow(self, name: str) -> FlowView:
        """One flow by name.

        Raises:
            ObjectNotFound: no flow of that name ever ran.
        """
        raise NotImplementedError

    def recorded_calls(self, run: UUID | bytes | str) -> RecordedRun:
        """Everything the engine needs to resume or fork a run, read at one moment.

        Raises:
            ObjectNotFound: there is no such run.
        """
        raise NotImplementedError

    def why(self, run: UUID | bytes | str) -> Why:
        """Why a flow run or a task run is where it is, and what can be done about it.

        Raises:
            ObjectNotFound: there is no such run.
        """
        raise NotImplementedError

    def delete_flow_run(self, run: UUID | bytes | str) -> dict[str, int]:
        """Delete a flow run with its subflow runs, task runs, logs and artifacts; how many of each went.

        Raises:
            ObjectNotFound: there is no such run.
            ConfigurationError: it is still running.
        """
        raise NotImplementedError

    def read_meta(self, key: str) -> Any:
        """A value saved under a name by `write_meta`; None when there is none."""
        raise NotImplementedError

    def write_meta(self, key: str, value: Any) -> None:
        """Save a small value (anything msgspec encodes) under a name; None removes it."""
        raise NotImplementedError
