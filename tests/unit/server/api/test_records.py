"""Flows, logs, artifacts, events and saved searches over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar.testing import TestClient
from msgspec import convert, msgpack, to_builtins

from levada.control import ControlPlane
from levada.control.feeds import News
from levada.core.settings import ApiSettings, DatabaseSettings, ServerSettings, Settings
from levada.core.states import StateType
from levada.server.api.admin import setting_views
from levada.server.streams import rendered
from levada.wire.changes import SavedSearch
from levada.wire.events import Event, EventQuery
from levada.wire.filters import ArtifactQuery, LogQuery
from levada.wire.ingest import IngestAnswer, IngestBatch
from levada.wire.objects import ArtifactView, FlowView, Log
from tests.unit.control import records as make
from tests.unit.server.api.conftest import Story, problem, take_in

Api = TestClient[Any]


def event(name: str = "shop.order.Placed", **fields: Any) -> Event:
    values: dict[str, Any] = {"id": UUID(bytes=make.new_id()), "occurred": datetime.now(UTC), "event": name}
    values["resource"] = {"id": "shop.order.1"}
    return Event(**(values | fields))


class TestFlows:
    def test_flows_are_listed_by_name_page_by_page(self, api: Api, story: Story) -> None:
        page = api.get("/api/flows", params={"limit": 1}).json()
        assert [flow["name"] for flow in page["items"]] == ["etl"]
        rest = api.get("/api/flows", params={"cursor": page["next"]}).json()
        assert [flow["name"] for flow in rest["items"]] == ["report"]
        assert rest["next"] is None

    def test_a_flow_is_read_by_name(self, api: Api, plane: ControlPlane, story: Story) -> None:
        assert convert(api.get("/api/flows/etl").json(), FlowView) == plane.read_flow("etl")
        problem(api.get("/api/flows/nothing"), 404)

    def test_a_page_has_bounds(self, api: Api) -> None:
        problem(api.get("/api/flows", params={"limit": 501}), 422, "$.limit")
        problem(api.get("/api/flows", params={"limit": "x"}), 422, "$.query.limit")


class TestLogs:
    @pytest.mark.parametrize(
        "fields", [{}, {"min_level": 30}, {"text": "quick"}, {"newest_first": True, "limit": 1}], ids=repr
    )
    def test_a_filter_over_http_finds_what_it_finds_here(
        self, api: Api, plane: ControlPlane, story: Story, fields: dict[str, Any]
    ) -> None:
        query = LogQuery(flow_run_ids=[story.done], **fields)
        answer = api.post("/api/logs/filter", json=to_builtins(query))
        assert convert(answer.json()["items"], list[Log]) == plane.read_logs(query).items

    def test_lines_that_a_query_finds_are_exported(self, api: Api, story: Story) -> None:
        answer = api.post("/api/logs/export", params={"form": "ndjson"}, json={"text": "fox", "limit": 1})
        assert [json.loads(line)["message"] for line in answer.text.splitlines()] == ["the quick brown fox"]

    def test_a_query_that_cannot_be_used_is_a_problem_and_no_broken_file(self, api: Api) -> None:
        problem(api.post("/api/logs/export", json={"min_level": 1 << 70}), 422, "$.min_level")
        problem(api.post("/api/logs/filter", json={"limit": 0}), 422, "$.limit")


class TestArtifacts:
    def test_an_artifact_is_read_by_key_and_by_id(self, api: Api, plane: ControlPlane, story: Story) -> None:
        for named in ("report", str(story.report)):
            assert convert(api.get(f"/api/artifacts/{named}").json(), ArtifactView).id == story.report
        found = api.post("/api/artifacts/filter", json=to_builtins(ArtifactQuery(keys=["report"]))).json()
        assert [one["id"] for one in found["items"]] == [str(story.report)]

    def test_an_artifact_is_deleted_once(self, api: Api, story: Story) -> None:
        assert api.delete("/api/artifacts/report").status_code == 204
        problem(api.delete("/api/artifacts/report"), 404)
        problem(api.get(f"/api/artifacts/{story.report}"), 404)

    def test_lists_are_read_to_their_end(self, api: Api, plane: ControlPlane, story: Story) -> None:
        take_in(plane, *[make.artifact(story.done.bytes, f"k{number}") for number in range(7)])
        found: list[str] = []
        cursor = None
        while True:
            page = api.post("/api/artifacts/filter", json={"limit": 3, "cursor": cursor}).json()
            found += [one["key"] for one in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert len(found) == len(set(found)) == 8


class TestEvents:
    def test_events_are_added_once_and_found(self, api: Api) -> None:
        given = [event(), event("shop.order.Paid")]
        assert api.post("/api/events", json=to_builtins(given)).json() == {"count": 2, "exact": True}
        assert api.post("/api/events", json=to_builtins(given)).json()["count"] == 0
        found = api.post("/api/events/filter", json={"resource_ids": ["shop.order.*"]}).json()["items"]
        assert convert(found, list[Event]) == list(reversed(given))

    def test_a_filter_over_http_finds_what_it_finds_here(self, api: Api, plane: ControlPlane) -> None:
        api.post("/api/events", json=to_builtins([event(f"a.{number % 3}") for number in range(10)]))
        query = EventQuery(event_prefixes=["a.1"], oldest_first=True, limit=2)
        page = api.post("/api/events/filter", json=to_builtins(query)).json()
        here = plane.read_events(query)
        assert (convert(page["items"], list[Event]), page["next"]) == (here.items, here.next)

    def test_events_are_counted_by_name_by_resource_and_over_time(self, api: Api) -> None:
        api.post("/api/events", json=to_builtins([event(), event(), event("shop.order.Paid")]))
        by_name = api.post("/api/events/count_by/event", json={}).json()
        assert [(one["label"], one["count"]) for one in by_name] == [("shop.order.Placed", 2), ("shop.order.Paid", 1)]
        assert api.post("/api/events/count_by/resource", json={}).json()[0]["count"] == 3
        over_time = api.post("/api/events/count_by/time?buckets=24", json={}).json()
        assert len(over_time) == 24
        assert sum(one["count"] for one in over_time) == 3

    def test_what_cannot_be_counted_or_taken_is_refused(self, api: Api) -> None:
        problem(api.post("/api/events/count_by/colour", json={}), 422)
        problem(api.post("/api/events/count_by/time?buckets=5000", json={}), 422, "$.query.buckets")
        later = {"after": "2030-01-01T00:00:00Z", "before": "2020-01-01T00:00:00Z"}
        problem(api.post("/api/events/count_by/time", json=later), 422, "$.after")
        nameless = to_builtins([event(resource={}), event("")])
        problem(api.post("/api/events", json=nameless), 422, "$[0].resource.id", "$[1].event")
        assert api.post("/api/events", json=[]).json()["count"] == 0

    def test_an_event_about_a_run_is_found_by_the_run(self, api: Api, story: Story) -> None:
        about = event(related=[{"id": f"levada.flow-run.{story.done}", "role": "flow-run"}])
        other = event(resource={"id": "levada.flow-run.not-an-id"})
        api.post("/api/events", json=to_builtins([about, other]))
        found = api.post("/api/events/filter", json={"flow_run_ids": [str(story.done)]}).json()["items"]
        assert str(about.id) in [one["id"] for one in found]
        assert str(other.id) not in [one["id"] for one in found]


class TestSavedSearches:
    def test_a_search_is_saved_replaced_listed_and_forgotten(self, api: Api) -> None:
        given = SavedSearch(name="mine", page="flow_runs", query={"tags_all": ["daily"]})
        first = convert(api.put("/api/saved_searches", json=to_builtins(given)).json(), SavedSearch)
        given.query = {"tags_all": ["weekly"]}
        second = convert(api.put("/api/saved_searches", json=to_builtins(given)).json(), SavedSearch)
        assert (second.id, second.created) == (first.id, first.created)
        api.put("/api/saved_searches", json=to_builtins(SavedSearch(name="mine", page="logs")))
        assert [one["page"] for one in api.get("/api/saved_searches").json()] == ["flow_runs", "logs"]
        here = api.get("/api/saved_searches", params={"page": "flow_runs"}).json()
        assert [one["query"] for one in here] == [{"tags_all": ["weekly"]}]
        assert api.delete(f"/api/saved_searches/{first.id}").status_code == 204
        problem(api.delete(f"/api/saved_searches/{first.id}"), 404)

    def test_a_search_needs_a_name_a_page_and_small_filters(self, api: Api) -> None:
        said = {"name": " ", "page": "", "query": {"x": "y" * 30_000}}
        problem(api.put("/api/saved_searches", json=said), 422, "$.name", "$.page", "$.query")
        problem(api.delete(f"/api/saved_searches/{uuid4()}"), 404)


class TestAdmin:
    def test_secrets_are_never_shown(self, levada_home: Any) -> None:

        secrets = ("hunter2", "user:pw", "postgresql://me:deep@db/x", "key-text")
        settings = Settings(
            api=ApiSettings(key=secrets[3], auth_string=secrets[1]),
            server=ServerSettings(auth_string=secrets[0]),
            database=DatabaseSettings(url=secrets[2]),
        )
        shown = {view.name: view for view in setting_views(settings)}
        assert not [secret for secret in secrets if secret in repr(shown)]
        assert shown["database.url"].value == "********"
        assert shown["server.port"].value == 4200

    def test_settings_sizes_retention_and_services_are_told(self, api: Api, story: Story) -> None:
        names = [one["name"] for one in api.get("/api/admin/settings").json()]
        assert "server.max_page_size" in names
        tables = {one["name"]: one for one in api.get("/api/admin/database").json()}
        assert tables["flow_runs"]["rows"] >= 3
        retention = api.get("/api/admin/retention").json()
        assert retention["runs_days"] == 90.0
        services = api.get("/api/admin/services").json()
        assert "outbox" in [one["name"] for one in services]
        assert {one["state"] for one in services} == {"stopped"}


class TestIngest:
    def test_a_batch_that_is_none_is_refused(self, api: Api) -> None:
        for content in (b"", b"x", b"\x91\xc4\x01a\xff", b"{}"):
            problem(api.post("/api/ingest", content=content, headers={"content-type": "application/msgpack"}), 422)

    def test_a_batch_comes_in_and_is_answered_as_messagepack(self, api: Api, plane: ControlPlane) -> None:

        run, writer = make.new_id(), make.new_id()
        records = [(1, msgpack.encode(make.run_opened(run, writer)))]
        batch = msgpack.encode(IngestBatch(writer, records, host="h", pid=1))
        for _ in range(2):
            answer = api.post("/api/ingest", content=batch, headers={"content-type": "application/msgpack"})
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "application/msgpack"
            assert msgpack.decode(answer.content, type=IngestAnswer).received == 1
        assert plane.read_flow_run(run).name == "brave-otter"

    def test_values_that_json_cannot_carry_break_no_list_for_others(self, api: Api, plane: ControlPlane) -> None:
        """A table with an empty cell among its keys is good MessagePack; one such artifact made every page a 500."""
        run, task, writer = make.new_id(), make.new_id(), make.new_id()
        odd = {None: 1, True: {None: 2}, (1, 2): 3, "raw": msgpack.Ext(5, b"x")}
        take_in(
            plane,
            make.run_opened(run, writer, n=0),
            make.run_state(run, StateType.PAUSED, 1, details={"odd": odd, "pause_timeout": 2**62}),
            make.task_opened(task, run),
            make.task_state(task, run, StateType.FAILED, 1, details={"odd": odd}),
            chart := make.artifact(run, data={"odd": odd}),
            make.log_line(run, "counted", fields={"odd": odd}),
        )
        for kind in ("flow_runs", "task_runs", "logs", "artifacts"):
            assert api.post(f"/api/{kind}/filter", json={}).status_code == 200, kind
        ids = {"flow_runs": run, "task_runs": task, "artifacts": chart.artifact}
        for path in [f"{kind}/{UUID(bytes=one)}" for kind, one in ids.items()]:
            assert api.get(f"/api/{path}").status_code == 200, path
        assert api.get(f"/api/flow_runs/{UUID(bytes=run)}/why").status_code == 200
        (line,) = plane.read_logs(LogQuery(flow_run_ids=[UUID(bytes=run)])).items
        assert b'"null"' in rendered([News("1-1", "log", line)])


def test_old_events_are_counted_in_the_range_asked_for(api: Api) -> None:
    old = event(occurred=datetime.now(UTC) - timedelta(days=2.5))
    api.post("/api/events", json=to_builtins([old]))
    after = (datetime.now(UTC) - timedelta(days=4)).isoformat()
    counted = api.post("/api/events/count_by/time?buckets=4", json={"after": after}).json()
    assert [one["count"] for one in counted] == [0, 1, 0, 0]
