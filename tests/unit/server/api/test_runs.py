"""Flow runs and task runs over HTTP."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar.testing import TestClient
from msgspec import convert, msgpack, to_builtins

from levada.control import ControlPlane
from levada.core.states import datetime_of
from levada.wire.filters import FlowRunQuery, TaskRunQuery
from levada.wire.objects import FlowRun, Graph, StateView, TaskRun
from levada.wire.recorded import RecordedRun
from tests.unit.control import records as make
from tests.unit.server.api.conftest import Story, problem, take_in

Api = TestClient[Any]


class TestReadingFlowRuns:
    @pytest.mark.parametrize("given", ["id", "prefix", "name"])
    def test_a_run_is_named_by_id_by_the_beginning_of_it_or_by_name(self, api: Api, story: Story, given: str) -> None:
        named = {"id": str(story.done), "prefix": story.done.hex[:-1], "name": "done-run"}[given]
        answer = api.get(f"/api/flow_runs/{named}")
        assert answer.status_code == 200
        assert convert(answer.json(), FlowRun).id == story.done

    def test_what_comes_over_http_is_what_the_plane_says(self, api: Api, plane: ControlPlane, story: Story) -> None:
        answer = api.get(f"/api/flow_runs/{story.done}")
        assert convert(answer.json(), FlowRun) == plane.read_flow_run(story.done)

    def test_a_run_that_is_not_there_is_a_problem_of_404(self, api: Api, story: Story) -> None:
        said = problem(api.get(f"/api/flow_runs/{uuid4()}"), 404)
        assert said["type"] == "urn:levada:object-not-found"
        problem(api.get("/api/flow_runs/nobody"), 404)

    def test_its_states_come_in_order(self, api: Api, story: Story) -> None:
        states = convert(api.get(f"/api/flow_runs/{story.done}/states").json(), list[StateView])
        assert [state.type.value for state in states] == ["PENDING", "RUNNING", "COMPLETED"]

    def test_why_says_what_went_wrong(self, api: Api, story: Story) -> None:
        said = api.get(f"/api/flow_runs/{story.failed}/why").json()
        assert "failed" in said["summary"]
        assert any("broken-0" in reason for reason in said["reasons"])

    def test_recorded_calls_come_as_messagepack(self, api: Api, plane: ControlPlane, story: Story) -> None:
        answer = api.get(f"/api/flow_runs/{story.done}/recorded_calls")
        assert answer.headers["content-type"] == "application/msgpack"
        assert msgpack.decode(answer.content, type=RecordedRun) == plane.recorded_calls(story.done)


class TestFilters:
    def test_a_filter_that_is_misspelt_is_refused_rather_than_passed_over(self, api: Api, story: Story) -> None:
        said = problem(api.post("/api/flow_runs/count", json={"state_typs": ["FAILED"]}), 422)
        assert "state_typs" in said["detail"]
        said = problem(api.post("/api/bulk_jobs", json={"action": "cancel", "query": {"name": "x"}}), 422)
        assert "name" in said["detail"]

    @pytest.mark.parametrize(
        "query",
        [
            FlowRunQuery(),
            FlowRunQuery(flow_names=["etl"]),
            FlowRunQuery(name_like="RUN", oldest_first=True),
            FlowRunQuery(tags_all=["daily"]),
            FlowRunQuery(names=["done-run", "failed-run"]),
            FlowRunQuery(created_after=datetime(2020, 1, 1, tzinfo=UTC)),
            FlowRunQuery(top_level=True, limit=2),
        ],
        ids=repr,
    )
    def test_a_filter_over_http_finds_what_it_finds_here(
        self, api: Api, plane: ControlPlane, story: Story, query: FlowRunQuery
    ) -> None:
        answer = api.post("/api/flow_runs/filter", json=to_builtins(query))
        here = plane.read_flow_runs(query)
        assert convert(answer.json()["items"], list[FlowRun]) == here.items
        assert answer.json()["next"] == here.next

    def test_a_list_is_read_to_its_end_by_its_cursors(self, api: Api, plane: ControlPlane) -> None:
        writer = make.new_id()
        ids = [make.new_id() for _ in range(23)]
        take_in(plane, *[make.run_opened(run, writer, name=f"r{run.hex()}") for run in ids])
        found: list[str] = []
        cursor = None
        while True:
            page = api.post("/api/flow_runs/filter", json={"limit": 5, "cursor": cursor}).json()
            found += [run["id"] for run in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert found == [str(UUID(bytes=run)) for run in reversed(ids)]

    @pytest.mark.parametrize("limit", [0, -1, 501, 10**30])
    def test_a_page_has_bounds(self, api: Api, limit: int) -> None:
        problem(api.post("/api/flow_runs/filter", json={"limit": limit}), 422, "$.limit")

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"limit": "ten"}, "$.limit"),
            ({"state_types": ["NOWHERE"]}, "$.state_types[0]"),
            ({"ids": ["x"]}, "$.ids[0]"),
            ({"names": ["a\0b"]}, "$.names[0]"),
            ({"started_after": "2024-01-01T00:00:00"}, "$.started_after"),
            ({"started_after": "0001-01-01T00:00:00+10:00"}, "$.started_after"),
            ({"min_seconds": 1e300}, "$.min_seconds"),
            ({"names": ["n"] * 1001}, "$.names"),
        ],
        ids=["type", "state", "id", "nul", "naive", "calendar", "span", "many"],
    )
    def test_a_field_that_cannot_be_used_is_named_with_its_path(self, api: Api, body: Any, path: str) -> None:
        problem(api.post("/api/flow_runs/filter", json=body), 422, path)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000], ids=range(6))
    def test_a_body_that_is_no_query_is_a_problem_of_422(self, api: Api, content: bytes) -> None:
        answer = api.post("/api/flow_runs/filter", content=content, headers={"content-type": "application/json"})
        problem(answer, 422)

    def test_a_cursor_of_another_list_is_refused(self, api: Api) -> None:
        problem(api.post("/api/flow_runs/filter", json={"cursor": "nonsense"}), 422)


class TestCounting:
    def test_a_count_stops_at_its_bound_and_says_so(self, api: Api, story: Story) -> None:
        assert api.post("/api/flow_runs/count", json={}).json() == {"count": 3, "exact": True}
        assert api.post("/api/flow_runs/count?bound=2", json={}).json() == {"count": 2, "exact": False}
        assert api.post("/api/flow_runs/count?bound=3", json={}).json() == {"count": 3, "exact": True}
        problem(api.post("/api/flow_runs/count?bound=0", json={}), 422, "$.query.bound")

    def test_states_are_counted(self, api: Api, story: Story) -> None:
        answer = api.post("/api/flow_runs/state_counts", json={"flow_names": ["etl"]})
        assert answer.json() == {"COMPLETED": 1, "FAILED": 1}
        assert api.get(f"/api/flow_runs/{story.done}/task_state_counts").json() == {"COMPLETED": 3}
        problem(api.get(f"/api/flow_runs/{uuid4()}/task_state_counts"), 404)

    def test_history_puts_runs_into_the_parts_of_a_range(self, api: Api, story: Story) -> None:
        start, end = datetime_of(make.START - 1_000_000), datetime_of(make.START + 3_600_000_000)
        answer = api.post(
            "/api/flow_runs/history", json={}, params={"start": start.isoformat(), "end": end.isoformat(), "buckets": 4}
        )
        buckets = answer.json()
        assert len(buckets) == 4
        assert sum(state["count"] for bucket in buckets for state in bucket["states"]) == 3
        assert {state["name"] for bucket in buckets for state in bucket["states"]} == {"Completed", "Failed", "Running"}

    def test_an_empty_range_has_no_history(self, api: Api) -> None:
        now = datetime.now(UTC).isoformat()
        asked = {"start": now, "end": now}
        problem(api.post("/api/flow_runs/history", json={}, params=asked), 422, "$.start")
        problem(api.post("/api/flow_runs/history", json={}), 422)

    def test_lateness_is_an_average_over_runs(self, api: Api, story: Story) -> None:
        said = api.post("/api/flow_runs/lateness", json={}).json()
        assert said["runs"] == 3
        assert said["average_seconds"] >= 0


class TestGraph:
    def test_nodes_know_their_parents_and_subflows(self, api: Api, story: Story) -> None:
        graph = convert(api.get(f"/api/flow_runs/{story.done}/graph").json(), Graph)
        by_label = {node.label: node for node in graph.nodes}
        assert set(by_label) == {"extract-0", "transform-0", "load-0"}
        assert by_label["transform-0"].parents == [story.extract]
        assert by_label["load-0"].kind == "flow-run"
        assert by_label["load-0"].child_flow_run_id is not None
        assert by_label["extract-0"].start_time is not None

    def test_its_pages_join_to_the_whole(self, api: Api, story: Story) -> None:
        found: list[str] = []
        asked: dict[str, Any] = {"limit": 1}
        changed = set()
        while True:
            page = api.get(f"/api/flow_runs/{story.done}/graph", params=asked).json()
            found += [node["label"] for node in page["nodes"]]
            changed.add(page["changed"])
            if page.get("next") is None:
                break
            asked["cursor"] = page["next"]
        assert sorted(found) == ["extract-0", "load-0", "transform-0"]
        assert len(changed) == 1, "all pages go on from the same moment"

    def test_since_gives_only_what_changed(self, api: Api, plane: ControlPlane, story: Story) -> None:
        assert (
            api.get(f"/api/flow_runs/{story.done}/graph", params={"since": "2100-01-01T00:00:00Z"}).json()["nodes"]
            == []
        )
        before = api.get(f"/api/flow_runs/{story.running}/graph").json()
        task = make.new_id()
        take_in(plane, make.task_opened(task, story.running.bytes, name="late-0", started=True))
        after = api.get(f"/api/flow_runs/{story.running}/graph", params={"since": before["changed"]}).json()
        assert [node["label"] for node in after["nodes"]] == ["late-0"]

    def test_a_cursor_that_is_none_is_refused(self, api: Api, story: Story) -> None:
        for cursor in ("x", "x.y", "12.", "f" * 40 + ".a"):
            problem(api.get(f"/api/flow_runs/{story.done}/graph", params={"cursor": cursor}), 422)
        problem(api.get(f"/api/flow_runs/{story.done}/graph", params={"limit": 20_000}), 422, "$.query.limit")
        problem(api.get("/api/flow_runs/nobody/graph"), 404)


class TestDownloads:
    def test_all_lines_of_a_run_come_as_text_csv_or_ndjson(self, api: Api, plane: ControlPlane, story: Story) -> None:
        lines = [make.log_line(story.running.bytes, f'line {number}, "quoted"\n') for number in range(2500)]
        take_in(plane, *lines)
        text = api.get(f"/api/flow_runs/{story.running}/logs/download")
        assert text.headers["content-type"].startswith("text/plain")
        assert "running-run.log" in text.headers["content-disposition"]
        assert text.headers["content-type"] == "text/plain; charset=utf-8"
        assert text.text.count('"quoted"') == 2500
        table = api.get(f"/api/flow_runs/{story.running}/logs/download", params={"form": "csv"})
        rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
        assert [row["message"] for row in rows] == [line.message for line in lines]
        each = api.get(f"/api/flow_runs/{story.running}/logs/download", params={"form": "ndjson"})
        assert [json.loads(line)["message"] for line in each.text.splitlines()] == [line.message for line in lines]

    def test_another_form_is_refused_and_another_run_is_not_there(self, api: Api, story: Story) -> None:
        problem(api.get(f"/api/flow_runs/{story.done}/logs/download", params={"form": "pdf"}), 422, "$.query.form")
        problem(api.get(f"/api/flow_runs/{uuid4()}/logs/download"), 404)


class TestDeleting:
    def test_a_run_is_deleted_with_what_belongs_to_it(self, api: Api, story: Story) -> None:
        answer = api.delete(f"/api/flow_runs/{story.done}")
        assert answer.status_code == 200
        assert answer.json()["task_runs"] == 3
        problem(api.get(f"/api/flow_runs/{story.done}"), 404)
        problem(api.delete(f"/api/flow_runs/{story.done}"), 404)

    def test_a_run_that_has_not_ended_stays(self, api: Api, story: Story) -> None:
        said = problem(api.delete(f"/api/flow_runs/{story.running}"), 409)
        assert said["type"] == "urn:levada:unfinished-run"


class TestTaskRuns:
    def test_a_task_run_is_read_with_its_history(self, api: Api, plane: ControlPlane, story: Story) -> None:
        answer = api.get(f"/api/task_runs/{story.extract}")
        assert convert(answer.json(), TaskRun) == plane.read_task_run(story.extract)
        states = api.get(f"/api/task_runs/{story.broken}/states").json()
        assert states[-1]["message"] == "no such file"
        problem(api.get(f"/api/task_runs/{uuid4()}"), 404)
        problem(api.get(f"/api/task_runs/{uuid4()}/states"), 404)

    def test_why_of_a_task_run(self, api: Api, story: Story) -> None:
        assert "no such file" in str(api.get(f"/api/task_runs/{story.broken}/why").json())
        problem(api.get(f"/api/task_runs/{uuid4()}/why"), 404)

    @pytest.mark.parametrize(
        "fields", [{}, {"names": ["extract-0"]}, {"task_keys": ["transform"]}, {"limit": 1}], ids=repr
    )
    def test_a_filter_over_http_finds_what_it_finds_here(
        self, api: Api, plane: ControlPlane, story: Story, fields: dict[str, Any]
    ) -> None:
        query = TaskRunQuery(flow_run_ids=[story.done], **fields)
        answer = api.post("/api/task_runs/filter", json=to_builtins(query))
        assert convert(answer.json()["items"], list[TaskRun]) == plane.read_task_runs(query).items

    def test_task_runs_are_counted(self, api: Api, story: Story) -> None:
        assert api.post("/api/task_runs/count", json={}).json() == {"count": 4, "exact": True}
        assert api.post("/api/task_runs/count?bound=2", json={}).json() == {"count": 2, "exact": False}
