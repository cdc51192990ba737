"""Variables and concurrency limits over HTTP."""

from __future__ import annotations

import threading
import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar.testing import TestClient
from msgspec import convert, to_builtins

from levada.control import ControlPlane
from levada.core.limits import Asker, Grant
from levada.wire.objects import LimitView
from levada.wire.paths import segment
from levada.wire.requests import SlotsAnswer, SlotsAsked, SlotsAsker
from tests.unit.control import records as make
from tests.unit.server.api.conftest import problem

Api = TestClient[Any]


class TestVariables:
    def test_a_variable_is_set_read_changed_and_removed(self, api: Api) -> None:
        assert api.put("/api/variables/url", json={"value": {"a": [1]}, "tags": ["x"]}).json()["value"] == {"a": [1]}
        assert api.get("/api/variables/url").json()["tags"] == ["x"]
        assert api.patch("/api/variables/url", json={"value": None}).json()["value"] is None
        assert api.patch("/api/variables/url", json={"new_name": "address"}).json()["name"] == "address"
        assert api.delete("/api/variables/address").status_code == 204
        problem(api.get("/api/variables/address"), 404)
        problem(api.delete("/api/variables/address"), 404)
        problem(api.patch("/api/variables/address", json={}), 404)

    def test_what_is_there_is_replaced_only_when_that_is_said(self, api: Api) -> None:
        api.put("/api/variables/a", json={"value": 1})
        said = problem(api.put("/api/variables/a", json={"value": 2}), 409)
        assert "exists" in said["detail"]
        assert api.put("/api/variables/a", json={"value": 2, "overwrite": True}).json()["value"] == 2
        api.put("/api/variables/b", json={"value": 1})
        problem(api.patch("/api/variables/a", json={"new_name": "b"}), 409)

    def test_names_and_values_that_cannot_be_are_refused(self, api: Api) -> None:
        problem(api.put(f"/api/variables/{segment('Not Good')}", json={"value": 1}), 422)
        problem(api.put("/api/variables/a", json={"value": "x" * 6000}), 422)
        problem(api.put("/api/variables/a", json={}), 422)
        problem(api.put("/api/variables/a", json={"value": 1, "tags": "x"}), 422, "$.tags")

    def test_a_variable_may_be_called_like_a_word_of_the_path(self, api: Api) -> None:
        address = f"/api/variables/{segment('count')}"
        api.put(address, json={"value": 7})
        assert api.get(address).json()["value"] == 7
        assert api.get("/api/variables/count").json() == {"count": 1, "exact": True}

    def test_lists_are_read_to_their_end(self, api: Api) -> None:
        for number in range(7):
            api.put(f"/api/variables/v{number}", json={"value": number})
        found: list[str] = []
        asked: dict[str, Any] = {"limit": 3}
        while True:
            page = api.get("/api/variables", params=asked).json()
            found += [one["name"] for one in page["items"]]
            if page["next"] is None:
                break
            asked["cursor"] = page["next"]
        assert found == [f"v{number}" for number in range(7)]
        problem(api.get("/api/variables", params={"limit": 501}), 422, "$.limit")


class TestSettingLimits:
    def test_a_limit_is_made_read_changed_and_removed(self, api: Api) -> None:
        assert api.post("/api/concurrency_limits", json={"name": "db", "slots": 2}).status_code == 201
        problem(api.post("/api/concurrency_limits", json={"name": "db", "slots": 2}), 409)
        assert api.patch("/api/concurrency_limits/db", json={"slots": 3}).json()["limit"] == 3
        assert api.put("/api/concurrency_limits/db", json={"slots": 4, "active": False}).json()["active"] is False
        assert [one["name"] for one in api.get("/api/concurrency_limits").json()] == ["db"]
        assert api.delete("/api/concurrency_limits/db").status_code == 204
        for answer in (
            api.get("/api/concurrency_limits/db"),
            api.delete("/api/concurrency_limits/db"),
            api.patch("/api/concurrency_limits/db", json={"slots": 1}),
            api.post("/api/concurrency_limits/db/reset"),
        ):
            problem(answer, 404)

    def test_numbers_and_names_that_cannot_be_are_refused(self, api: Api) -> None:
        problem(api.post("/api/concurrency_limits", json={"name": "", "slots": 1}), 422, "$.name")
        problem(api.post("/api/concurrency_limits", json={"name": "a", "slots": -1}), 422, "$.slots")
        problem(api.post("/api/concurrency_limits", json={"name": "a"}), 422)

    @pytest.mark.parametrize("name", ["tag:a b", "known", "ümlaut?#&", "50%"])
    def test_whatever_a_limit_is_called_it_can_be_named(self, api: Api, plane: ControlPlane, name: str) -> None:
        plane.limits.create(name, 1)
        assert api.get(f"/api/concurrency_limits/{segment(name)}").json()["name"] == name

    def test_which_limits_exist(self, api: Api, plane: ControlPlane) -> None:
        plane.limits.create("a", 1)
        assert api.post("/api/concurrency_limits/known", json={"names": ["a", "b"]}).json() == ["a"]


class TestSlots:
    def test_slots_are_taken_shown_renewed_and_given_back(self, api: Api, plane: ControlPlane) -> None:
        plane.limits.create("db", 1)
        run, lease = UUID(bytes=make.new_id()), UUID(bytes=make.new_id())
        asked = SlotsAsked(["db"], 1, SlotsAsker.of(Asker(run=run.bytes, owner="host:1")), lease=lease)
        taken = convert(api.post("/api/concurrency_limits/acquire", json=to_builtins(asked)).json(), SlotsAnswer)
        assert taken.grant() == Grant(lease.bytes, ("db",), 1)
        limit = convert(api.get("/api/concurrency_limits/db").json(), LimitView)
        assert [(one.lease, one.flow_run_id, one.owner) for one in limit.holders] == [(lease, run, "host:1")]
        look = api.post("/api/concurrency_limits/look", json={"names": ["db"], "slots": 1}).json()
        assert (look["granted"], look["full"]) == (False, ["db"])
        renewed = {"names": ["db"], "slots": 1, "lease_seconds": 600}
        assert api.post(f"/api/concurrency_limits/leases/{lease}/renew", json=renewed).json() == []
        for _ in range(2):
            assert api.delete(f"/api/concurrency_limits/leases/{lease}").status_code == 204
        assert api.post("/api/concurrency_limits/look", json={"names": ["db"], "slots": 1}).json()["granted"]

    def test_a_missing_limit_is_an_error_unless_lenient(self, api: Api) -> None:
        said = problem(api.post("/api/concurrency_limits/acquire", json={"names": ["no"], "slots": 1}), 422)
        assert said["type"] == "urn:levada:concurrency-slot-acquisition-error"
        lenient = {"names": ["no"], "slots": 1, "strict": False}
        assert api.post("/api/concurrency_limits/acquire", json=lenient).json()["granted"]

    def test_who_waits_is_known_and_leaves_by_giving_the_lease_up(self, api: Api, plane: ControlPlane) -> None:
        plane.limits.create("db", 1)
        plane.limits.acquire(["db"], 1, Asker())
        run, lease = UUID(bytes=make.new_id()), UUID(bytes=make.new_id())
        asked = SlotsAsked(["db"], 1, SlotsAsker(run=run), lease=lease)
        assert api.post("/api/concurrency_limits/acquire", json=to_builtins(asked)).json()["full"] == ["db"]
        assert list(api.get(f"/api/concurrency_limits/waits/{run}").json()) == ["db"]
        api.delete(f"/api/concurrency_limits/leases/{lease}")
        assert api.get(f"/api/concurrency_limits/waits/{run}").json() == {}
        assert api.get(f"/api/concurrency_limits/waits/{uuid4()}").json() == {}

    def test_an_answer_waits_for_a_slot_that_comes_free(self, api: Api, plane: ControlPlane) -> None:
        plane.limits.create("db", 1)
        held = plane.limits.acquire(["db"], 1, Asker())
        assert isinstance(held, Grant)
        assert held.lease is not None
        first = held.lease
        asked = SlotsAsked(["db"], 1, lease=UUID(bytes=make.new_id()), wait=20.0)
        freed = threading.Timer(0.2, lambda: plane.limits.release(first))
        freed.start()
        begun = time.monotonic()
        assert api.post("/api/concurrency_limits/acquire", json=to_builtins(asked)).json()["granted"]
        assert 0.1 < time.monotonic() - begun < 10
        freed.join()

    def test_an_answer_that_waited_long_enough_says_no(self, api: Api, plane: ControlPlane) -> None:
        plane.limits.create("db", 1)
        plane.limits.acquire(["db"], 1, Asker())
        asked = SlotsAsked(["db"], 1, lease=UUID(bytes=make.new_id()), wait=0.3)
        assert api.post("/api/concurrency_limits/acquire", json=to_builtins(asked)).json()["full"] == ["db"]
        problem(
            api.post("/api/concurrency_limits/acquire", json={"names": ["db"], "slots": 1, "wait": 31}), 422, "$.wait"
        )

    def test_rate_limits_run_out_by_themselves(self, api: Api, plane: ControlPlane) -> None:
        plane.limits.create("rate", 2, decay=0.001)
        assert api.post("/api/concurrency_limits/pour", json={"names": ["rate"], "slots": 2}).json()["granted"]
        said = api.post("/api/concurrency_limits/pour", json={"names": ["rate"], "slots": 1}).json()
        assert said["full"] == ["rate"]
        assert said["retry_after"] > 0
        assert api.post("/api/concurrency_limits/rate/reset").json()["count"] == 0
