"""Versions of a deployment, whatever is deployed, promoted and run in whatever order, against a small model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from levada.control import ControlPlane
from levada.core.errors import ObjectNotFound
from levada.wire.deployments import Code, DeploymentChange, NewDeployment, NewDeploymentRun


class Deploy(NamedTuple):
    code: str
    count: int
    description: str


class Change(NamedTuple):
    count: int


class Promote(NamedTuple):
    number: int


class Run(NamedTuple):
    version: int | None


STEPS = st.lists(
    st.one_of(
        st.builds(Deploy, st.sampled_from("ab"), st.integers(1, 2), st.sampled_from(["", "x"])),
        st.builds(Change, st.integers(1, 2)),
        st.builds(Promote, st.integers(1, 4)),
        st.builds(Run, st.none() | st.integers(1, 4)),
    ),
    max_size=12,
)


def deployment(step: Deploy) -> NewDeployment:
    code = Code(entrypoint="etl.py:etl", digest=step.code)
    return NewDeployment(
        flow_name="etl", name="x", code=code, parameters={"count": step.count}, description=step.description
    )


class Model:
    """What a version executes, by number from 1; which is live; what was run."""

    def __init__(self, first: Deploy) -> None:
        self.versions = [(first.code, first.count)]
        self.live = 1
        self.runs: list[tuple[int, int]] = []

    def release(self, code: str, count: int) -> None:
        if self.versions[self.live - 1] != (code, count):
            self.versions.append((code, count))
            self.live = len(self.versions)


@settings(max_examples=40, deadline=None)
@given(st.builds(Deploy, st.sampled_from("ab"), st.integers(1, 2), st.just("")), STEPS)
def test_a_run_executes_the_version_that_was_live_and_the_same_again_is_no_version(
    first: Deploy, steps: Sequence[Deploy | Change | Promote | Run]
) -> None:
    model = Model(first)
    with TemporaryDirectory() as home, ControlPlane(Path(home)) as plane:
        plane.deploy(deployment(first))
        made = []
        for step in steps:
            known = len(model.versions)
            if isinstance(step, Deploy):
                one = plane.deploy(deployment(step))
                assert plane.deploy(deployment(step)) == one
                model.release(step.code, step.count)
            elif isinstance(step, Change):
                plane.change_deployment("x", DeploymentChange(parameters={"count": step.count}))
                model.release(model.versions[model.live - 1][0], step.count)
            elif isinstance(step, Promote):
                try:
                    assert plane.promote_version("x", step.number).live == step.number
                    model.live = step.number
                except ObjectNotFound:
                    assert step.number > known
            else:
                try:
                    made.append(plane.run_deployment("x", NewDeploymentRun(version=step.version)).id)
                    number = step.version or model.live
                    model.runs.append((number, model.versions[number - 1][1]))
                except ObjectNotFound:
                    assert (step.version or 0) > known
        now = plane.read_deployment("x")
        assert (now.live, (now.spec.code.digest, now.spec.parameters["count"])) == (
            model.live,
            model.versions[model.live - 1],
        )
        kept = [(one.spec.code.digest, one.spec.parameters["count"]) for one in reversed(plane.read_versions("x"))]
        assert kept == model.versions
        runs = [plane.read_flow_run(run) for run in made]
        assert [(run.deployment_version, int(run.parameters["count"])) for run in runs] == model.runs
