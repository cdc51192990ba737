"""Artifacts: recorded in the journal, read through the client."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from levada import artifacts
from levada.artifacts import (
    Artifact,
    ImageArtifact,
    LinkArtifact,
    MarkdownArtifact,
    ProgressArtifact,
    TableArtifact,
    acreate_image_artifact,
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_image_artifact,
    aupdate_progress_artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_image_artifact,
    update_progress_artifact,
)
from levada.core.errors import InvalidNameError, ObjectNotFound
from levada.orchestration import get_client
from levada.testing import harness
from levada.wire.objects import ArtifactView


@pytest.fixture(autouse=True)
def home(levada_home: Path) -> Iterator[Path]:
    """A home and a session of this test's own."""
    with harness() as test:
        yield test.home


def stored(artifact: UUID) -> ArtifactView:
    with get_client(sync_client=True) as client:
        return client.read_artifact(artifact)


def test_markdown_is_stored_as_it_is() -> None:
    found = stored(create_markdown_artifact("# Title", key="report", description="the report"))
    assert (found.type, found.key, found.data, found.description) == ("markdown", "report", "# Title", "the report")
    assert (found.flow_run_id, found.task_run_id) == (None, None)


def test_a_link_is_stored_with_its_text() -> None:
    assert stored(create_link_artifact("https://a.example", "A")).data == "[A](https://a.example)"
    assert stored(create_link_artifact("https://a.example")).data == "[https://a.example](https://a.example)"


def test_an_image_is_stored_by_its_address_and_may_be_put_in_anothers_place() -> None:
    made = create_image_artifact("https://a.example/1.png", key="plot")
    assert update_image_artifact(made, "https://a.example/2.png") == made
    assert (stored(made).type, stored(made).data) == ("image", "https://a.example/2.png")


TABLES = [
    {"a": [1, 2], "b": ["x", None]},
    [{"a": 1, "b": "x"}, {"a": 2, "b": None}],
    [["a", "b"], [1, "x"]],
    [],
    {},
]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_columns_or_mappings_or_lists(table: object) -> None:
    assert stored(create_table_artifact(table)).data == table


def test_cells_that_are_not_a_number_become_empty() -> None:
    table = [{"a": math.nan, "b": [1.5, math.nan]}, {"a": float("inf"), "b": []}]
    assert TableArtifact(table).format() == [{"a": None, "b": [1.5, None]}, {"a": math.inf, "b": []}]


def test_cells_of_other_kinds_become_text() -> None:
    assert TableArtifact({"d": [date(2026, 1, 2), Decimal("1.50"), UUID(int=1), (1, 2), 1 << 70]}).format() == {
        "d": ["2026-01-02", "1.50", str(UUID(int=1)), [1, 2], str(1 << 70)]
    }


def test_cells_of_data_frames_become_plain_values() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": [1, 2], "x": [0.5, None], "t": [pandas.Timestamp("2026-01-02"), pandas.NaT]})
    assert TableArtifact(frame.to_dict(orient="list")).format() == {
        "n": [1, 2],
        "x": [0.5, None],
        "t": ["2026-01-02T00:00:00", None],
    }


@pytest.mark.parametrize("table", ["text", 7, [1, 2], {"a": 1}, [{"a": 1}, ["a"]], None])
def test_what_is_no_table_is_refused(table: object) -> None:
    with pytest.raises(TypeError, match="dict of columns"):
        create_table_artifact(table)


def test_progress_moves() -> None:
    made = create_progress_artifact(10, key="copy", description="copying")
    assert update_progress_artifact(made, 55.5) == made
    found = stored(made)
    assert (found.type, found.key, found.data, found.description) == ("progress", "copy", 55.5, "copying")
    assert found.updated > found.created
    update_progress_artifact(str(made), 100, description="copied")
    assert (stored(made).data, stored(made).description) == (100.0, "copied")
    with get_client(sync_client=True) as client:
        assert len(client.read_artifacts(keys=["copy"])) == 1


@pytest.mark.parametrize(("given", "shown"), [(-1, 0.0), (100.1, 100.0), (1e9, 100.0), (math.nan, 0.0)])
def test_progress_outside_the_hundred_is_moved_inside_with_a_warning(given: float, shown: float) -> None:
    with pytest.warns(UserWarning, match="outside 0 to 100"):
        assert ProgressArtifact(given).progress == shown


@pytest.mark.parametrize("given", [0, 100, 0.0, 99.9])
def test_progress_inside_the_hundred_is_no_matter(given: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ProgressArtifact(given).progress == given


def test_progress_of_another_process_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    made = create_progress_artifact(10, key="copy", description="copying")
    artifacts._written.clear()
    update_progress_artifact(made, 20)
    assert (stored(made).key, stored(made).data, stored(made).description) == ("copy", 20.0, "copying")


def test_updating_what_is_not_there_is_an_error() -> None:
    with pytest.raises(ObjectNotFound):
        update_progress_artifact(uuid4(), 20)


def test_updating_an_artifact_of_another_kind_is_an_error() -> None:
    made = create_markdown_artifact("text")
    with pytest.raises(ObjectNotFound, match="is a markdown artifact, not a progress artifact"):
        update_progress_artifact(made, 20)


@pytest.mark.parametrize("key", ["Upper", "under_score", "a b", "", "x" * 256])
def test_a_key_that_cannot_be_is_refused_before_anything_is_recorded(key: str) -> None:
    with pytest.raises(InvalidNameError, match="Artifact key"):
        create_markdown_artifact("text", key=key)
    with get_client(sync_client=True) as client:
        assert client.read_artifacts() == []


def test_the_newest_artifact_of_a_key_is_got() -> None:
    assert Artifact.get("report") is None
    create_markdown_artifact("one", key="report")
    create_markdown_artifact("two", key="report")
    create_markdown_artifact("other", key="other")
    assert Artifact.get("report").data == "two"
    assert MarkdownArtifact.get().data == "other"


def test_an_artifact_is_made_only_when_there_is_none() -> None:
    first, made = MarkdownArtifact.get_or_create(key="report", markdown="one", description="d")
    again, made_again = MarkdownArtifact.get_or_create(key="report", markdown="two")
    assert (made, made_again) == (True, False)
    assert (first.id, first.description) == (again.id, "d")
    found, made = Artifact.get_or_create(key="any", type="custom", data={"a": [1]})
    assert (made, stored(found.id).type, stored(found.id).data) == (True, "custom", {"a": [1]})


async def test_async_code_has_verbs_of_its_own() -> None:
    made = [
        await acreate_markdown_artifact("text", key="m"),
        await acreate_table_artifact([[1]], key="t"),
        await acreate_link_artifact("https://a.example", key="l"),
        await acreate_image_artifact("https://a.example/1.png", key="i"),
        await acreate_progress_artifact(1, key="p"),
    ]
    await aupdate_image_artifact(made[3], "https://a.example/2.png")
    await aupdate_progress_artifact(made[4], 2)
    artifacts._written.clear()
    await aupdate_progress_artifact(made[4], 3)
    assert (await ProgressArtifact.aget("p")).data == 3.0
    found, fresh = await LinkArtifact.aget_or_create(key="l", link="https://b.example")
    assert (found.id, fresh) == (made[2], False)
    found, fresh = await ImageArtifact.aget_or_create(key="i2", image_url="https://a.example/3.png")
    assert (found.data, fresh) == ("https://a.example/3.png", True)
    assert (await MarkdownArtifact("x", key="x").acreate()).data == await MarkdownArtifact("x").aformat()


async def test_a_client_may_be_passed_in() -> None:
    made = create_progress_artifact(1, key="p")
    artifacts._written.clear()
    async with get_client() as client:
        assert (await Artifact.aget("p", client=client)).id == made
        await aupdate_progress_artifact(made, 2, client=client)
    with get_client(sync_client=True) as client:
        assert Artifact.get("p", client).data == 2.0


def test_an_artifact_made_inside_a_run_belongs_to_it() -> None:
    from levada import flow, task  # lazy: the other tests need no engine

    @task
    def report() -> UUID:
        return create_markdown_artifact("of the task", key="task")

    @flow
    def daily() -> tuple[UUID, UUID]:
        return report(), create_markdown_artifact("of the flow", key="flow")

    of_task, of_flow = (stored(made) for made in daily())
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
        (call,) = client.read_task_runs(flow_run_ids=[run.id])
    assert (of_task.flow_run_id, of_task.task_run_id) == (run.id, call.id)
    assert (of_flow.flow_run_id, of_flow.task_run_id) == (run.id, None)


def test_making_an_artifact_opens_no_database(home: Path) -> None:
    create_markdown_artifact("text", key="report")
    update_progress_artifact(create_progress_artifact(1), 2)
    assert not (home / "levada.db").exists()
    assert "levada.artifacts" in sys.modules
