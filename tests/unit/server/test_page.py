"""The page for people beside the API: what is served, how long it is kept, what stands there without a build."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from levada.control import ControlPlane
from levada.core.settings import Settings
from levada.server.app import create_app
from levada.server.page import Page
from levada.server.security import policy_of

HTML = {"accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def built(tmp_path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Levada</title>")
    script = folder / "assets" / "index-abc123.js"
    script.write_text("console.log('levada')")
    script.with_name("index-abc123.js.gz").write_bytes(gzip.compress(script.read_bytes()))
    (folder / "notes.secret").write_text("not for the web")
    return folder


@pytest.fixture
def api(levada_home, built, monkeypatch) -> Iterator[TestClient[Any]]:
    monkeypatch.setattr(Page.__init__, "__defaults__", (built,))
    with ControlPlane(levada_home) as plane:
        settings = Settings(home=plane.home)
        app = create_app(plane, settings, policy=policy_of(settings, "127.0.0.1"))
        with TestClient(app, base_url="http://127.0.0.1:4200") as client:
            yield client


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/0192", "/work-pools/a.b", "/deployments?tag=x"])
def test_every_address_that_is_no_file_shows_the_page(api, path) -> None:
    answer = api.get(path, headers=HTML)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_files_with_a_digest_in_their_name_are_kept_for_ever_and_travel_packed(api) -> None:
    answer = api.get("/assets/index-abc123.js", headers={"accept-encoding": "gzip"})
    assert answer.text == "console.log('levada')"
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert "content-encoding" not in api.get("/assets/index-abc123.js", headers={"accept-encoding": "identity"}).headers


def test_what_is_unchanged_is_not_sent_again(api) -> None:
    tag = api.get("/", headers=HTML).headers["etag"]
    again = api.get("/", headers={**HTML, "if-none-match": tag})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    "path", ["/assets/gone-000000.js", "/notes.secret", "/..%2f..%2fetc%2fpasswd", "/assets/%2e%2e/notes.secret"]
)
def test_what_is_not_of_the_page_is_not_there(api, path) -> None:
    answer = api.get(path, headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_api_keeps_its_own_answers(api) -> None:
    for path in ("/api", "/api/", "/api/nothing"):
        answer = api.get(path, headers=HTML)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
    assert api.post("/runs").status_code == 404


def test_a_page_built_anew_is_served_without_a_restart(api, built) -> None:
    assert "Levada" in api.get("/", headers=HTML).text
    (built / "index.html").unlink()
    assert "make ui" in api.get("/", headers=HTML).text
    (built / "index.html").write_text("<!doctype html>anew")
    assert "anew" in api.get("/", headers=HTML).text


def test_without_a_build_a_notice_says_how_to_make_one(api, built) -> None:
    (built / "index.html").unlink()
    answer = api.get("/runs", headers=HTML)
    assert answer.status_code == 200
    assert "make ui" in answer.text


def test_without_a_page_there_is_only_the_api(levada_home) -> None:
    with ControlPlane(levada_home) as plane:
        settings = Settings(home=plane.home)
        app = create_app(plane, settings, policy=policy_of(settings, "127.0.0.1"), ui=False)
        with TestClient(app, base_url="http://127.0.0.1:4200") as client:
            assert client.get("/", headers=HTML).status_code == 404
            assert client.get("/api/health").status_code == 200
