"""Every verb of the control plane is a request, and every request is a verb, at the address that its docstring says."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from litestar.testing import TestClient

from levada.server.api.document import document, operations
from levada.wire import verbs

SHARED = {"count_flow_runs": "count_flow_runs_up_to", "count_task_runs": "count_task_runs_up_to"}
"""Verbs that are the same request as another one, asked with another bound."""

NOT_ASKED = {"close", "drain"}
"""Parts of a plane that are no verbs; its properties are none either."""

STREAMED = {"events_after"}
"""Verbs that are answered by a stream."""

WITHOUT_VERB = {
    "why_task_run",
    "download_flow_run_logs",
    "export_logs",
    "read_settings",
    "read_retention",
    "read_services",
    "await_word",
}
"""Requests that are another form of a verb, or about the server itself."""

_REQUEST = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*?)[?:;,.]*(\?\S*)?(\s|$)")

_GROUPS = {"": (verbs.Runs, verbs.Records, verbs.Administration, verbs.Deployments, verbs.Work, verbs.Plane)}
_PREFIXED = {"variables_": verbs.VariableVerbs, "limits_": verbs.LimitVerbs}


def requests_of_verbs() -> dict[str, str]:
    """The operation of each verb, and the request that its docstring names."""
    found = {}
    for prefix, groups in [("", _GROUPS[""]), *((prefix, (group,)) for prefix, group in _PREFIXED.items())]:
        for group in groups:
            for name, verb in vars(group).items():
                if name.startswith("_") or isinstance(verb, property) or name in NOT_ASKED | STREAMED:
                    continue
                told = _REQUEST.match(inspect.getdoc(verb) or "")
                assert told is not None, f"{name} does not say which request it is"
                found[prefix + SHARED.get(name, name)] = f"{told[1]} {told[2]}"
    return found


def plain(path: str) -> str:
    """A path with nameless placeholders."""
    return re.sub(r"\{[^}]*\}", "{}", path).rstrip(".,;:")


@pytest.fixture
def found(api: TestClient[Any]) -> dict[str, str]:
    """Method and path of every operation that the document has."""
    made = document(api.app)
    return {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, methods in made["paths"].items()
        for method, operation in methods.items()
    }


def test_every_verb_has_a_handler_at_the_address_it_names(found: dict[str, str]) -> None:
    for operation, request in requests_of_verbs().items():
        method, _, path = request.partition(" ")
        assert operation in found, f"no handler of {operation}"
        assert plain(found[operation]) == plain(f"{method} /api{path}"), operation


def test_every_handler_of_a_resource_has_a_verb(found: dict[str, str]) -> None:
    known = requests_of_verbs().keys() | WITHOUT_VERB
    resources = {request.partition(" ")[2].split("/")[1] for request in requests_of_verbs().values()}
    strangers = {
        operation
        for operation, request in found.items()
        if request.split("/")[2] in resources and not request.endswith("/stream") and operation not in known
    }
    assert not strangers


def test_every_operation_says_what_it_does_and_what_can_go_wrong(api: TestClient[Any]) -> None:
    made = document(api.app)
    for operation in operations(made):
        name = operation["operationId"]
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert "400" not in operation["responses"], name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), f"{name}: {parameter['name']}"
    for name in requests_of_verbs():
        operation = next(one for one in operations(made) if one["operationId"] == name)
        assert {"401", "403", "422", "429", "503"} <= operation["responses"].keys(), name


def test_the_document_is_served_and_describes_its_schemas(api: TestClient[Any]) -> None:
    served = api.get("/api/openapi.json").json()
    assert served["openapi"].startswith("3.1")
    schemas = served["components"]["schemas"]
    assert schemas["FlowRunQuery"]["description"].startswith("Which flow runs")
    assert "live_state" not in schemas["FlowRun"]["properties"]
    assert not [name for name, schema in schemas.items() if not schema.get("description")]
