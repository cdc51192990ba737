"""Who asks: keys, the password, sessions, scopes; and who guesses."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from levada.control import ControlPlane
from levada.control.auth import EVERYBODY, Principal, passwords
from levada.control.auth.keys import new_text
from levada.core.errors import NotPermitted, ObjectAlreadyExists, RequestInvalid, TooManyRequests
from levada.core.settings import DatabaseSettings, ServerSettings, Settings
from levada.server import throttle
from levada.server.app import create_app
from levada.server.credentials import CSRF_COOKIE, SESSION_COOKIE
from levada.server.pattern import scope_of
from levada.server.security import policy_of
from levada.server.throttle import ATTEMPTS, REFILL_SECONDS, Throttle
from levada.store.opening import open_store


@pytest.fixture
def plane(levada_home) -> Iterator[ControlPlane]:
    with ControlPlane(levada_home) as made:
        yield made


def client(plane: ControlPlane, **server: Any) -> TestClient[Any]:
    settings = Settings(home=plane.home, server=ServerSettings(**server))
    app = create_app(plane, settings, policy=policy_of(settings, "127.0.0.1"))
    return TestClient(app, base_url="http://127.0.0.1:4200", raise_server_exceptions=False)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def basic(text: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


class TestKeys:
    def test_a_text_is_256_random_bits_in_letters_and_digits(self) -> None:
        assert new_text(bytes(32)) == "lvd_" + "0" * 43
        assert len(new_text(b"\xff" * 32)) == 47
        assert new_text() != new_text()
        assert new_text().removeprefix("lvd_").isalnum()

    def test_only_its_digest_is_kept(self, plane) -> None:
        key, text = plane.create_api_key("ci", ["read"])
        assert text.startswith(key.prefix)
        with plane.store.read() as transaction:
            rows = transaction.execute("SELECT * FROM api_keys")
        assert all(text not in str(value) and text.encode() not in bytes(str(value), "utf-8") for value in rows[0])

    def test_who_comes_with_it_is_known_until_it_is_revoked_or_expires(self, plane) -> None:
        key, text = plane.create_api_key("ci", ["read", "ingest"])
        assert plane.key_principal(text) == Principal("ci", "key", frozenset({"read", "ingest"}), key.id)
        assert plane.key_principal(text + "x") is None
        assert plane.read_api_keys()[0].last_used is not None
        assert plane.revoke_api_key(key.id)
        assert plane.key_principal(text) is None
        assert not plane.revoke_api_key(key.id)

    def test_an_expired_key_opens_nothing(self, plane) -> None:
        key, text = plane.create_api_key("short", ["*"], datetime.now(UTC) + timedelta(hours=1))
        with plane.store.write() as transaction:
            transaction.execute("UPDATE api_keys SET expires = ? WHERE id = ?", (transaction.now - 1, key.id.bytes))
        assert plane.key_principal(text) is None

    def test_names_scopes_and_ends_are_checked(self, plane) -> None:
        plane.create_api_key("ci")
        with pytest.raises(ObjectAlreadyExists, match="'ci'"):
            plane.create_api_key("ci")
        with pytest.raises(RequestInvalid, match="no scope 'all'"):
            plane.create_api_key("other", ["all"])
        with pytest.raises(RequestInvalid, match="past"):
            plane.create_api_key("other", ["*"], datetime.now(UTC) - timedelta(seconds=1))
        with pytest.raises(RequestInvalid, match="name"):
            plane.create_api_key(" ")

    def test_a_revoked_name_is_free_again(self, plane) -> None:
        key, _ = plane.create_api_key("ci")
        plane.revoke_api_key(key.id)
        plane.create_api_key("ci")
        assert [one.revoked is None for one in plane.read_api_keys()] == [True, False]


class TestScopes:
    def test_what_each_scope_is_good_for(self) -> None:
        reader, flow = Principal(scopes=frozenset({"read"})), Principal(scopes=frozenset({"ingest"}))
        assert reader.may("read")
        assert not reader.may("write")
        assert flow.may("read")
        assert flow.may("ingest")
        assert not flow.may("admin")
        assert EVERYBODY.may("admin")
        with pytest.raises(NotPermitted, match="'admin'"):
            reader.demand("admin")

    def test_a_handler_that_says_nothing_is_read_by_get_and_written_by_all_else(self) -> None:
        assert scope_of("GET", {}) == "read"
        assert scope_of("POST", {}) == "write"
        assert scope_of("POST", {"scope": None}) is None

    def test_every_route_has_its_scope_enforced(self, plane) -> None:
        keys = {scope: plane.create_api_key(scope, [scope])[1] for scope in ("read", "write", "ingest", "admin")}
        asked = {
            ("GET", "/api/flows"): {"read", "write", "ingest", "admin"},
            ("POST", "/api/flow_runs/filter"): {"read", "write", "ingest", "admin"},
            ("POST", "/api/ingest"): {"ingest"},
            ("PUT", "/api/variables/x"): {"write"},
            ("GET", "/api/api_keys"): {"admin"},
            ("POST", "/api/api_keys"): {"admin"},
            ("GET", "/api/admin/settings"): {"admin"},
        }
        with client(plane) as api:
            for (method, path), good in asked.items():
                for scope, key in keys.items():
                    status = api.request(method, path, content=b"", headers=bearer(key)).status_code
                    assert (status != 403) == (scope in good), (method, path, scope, status)
                assert api.request(method, path, content=b"").status_code == 401, (method, path)
            for path in ("/api/health", "/api/ready", "/api/version", "/"):
                assert api.get(path).status_code == 200

    def test_while_the_database_is_away_only_what_is_open_to_everybody_is_answered(
        self, levada_home, own_postgres
    ) -> None:
        store = open_store(levada_home, DatabaseSettings(url=own_postgres.url(), connect_timeout=1))
        with ControlPlane(levada_home, store) as plane, client(plane) as api:
            own_postgres.stop()
            api.app.state.keeper.forget()
            for path in ("/api/health", "/api/version", "/api/docs"):
                assert api.get(path).status_code == 200, path
            for path in ("/api/ready", "/api/flows", "/api/session"):
                assert api.get(path).status_code == 503, path
            assert api.post("/api/flow_runs/filter", json={}).status_code == 503


class TestComingIn:
    def test_nobody_needs_to_be_known_until_there_is_a_key(self, plane) -> None:
        with client(plane) as api:
            assert api.get("/api/flows").status_code == 200
            plane.create_api_key("ci")
            api.app.state.keeper.forget()
            refused = api.get("/api/flows")
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == 'Bearer realm="levada"'  # no window of the browser's
            assert refused.json()["type"] == "urn:levada:not-authenticated"

    def test_the_password_opens_everything_and_a_wrong_one_nothing(self, plane) -> None:
        with client(plane, auth_string="ann:se:cret") as api:
            assert api.get("/api/flows").status_code == 401
            assert api.get("/api/flows", headers=basic("ann:se:cret")).status_code == 200
            for wrong in ("ann:se:cre", "ann:", "bob:se:cret", "ann:se:cret2", ""):
                assert api.get("/api/flows", headers=basic(wrong)).status_code == 401

    def test_who_can_only_send_a_user_and_a_password_sends_a_key_as_either(self, plane) -> None:
        _, key = plane.create_api_key("ci")
        with client(plane) as api:
            assert api.get("/api/flows", headers=basic(f"any:{key}")).status_code == 200
            assert api.get("/api/flows", headers=basic(f"{key}:")).status_code == 200

    @pytest.mark.parametrize("value", ["Digest x", "Basic %%%", "nonsense", "Bearer ", "Bearer x"])
    def test_strange_headers_are_refused_not_stumbled_over(self, plane, value) -> None:
        with client(plane) as api:
            assert api.get("/api/flows", headers={"authorization": value}).status_code == 401

    def test_auth_off_asks_nobody(self, plane) -> None:
        plane.create_api_key("ci")
        with client(plane, auth="off") as api:
            assert api.get("/api/flows").status_code == 200

    def test_who_made_a_run_is_the_name_of_the_key(self, plane) -> None:
        _, key = plane.create_api_key("nightly", ["write"])
        with client(plane) as api:
            assert api.get("/api/session", headers=bearer(key)).json()["name"] == "nightly"


class TestSessions:
    @pytest.fixture
    def api(self, plane) -> Iterator[TestClient[Any]]:
        with client(plane, auth_string="ann:secret") as made:
            yield made

    def log_in(self, api: TestClient[Any]) -> str:
        answer = api.post("/api/session", json={"user": "ann", "password": "secret"})
        assert answer.status_code == 201
        return str(answer.json()["csrf"])

    def test_a_browser_logs_in_and_out(self, api) -> None:
        assert api.get("/api/session").json() == {"known": False}
        assert api.post("/api/session", json={"user": "ann", "password": "wrong"}).status_code == 401
        token = self.log_in(api)
        assert api.get("/api/session").json()["kind"] == "session"
        assert api.get("/api/flows").status_code == 200
        assert api.delete("/api/session", headers={"x-levada-csrf": token}).status_code == 200
        assert api.get("/api/flows").status_code == 401

    def test_its_cookie_is_out_of_reach_of_scripts_and_other_sites_and_kept_as_a_digest(self, api, plane) -> None:
        answer = api.post("/api/session", json={"user": "ann", "password": "secret"})
        cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(SESSION_COOKIE))
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        token = answer.cookies[SESSION_COOKIE]
        with plane.store.read() as transaction:
            assert token not in str(transaction.execute("SELECT * FROM sessions"))

    def test_a_change_needs_the_token_that_only_our_page_can_read(self, api) -> None:
        token = self.log_in(api)
        assert api.cookies[CSRF_COOKIE] == token
        for sent in ({}, {"x-levada-csrf": "wrong"}):
            refused = api.put("/api/variables/x", json={"value": 1}, headers=sent)
            assert refused.status_code == 403
            assert "x-levada-csrf" in refused.json()["detail"]
        assert api.put("/api/variables/x", json={"value": 1}, headers={"x-levada-csrf": token}).status_code < 300

    def test_a_key_needs_no_token(self, api, plane) -> None:
        _, key = plane.create_api_key("ci")
        assert api.put("/api/variables/x", json={"value": 1}, headers=bearer(key)).status_code < 300

    def test_it_ends_with_the_key_it_was_opened_with(self, api, plane) -> None:
        key, text = plane.create_api_key("ci", ["read"])
        assert api.post("/api/session", json={"key": text}).json()["scopes"] == ["read"]
        assert api.get("/api/flows").status_code == 200
        plane.revoke_api_key(key.id)
        api.app.state.keeper.forget()
        assert api.get("/api/flows").status_code == 401

    def test_it_ends_with_the_password_it_was_opened_with(self, plane) -> None:
        principal = Principal("ann", "password")
        token = plane.begin_session(principal, passwords.seal("ann:secret"))
        assert plane.session_principal(token, passwords.seal("ann:secret")) is not None
        assert plane.session_principal(token, passwords.seal("ann:other")) is None
        assert plane.session_principal(token, passwords.seal(None)) is None

    def test_it_ends_after_its_time(self, plane) -> None:
        seal = passwords.seal("ann:secret")
        token = plane.begin_session(Principal("ann", "password"), seal)
        with plane.store.write() as transaction:
            transaction.execute("UPDATE sessions SET expires = ?", (transaction.now,))
        assert plane.session_principal(token, seal) is None
        plane.begin_session(Principal("ann", "password"), seal)
        with plane.store.read() as transaction:
            assert len(transaction.execute("SELECT hash FROM sessions")) == 1


class TestGuessing:
    def test_an_address_that_guesses_is_told_to_wait(self, plane) -> None:
        with client(plane, auth_string="ann:secret") as api:
            answers = [api.get("/api/flows", headers=basic(f"ann:{n}")) for n in range(ATTEMPTS + 3)]
            assert [one.status_code for one in answers[:ATTEMPTS]] == [401] * ATTEMPTS
            assert answers[-1].status_code == 429
            assert int(answers[-1].headers["retry-after"]) >= 1
            # It does not find out this way what would have been right, either.
            assert api.get("/api/flows", headers=basic("ann:secret")).status_code == 429

    def test_a_good_key_comes_in_beside_one_who_guesses(self, plane) -> None:
        _, key = plane.create_api_key("ci")
        with client(plane) as api:
            for number in range(ATTEMPTS + 3):
                api.get("/api/flows", headers=bearer(f"lvd_{number}"))
            assert api.get("/api/flows", headers=bearer("lvd_x")).status_code == 429
            assert api.get("/api/flows", headers=bearer(key)).status_code == 200

    def test_attempts_come_back_with_time(self) -> None:
        now = [0.0]
        slowed = Throttle(lambda: now[0])
        for _ in range(ATTEMPTS):
            slowed.check("10.0.0.1")
            slowed.failed("10.0.0.1")
        with pytest.raises(TooManyRequests):
            slowed.check("10.0.0.1")
        slowed.check("10.0.0.2")
        now[0] += REFILL_SECONDS
        slowed.check("10.0.0.1")

    def test_addresses_of_one_ipv6_network_are_one(self) -> None:
        slowed = Throttle(lambda: 0.0)
        for number in range(ATTEMPTS):
            slowed.failed(f"2001:db8::{number:x}")
        with pytest.raises(TooManyRequests):
            slowed.check("2001:db8::ffff")
        slowed.check("2001:db8:0:1::1")

    def test_its_memory_is_bounded(self, monkeypatch) -> None:
        monkeypatch.setattr(throttle, "MOST_ADDRESSES", 100)
        slowed = Throttle(lambda: 0.0)
        for number in range(500):
            slowed.failed(f"10.0.{number // 256}.{number % 256}")
        assert len(slowed) == 100
