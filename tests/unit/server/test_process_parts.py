"""Small parts of a server's process: its presence in the home, its log lines, its end."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator

import pytest

from levada.core.errors import ConfigurationError, ObjectNotFound, StoreUnavailable, TransitionRefused
from levada.core.settings import DatabaseSettings, Settings
from levada.server import log_lines, presence, wiring
from levada.server.log_lines import quoted
from levada.server.presence import Presence, occupy, running
from levada.server.problems import kind, problem_of, status_of
from levada.server.stopping import Stopping


def described(port: int, **changes: object) -> Presence:
    values = {
        "pid": os.getpid(),
        "host": "127.0.0.1",
        "port": port,
        "started": 1.0,
        "version": "1",
        "database": "sqlite",
    }
    return Presence(**{**values, **changes})  # type: ignore[arg-type]


class TestPresence:
    def test_a_server_is_there_while_it_holds_its_lock(self, levada_home) -> None:
        assert running(levada_home) == []
        held = occupy(levada_home, 4200)
        assert running(levada_home) == []  # it does not serve yet
        held.describe(described(4200))
        assert running(levada_home) == [described(4200)]
        held.release()
        assert running(levada_home) == []

    def test_a_file_without_its_lock_is_of_a_server_that_was_killed(self, levada_home) -> None:
        held = occupy(levada_home, 4200)
        held.describe(described(4200))
        held.forget()
        assert (levada_home / "server" / "4200.json").exists()
        assert running(levada_home) == []
        occupy(levada_home, 4200).release()

    def test_a_place_that_is_taken_is_said_to_be(self, levada_home, monkeypatch) -> None:
        monkeypatch.setattr(presence, "_PROBES_LAST", 0.05)
        held = occupy(levada_home, 4200)
        with pytest.raises(ConfigurationError, match="levada server stop"):
            occupy(levada_home, 4200)
        held.release()

    def test_its_address_is_where_this_machine_reaches_it(self) -> None:
        assert described(1, host="0.0.0.0").url == "http://127.0.0.1:1"
        assert described(1, host="::1").url == "http://[::1]:1"
        assert described(1, host="::").url == "http://[::1]:1"

    def test_nobody_else_may_read_the_folder(self, levada_home) -> None:
        occupy(levada_home, 4200).release()
        assert (levada_home / "server").stat().st_mode & 0o077 == 0


class TestWaitingForTheDatabase:
    def test_it_says_once_why_it_waits_and_that_it_found_it(self, levada_home, monkeypatch) -> None:
        real, away = wiring.open_store, iter([True, True, False])

        def open_store(home, database):
            if next(away):
                raise StoreUnavailable("nobody answers")
            return real(home, database)

        monkeypatch.setattr(wiring, "open_store", open_store)
        told: list[str] = []
        pauses: list[float] = []
        store = wiring.opened(Settings(home=levada_home, database=DatabaseSettings()), told.append, pauses.append)
        store.close()
        assert told == ["Waiting for the database: nobody answers", "The database is there."]
        assert len(pauses) == 2


class TestProblems:
    def test_a_type_is_the_class_in_kebab_case(self) -> None:
        assert kind(ObjectNotFound) == "urn:levada:object-not-found"

    def test_errors_we_know_have_their_status_and_others_say_nothing_of_themselves(self) -> None:
        assert status_of(TransitionRefused("no")) == 409
        assert status_of(KeyError("secret")) == 500
        said = problem_of(KeyError("secret"), "r1")
        assert "secret" not in said.detail
        assert "r1" in said.detail


class TestLogLines:
    @pytest.fixture
    def log(self) -> Iterator[io.StringIO]:
        names = ("levada", "uvicorn", "asyncio", "litestar")
        before = [
            (logging.getLogger(one), logging.getLogger(one).handlers, logging.getLogger(one).level) for one in names
        ]
        stream = io.StringIO()
        log_lines.set_up("INFO", stream)
        yield stream
        for logger, handlers, level in before:
            logger.handlers, logger.propagate = handlers, True
            logger.setLevel(level)

    def test_a_line_is_keys_and_values_and_a_traceback_is_one_of_them(self, log) -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            logging.getLogger("levada.server").exception("It failed: %s", 'a "b"')
        lines = log.getvalue().splitlines()
        assert len(lines) == 1
        assert 'level=error logger=levada.server message="It failed: a \\"b\\""' in lines[0]
        assert "ValueError: broken" in lines[0]

    def test_what_is_not_ours_is_heard_from_warnings_on(self, log) -> None:
        logging.getLogger("uvicorn.error").info("chatter")
        logging.getLogger("uvicorn.error").warning("trouble")
        assert "chatter" not in log.getvalue()
        assert "trouble" in log.getvalue()

    def test_a_value_cannot_break_out_of_its_line(self) -> None:
        assert quoted("plain") == "plain"
        assert quoted("") == '""'
        assert quoted("a\nlevel=error") == '"a\\nlevel=error"'


class TestStopping:
    def test_who_waits_is_told_once_and_who_comes_late_at_once(self) -> None:
        stopping, told = Stopping(), []
        stopping.when(lambda: told.append("early"))
        stopping.when(lambda: told.append("gone"))()
        stopping.set()
        stopping.set()
        stopping.when(lambda: told.append("late"))
        assert told == ["early", "late"]
