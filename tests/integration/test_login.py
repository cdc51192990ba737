"""Logging in to a real server and out of it, and the key that it does not know."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.servers import Server, levada, serving


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server that wants a key, and a key that it knows."""
    home = {"LEVADA_HOME": str(tmp_path_factory.mktemp("server"))}
    key = levada("server", "api-key", "create", "me", "--scope", "read", env=home).stdout.strip()
    with serving(env={**home, "LEVADA_SERVER_AUTH": "required"}) as server:
        yield server, key


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


class TestLogin:
    def test_a_key_that_is_known_is_kept_for_its_owner_alone(
        self, guarded: tuple[Server, str], levada_home: Path
    ) -> None:
        server, key = guarded
        done = levada("server", "login", "--url", address(server), "--key", key)
        assert done.returncode == 0, done.stderr
        assert "as 'me'; allowed: read" in done.stdout
        profiles = levada_home / "profiles.toml"
        assert stat.S_IMODE(os.stat(profiles).st_mode) == 0o600
        assert f'{address(server)}/api"' in profiles.read_text()
        listed = levada("flow-run", "ls", "--output", "json")
        assert (listed.returncode, listed.stdout.strip()) == (0, "[]"), listed.stderr
        refused = levada("variable", "set", "a", "1")
        assert refused.returncode == 1
        assert "write" in refused.stderr

        out = levada("server", "logout")
        assert out.returncode == 0, out.stderr
        assert key not in profiles.read_text()
        assert levada("server", "logout").returncode == 1

    def test_a_profile_that_is_named_is_made_and_used(self, guarded: tuple[Server, str]) -> None:
        server, key = guarded
        levada("profile", "create", "before")
        done = levada("server", "login", "--url", address(server), "--key", key, "--profile", "team")
        assert "Kept in profile 'team'" in done.stdout
        assert '"active": true' in levada("profile", "ls", "--output", "json").stdout
        assert address(server) in levada("version").stdout

    def test_a_wrong_key_is_told_and_nothing_is_kept(self, guarded: tuple[Server, str], levada_home: Path) -> None:
        server, _ = guarded
        done = levada("server", "login", "--url", address(server), "--key", "lv_wrong")
        assert done.returncode == 1
        assert "does not know this key" in done.stderr
        assert not (levada_home / "profiles.toml").exists()

    def test_a_server_that_wants_a_key_is_not_entered_without(self, guarded: tuple[Server, str]) -> None:
        server, _ = guarded
        done = levada("server", "login", "--url", address(server))
        assert done.returncode == 1
        assert "--key" in done.stderr

    def test_a_server_that_is_away_is_told(self) -> None:
        done = levada("server", "login", "--url", "127.0.0.1:1")
        assert done.returncode == 1
        assert "http://127.0.0.1:1/api does not answer" in done.stderr
        assert "Traceback" not in done.stderr

    def test_an_address_that_is_none_is_told(self) -> None:
        assert levada("server", "login", "--url", "ftp://x").returncode == 2
        assert levada("server", "login").returncode == 2
