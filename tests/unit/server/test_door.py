"""The door: whom the server listens to, and what it says to everybody."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from levada.control import ControlPlane
from levada.core.errors import ConfigurationError
from levada.core.settings import ServerSettings, Settings
from levada.server.app import create_app
from levada.server.security import check_exposure, host_name, is_loopback, policy_of

HERE = "http://127.0.0.1:4200"
LIMIT = 20_000


@pytest.fixture
def plane(levada_home) -> Iterator[ControlPlane]:
    with ControlPlane(levada_home) as made:
        yield made


def client(plane: ControlPlane, host: str = "127.0.0.1", **server: Any) -> TestClient[Any]:
    settings = Settings(home=plane.home, server=ServerSettings(host=host, max_body_bytes=LIMIT, **server))
    app = create_app(plane, settings, policy=policy_of(settings, host))
    return TestClient(app, base_url=HERE, raise_server_exceptions=False)


@pytest.fixture
def api(plane) -> Iterator[TestClient[Any]]:
    with client(plane) as made:
        yield made


class TestHosts:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost:4200", "[::1]:4200", "127.9.9.9", "app.localhost"])
    def test_names_of_this_machine_are_ours(self, api, host) -> None:
        assert api.get("/api/flows", headers={"host": host}).status_code == 200

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:4200", "127.0.0.1.evil.example", "10.0.0.1"])
    def test_a_foreign_name_that_resolves_to_us_is_refused_with_the_way_to_allow_it(self, api, host) -> None:
        answer = api.get("/api/flows", headers={"host": host})
        assert answer.status_code == 403
        assert "LEVADA_SERVER_ALLOWED_HOSTS" in answer.json()["detail"]

    def test_the_page_and_health_are_guarded_as_well(self, api) -> None:
        for path in ("/", "/api/health", "/api/docs", "/nothing"):
            assert api.get(path, headers={"host": "evil.example"}).status_code == 403

    def test_names_that_are_allowed_are_ours(self, plane) -> None:
        with client(plane, allowed_hosts=("Levada.example",)) as api:
            assert api.get("/api/flows", headers={"host": "levada.EXAMPLE:443"}).status_code == 200
            assert api.get("/api/flows", headers={"host": "other.example"}).status_code == 403

    def test_who_listens_to_the_network_is_asked_by_address(self, plane) -> None:
        with client(plane, host="0.0.0.0", auth="off") as api:
            assert api.get("/api/flows", headers={"host": "10.1.2.3:4200"}).status_code == 200
            assert api.get("/api/flows", headers={"host": "evil.example"}).status_code == 403

    @pytest.mark.parametrize(
        ("header", "name"),
        [("a:1", "a"), ("A", "a"), ("[::1]:4200", "::1"), ("[::1]", "::1"), ("", ""), ("a:b", "a:b")],
    )
    def test_the_name_of_a_host_header(self, header, name) -> None:
        assert host_name(header) == name

    def test_what_is_loopback(self) -> None:
        assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.1.2.3", "::1", "x.localhost"]))
        assert not any(map(is_loopback, ["0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", ""]))


class TestOrigins:
    def test_a_foreign_page_may_not_change_anything(self, api) -> None:
        for origin in ("http://evil.example", "null", "http://127.0.0.1:9999"):
            answer = api.post("/api/flow_runs/filter", json={}, headers={"origin": origin})
            assert answer.status_code == 403, origin
        # An old-fashioned form: no Origin, but the browser says where it comes from.
        assert api.post("/api/flow_runs/filter", json={}, headers={"sec-fetch-site": "cross-site"}).status_code == 403

    def test_an_origin_that_is_none_is_a_foreign_one_and_no_error_of_ours(self, api) -> None:
        for origin in ("http://[", "http://a]b"):
            answer = api.post("/api/flow_runs/filter", json={}, headers={"origin": origin})
            assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json"), origin

    def test_our_own_page_may(self, api) -> None:
        answer = api.post("/api/flow_runs/filter", json={}, headers={"origin": HERE, "sec-fetch-site": "same-origin"})
        assert answer.status_code == 200

    def test_programs_that_are_no_browsers_say_no_origin(self, api) -> None:
        assert api.post("/api/flow_runs/filter", json={}).status_code == 200

    def test_there_is_no_cors_unless_settings_name_an_origin(self, api, plane) -> None:
        asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
        assert "access-control-allow-origin" not in api.options("/api/flow_runs/filter", headers=asked).headers
        with client(plane, cors_origins=("https://app.example",)) as open_to_one:
            preflight = open_to_one.options("/api/flow_runs/filter", headers=asked)
            assert preflight.status_code == 204
            assert preflight.headers["access-control-allow-origin"] == "https://app.example"
            real = open_to_one.post("/api/flow_runs/filter", json={}, headers={"origin": "https://app.example"})
            assert real.status_code == 200
            assert real.headers["access-control-allow-origin"] == "https://app.example"
            other = open_to_one.post("/api/flow_runs/filter", json={}, headers={"origin": "https://other.example"})
            assert other.status_code == 403


class TestEveryAnswer:
    @pytest.mark.parametrize("path", ["/", "/api/flows", "/api/docs", "/api/nothing", "/api/flows/none"])
    def test_it_tells_browsers_to_be_careful_and_has_an_id(self, api, path) -> None:
        headers = api.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"])

    def test_an_id_that_is_given_is_kept_when_it_is_harmless(self, api) -> None:
        assert api.get("/api/health", headers={"x-request-id": "trace-1"}).headers["x-request-id"] == "trace-1"
        assert api.get("/api/health", headers={"x-request-id": "a b<script>"}).headers["x-request-id"] != "a b<script>"

    def test_problems_carry_the_id_of_their_request(self, api) -> None:
        answer = api.get("/api/flows/none")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


class TestBodies:
    def ask(self, api: TestClient[Any], content: Any, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return api.post("/api/flow_runs/filter", content=content, headers=named)

    def test_json_and_messagepack_gzipped_or_not_mean_the_same(self, api) -> None:
        query = {"limit": 3}
        json, packed = msgspec.json.encode(query), msgspec.msgpack.encode(query)
        assert self.ask(api, json).status_code == 200
        assert self.ask(api, packed, content_type="application/msgpack").status_code == 200
        assert self.ask(api, gzip.compress(json), content_encoding="gzip").status_code == 200
        assert self.ask(api, zlib.compress(json), content_encoding="deflate").status_code == 200
        both = self.ask(
            api,
            gzip.compress(packed),
            content_encoding="gzip",
            content_type="application/msgpack",
            accept="application/msgpack",
        )
        assert msgspec.msgpack.decode(both.content) == {"items": [], "next": None}

    def test_types_are_not_guessed(self, api) -> None:
        answer = self.ask(api, b'{"limit": "3"}')
        assert answer.status_code == 422
        assert answer.json()["fields"] == [{"path": "$.limit", "message": "Expected `int`, got `str`"}]

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"limit":1e999}', b"nul\x00"])
    def test_what_is_no_request_is_said_to_be_none(self, api, content) -> None:
        answer = self.ask(api, content)
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:levada:request-invalid"

    def test_a_body_beyond_the_limit_is_refused_whether_it_says_so_or_not(self, api) -> None:
        for content in (b" " * (LIMIT + 1), (b" " * 5000 for _ in range(5))):
            answer = self.ask(api, content)
            assert answer.status_code == 413
            assert answer.json()["type"] == "urn:levada:request-too-large"

    def test_a_bomb_is_not_unpacked(self, api) -> None:
        bomb = gzip.compress(b" " * 50_000_000 + b"{}")
        assert len(bomb) < LIMIT * 3
        twice = gzip.compress(bomb)
        assert self.ask(api, gzip.compress(b" " * 15_000_000), content_encoding="gzip").status_code == 413
        assert self.ask(api, twice, content_encoding="gzip, gzip").status_code == 422

    def test_a_damaged_body_and_a_strange_packing_are_said(self, api) -> None:
        whole = gzip.compress(b'{"limit": 3}')
        for content, packing in ((whole[:-6], "gzip"), (b"plain", "gzip"), (whole, "br")):
            assert self.ask(api, content, content_encoding=packing).status_code == 422

    def test_answers_that_are_long_are_gzipped_for_who_can_read_it(self, api) -> None:
        packed = api.get("/api/openapi.json", headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        plain = api.get("/api/openapi.json", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert packed.json() == plain.json()


class TestExposure:
    def check(self, host: str, *, has_keys: bool = False, allowed: bool = False, **server: Any) -> str | None:
        settings = Settings(server=ServerSettings(**server))
        return check_exposure(settings, host, has_keys=has_keys, allow_unauthenticated=allowed)

    def test_this_machine_alone_needs_nothing(self) -> None:
        assert self.check("127.0.0.1") is None
        assert self.check("::1", auth="off") is None

    def test_the_network_needs_a_key_or_a_password(self) -> None:
        with pytest.raises(ConfigurationError, match="--allow-unauthenticated"):
            self.check("0.0.0.0")
        assert self.check("0.0.0.0", has_keys=True) is None
        assert self.check("0.0.0.0", auth_string="ann:secret") is None

    def test_switching_authentication_off_does_not_open_the_network(self) -> None:
        with pytest.raises(ConfigurationError, match=r"do not switch server\.auth off"):
            self.check("0.0.0.0", has_keys=True, auth="off")

    def test_said_aloud_it_serves_everybody_and_warns(self) -> None:
        assert (self.check("0.0.0.0", allowed=True) or "").startswith("WARNING")

    def test_a_required_key_that_nobody_has_is_told_at_the_start(self) -> None:
        with pytest.raises(ConfigurationError, match="nobody could come in"):
            self.check("127.0.0.1", auth="required")

    def test_a_password_has_a_user(self) -> None:
        with pytest.raises(ConfigurationError, match="user:password"):
            self.check("127.0.0.1", auth_string="secret")

    def test_a_guarded_server_does_not_open_when_its_last_key_is_revoked(self) -> None:
        assert policy_of(Settings(), "0.0.0.0").required is True
        assert policy_of(Settings(), "127.0.0.1").required is None
