"""Whatever is asked of the server, it never answers that something went wrong in it.

Schemathesis makes requests from the OpenAPI document: such as it allows, and such as it does not. Short here, with a
fixed seed; long with ``LEVADA_CHAOS=long``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from litestar.testing import TestClient
from msgspec import msgpack
from schemathesis import GenerationMode

from levada.control import ControlPlane
from levada.core.settings import DatabaseSettings, Settings
from levada.server.app import create_app
from levada.store.opening import open_store
from tests.unit.server.api.conftest import tell_story

LONG = os.environ.get("LEVADA_CHAOS") == "long"
EXAMPLES = 200 if LONG else 4

_asked = settings(
    max_examples=EXAMPLES,
    derandomize=not LONG,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer("application/msgpack")
def packed(_: Any, value: Any) -> bytes:
    """Bodies that are MessagePack: of whatever schemathesis makes of a text."""
    if isinstance(value, str):
        return value.encode(errors="replace")
    try:
        return msgpack.encode(value)
    except OverflowError:  # a number that MessagePack has no room for
        return str(value).encode()


@pytest.fixture(params=["sqlite", "postgres"])
def client(request: pytest.FixtureRequest, levada_home: Path) -> Iterator[TestClient[Any]]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with ControlPlane(levada_home, store=open_store(levada_home, DatabaseSettings(url=url))) as plane:
        tell_story(plane)
        with TestClient(create_app(plane, Settings()), raise_server_exceptions=False) as made:
            yield made


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_makes_the_server_fail(client: TestClient[Any], mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
    failures: dict[str, str] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/stream") or "/ingest/words/" in operation.path:
            continue  # they wait for something to happen
        if LONG or mode is GenerationMode.POSITIVE or operation.body or operation.query:
            # What is wrong with a part of a path takes seconds to think of, and is soon told.
            ask(client, operation, mode, failures)
    assert not failures, "\n".join(f"{label}: {said}" for label, said in failures.items())


def ask(client: TestClient[Any], operation: Any, mode: GenerationMode, failures: dict[str, str]) -> None:
    """Ask one operation many things; what the server failed at goes to `failures`."""

    @_asked
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        answer = send(client, case)
        if answer.status_code >= 500 and answer.status_code != 503:
            failures[operation.label] = f"{answer.request.method} {answer.request.url} {case.body!r}: {answer.text}"

    try:
        asked()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "only a request without parts can have nothing wrong with it"


def send(client: TestClient[Any], case: Any) -> Any:
    """Send what schemathesis made, through the test client."""
    made = {
        name: value
        for name, value in case.as_transport_kwargs(base_url=str(client.base_url)).items()
        if name in {"method", "url", "params", "headers", "json", "data", "content"}
    }
    data = made.pop("data", None)
    if data is not None:
        made["content"] = data
    return client.request(**made)
