"""Which source wins, what is said of a value that does not fit, and what profiles keep."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from levada import settings as module
from levada.core.errors import ConfigurationError, MissingProfileError, ProfileSettingsValidationError
from levada.core.precedence import Layer, problems, resolve
from levada.core.settings import Settings, catalogue, env_name, names
from levada.settings import get_current_settings, refresh_settings, temporary_settings
from levada.settings.profiles import (
    Profile,
    ProfilesCollection,
    load_current_profile,
    load_profile,
    load_profiles,
    save_profiles,
    update_current_profile,
)
from levada.settings.sources import current_home, place, read_layers, with_profile

RETRIES = "tasks.default_retries"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, and the current directory inside it."""
    (tmp_path / ".git").mkdir()
    inside = tmp_path / "pipelines" / "daily"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    return tmp_path


def fresh() -> Settings:
    refresh_settings()
    return get_current_settings()


class TestTheModel:
    def test_every_setting_says_what_it_does_and_what_it_takes(self):
        silent = [one.name for one in catalogue() if not one.description.endswith(".") or not one.allowed]
        assert silent == []

    def test_every_default_is_allowed(self):
        defaults = {one.name: one.default for one in catalogue()}
        assert problems(Layer("given", defaults), place) == []

    def test_environment_names_are_unambiguous(self):
        assert len(set(names().values())) == len(names())

    def test_a_setting_is_named_by_path_or_environment_name(self, levada_home):
        settings = get_current_settings()
        assert settings.value("home") == settings.value("LEVADA_HOME") == levada_home

    def test_an_unknown_name_suggests_the_one_that_was_meant(self):
        with pytest.raises(ConfigurationError, match=r"Did you mean 'tasks.default_retries'"):
            get_current_settings().value("tasks.default_retry")
        with pytest.raises(ConfigurationError, match=r"Did you mean 'LEVADA_LOGGING_LEVEL'"):
            get_current_settings().value("LEVADA_LOGING_LEVEL")

    def test_values_are_read_by_the_names_of_the_environment(self):
        assert module.LEVADA_TASKS_DEFAULT_RETRIES.value() == 0
        with temporary_settings({module.LEVADA_TASKS_DEFAULT_RETRIES: 3}) as settings:
            assert module.LEVADA_TASKS_DEFAULT_RETRIES.value() == 3
            assert module.LEVADA_TASKS_DEFAULT_RETRIES.value_from(settings) == 3
        with pytest.raises(AttributeError, match="LEVADA_NO_SUCH"):
            _ = module.LEVADA_NO_SUCH


class TestPrecedence:
    SOURCES = ("profile", "pyproject.toml", "levada.toml", ".env", "environment")

    @pytest.mark.parametrize("highest", range(len(SOURCES)))
    def test_of_all_sources_that_give_a_value_the_highest_wins(self, project, monkeypatch, levada_home, highest):
        present = self.SOURCES[: highest + 1]
        for number, source in enumerate(present, start=1):
            match source:
                case "profile":
                    save_profiles(ProfilesCollection({"mine": Profile("mine", {RETRIES: number})}, "mine"))
                case "pyproject.toml":
                    (project / "pyproject.toml").write_text(f"[tool.levada.tasks]\ndefault_retries = {number}\n")
                case "levada.toml":
                    (project / "levada.toml").write_text(f"[tasks]\ndefault_retries = {number}\n")
                case ".env":
                    Path(".env").write_text(f"LEVADA_TASKS_DEFAULT_RETRIES={number}\n")
                case _:
                    monkeypatch.setenv("LEVADA_TASKS_DEFAULT_RETRIES", str(number))
        settings = fresh()
        assert settings.tasks.default_retries == len(present)
        assert settings.source(RETRIES).kind == present[-1]
        with temporary_settings({RETRIES: 99}) as changed:
            assert (changed.tasks.default_retries, changed.source(RETRIES).kind) == (99, "given")

    def test_a_default_says_that_it_is_one(self):
        assert str(get_current_settings().source(RETRIES)) == "default"

    def test_the_nearest_file_wins_and_nothing_above_the_project_counts(self, project, monkeypatch):
        (project.parent / "levada.toml").write_text("tasks.default_retries = 7\n")
        assert fresh().tasks.default_retries == 0
        (project / "levada.toml").write_text("tasks.default_retries = 1\n")
        (project / "pipelines" / "levada.toml").write_text("tasks.default_retries = 2\n")
        settings = fresh()
        assert settings.tasks.default_retries == 2
        assert str(settings.source(RETRIES)) == str(project / "pipelines" / "levada.toml")
        (project.parent / "levada.toml").unlink()

    def test_outside_a_project_only_the_current_directory_counts(self, tmp_path, monkeypatch):
        inside = tmp_path / "a" / "b"
        inside.mkdir(parents=True)
        (inside.parent / "levada.toml").write_text("tasks.default_retries = 7\n")
        monkeypatch.chdir(inside)
        assert fresh().tasks.default_retries == 0
        monkeypatch.chdir(inside.parent)
        assert fresh().tasks.default_retries == 7

    def test_an_empty_variable_counts_as_none(self, monkeypatch):
        monkeypatch.setenv("LEVADA_TASKS_DEFAULT_RETRIES", "")
        assert fresh().tasks.default_retries == 0

    def test_a_dotenv_file_may_quote_export_and_comment(self, project):
        Path(".env").write_text(
            "# LEVADA_API_URL=no\nexport LEVADA_API_KEY='a # b'\nLEVADA_LOGGING_LEVEL=debug # loud\nOTHER=1\n"
        )
        settings = fresh()
        assert (settings.api.url, settings.api.key, settings.logging.level) == (None, "a # b", "DEBUG")

    def test_paths_in_files_are_relative_to_the_file(self, project, levada_home):
        (project / "levada.toml").write_text('results.local_storage_path = "kept"\n')
        assert fresh().storage_path == project / "kept"
        (project / "levada.toml").unlink()
        assert fresh().storage_path == levada_home / "storage"

    def test_a_tilde_is_the_home_of_the_user(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("LEVADA_HOME", "~/flows")
        assert fresh().home == current_home() == tmp_path / "flows"
        monkeypatch.delenv("LEVADA_HOME")
        assert fresh().home == tmp_path / ".levada"


class TestValues:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("debug_mode", "yes", True),
            ("logging.to_console", "OFF", False),
            ("logging.level", "warning", "WARNING"),
            ("journal.segment_bytes", "1_000_000", 1_000_000),
            ("tasks.default_retry_delay_seconds", "2.5", 2.5),
            ("tasks.default_retry_delay_seconds", "1, 2,4", [1.0, 2.0, 4.0]),
            ("tasks.default_retry_delay_seconds", "[1, 10]", [1.0, 10.0]),
            ("logging.extra_loggers", "urllib3,boto3", ("urllib3", "boto3")),
            ("logging.extra_loggers", '["a,b"]', ("a,b",)),
            ("tasks.default_persist_result", "0", False),
        ],
    )
    def test_text_becomes_a_value_of_the_settings_type(self, name, text, value):
        assert resolve([Layer("environment", {name: text})], place).value(name) == value

    @pytest.mark.parametrize(
        ("name", "given", "allowed"),
        [
            (RETRIES, "zero", "a whole number of at least 0"),
            (RETRIES, -1, "a whole number of at least 0"),
            ("tasks.runner.thread_pool_max_workers", 0, "a whole number of at least 1"),
            ("journal.durability", "paper", "one of buffered, fsync, acknowledged"),
            ("debug_mode", "maybe", "true or false"),
            ("tasks.default_retry_delay_seconds", "1,x", "a number of at least 0 or a list of numbers"),
            ("logging.extra_loggers", 3, "a list of texts"),
        ],
    )
    def test_a_value_that_does_not_fit_is_told_with_its_source_and_what_fits(self, name, given, allowed):
        with pytest.raises(ConfigurationError) as caught:
            resolve([Layer("environment", {name: given})], place)
        message = str(caught.value)
        assert message.startswith(f"{name} is {given!r} (environment variable {env_name(name)})")
        assert allowed in message

    def test_a_secret_is_not_shown_in_errors(self):
        with pytest.raises(ConfigurationError) as caught:
            resolve([Layer("levada.toml", {"api.key": 12345}, "levada.toml")], place)
        assert "12345" not in str(caught.value)

    def test_a_file_that_is_no_toml_is_named(self, project):
        (project / "levada.toml").write_text("tasks = = 3\n")
        with pytest.raises(ConfigurationError, match=r"levada\.toml is not valid TOML"):
            fresh()

    def test_unknown_names_are_collected_and_do_no_harm(self, project, monkeypatch):
        monkeypatch.setenv("LEVADA_TASK_DEFAULT_RETRIES", "3")
        (project / "levada.toml").write_text("tasks.retries = 3\n")
        unknown = read_layers().unknown
        assert unknown == {
            "environment": ["LEVADA_TASK_DEFAULT_RETRIES"],
            str(project / "levada.toml"): ["tasks.retries"],
        }
        assert fresh().tasks.default_retries == 0

    def test_variables_of_the_test_kit_are_no_unknown_settings(self, monkeypatch):
        monkeypatch.setenv("LEVADA_FAULT", "journal.rotate:1")
        assert read_layers().unknown == {}


class TestTemporarySettings:
    def test_it_takes_dotted_environment_and_nested_names(self):
        with temporary_settings(
            {RETRIES: 2, "LEVADA_LOGGING_LEVEL": "debug", "flows": {"default_retries": 1}}
        ) as settings:
            assert get_current_settings() is settings
            assert settings.tasks.default_retries == 2
            assert settings.logging.level == "DEBUG"
            assert settings.flows.default_retries == 1
        assert get_current_settings().tasks.default_retries == 0

    def test_it_nests_and_comes_back_after_an_error(self):
        with pytest.raises(ZeroDivisionError), temporary_settings({RETRIES: 1}):
            with temporary_settings({"flows.default_retries": 2}) as inner:
                assert (inner.tasks.default_retries, inner.flows.default_retries) == (1, 2)
            assert get_current_settings().flows.default_retries == 0
            _ = 1 / 0
        assert get_current_settings().tasks.default_retries == 0

    def test_defaults_are_restored_or_set_where_nothing_else_is_said(self, monkeypatch):
        monkeypatch.setenv("LEVADA_TASKS_DEFAULT_RETRIES", "5")
        refresh_settings()
        with temporary_settings(restore_defaults={RETRIES}) as settings:
            assert (settings.tasks.default_retries, settings.source(RETRIES).kind) == (0, "default")
        with temporary_settings(set_defaults={RETRIES: 1, "flows.default_retries": 1}) as settings:
            assert (settings.tasks.default_retries, settings.flows.default_retries) == (5, 1)

    def test_it_refuses_what_does_not_fit_or_does_not_exist(self):
        with pytest.raises(ConfigurationError, match="temporary settings"), temporary_settings({RETRIES: "x"}):
            pass
        with pytest.raises(ConfigurationError, match="Did you mean"), temporary_settings({"task.default_retries": 1}):
            pass
        with pytest.raises(ConfigurationError, match="LEVADA_PROFILE"), temporary_settings({"profile": "x"}):
            pass

    def test_other_threads_do_not_see_it(self):
        seen = []
        with temporary_settings({RETRIES: 1}):
            thread = threading.Thread(target=lambda: seen.append(get_current_settings().tasks.default_retries))
            thread.start()
            thread.join()
        assert seen == [0]


class TestProfiles:
    def test_no_file_means_no_profiles(self):
        assert load_profiles() == ProfilesCollection()
        assert load_current_profile() is None

    def test_what_is_saved_is_read_again(self):
        settings = {
            RETRIES: 3,
            "api.url": 'http://x/"quoted"\\ é',
            "debug_mode": True,
            "logging.extra_loggers": ["a", "b"],
            "tasks.default_retry_delay_seconds": [1.5, 2],
        }
        saved = ProfilesCollection({"a b.c": Profile("a b.c", settings), "empty": Profile("empty")}, "a b.c")
        save_profiles(saved)
        assert load_profiles() == saved
        assert fresh().api.url == settings["api.url"]

    def test_the_file_is_for_its_owner_only(self, levada_home):
        save_profiles(ProfilesCollection({"p": Profile("p", {"api.key": "secret"})}))
        assert (levada_home / "profiles.toml").stat().st_mode & 0o077 == 0

    def test_a_home_that_cannot_be_written_is_told(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ConfigurationError, match="Profiles cannot be written to"):
            save_profiles(ProfilesCollection(), tmp_path / "file")

    def test_the_profile_that_is_asked_for_comes_before_the_active_one(self, monkeypatch):
        save_profiles(
            ProfilesCollection({"one": Profile("one", {RETRIES: 1}), "two": Profile("two", {RETRIES: 2})}, "one")
        )
        assert fresh().tasks.default_retries == 1
        monkeypatch.setenv("LEVADA_PROFILE", "two")
        assert fresh().tasks.default_retries == 2
        assert str(get_current_settings().source(RETRIES)) == "profile 'two'"
        assert load_current_profile() == load_profile("two")

    def test_a_missing_profile_is_told_with_who_asked_and_what_there_is(self, monkeypatch):
        save_profiles(ProfilesCollection({"one": Profile("one")}))
        monkeypatch.setenv("LEVADA_PROFILE", "won")
        with pytest.raises(MissingProfileError, match=r"'won' \(from environment variable LEVADA_PROFILE\).*one"):
            fresh()

    def test_a_profile_cannot_say_where_profiles_are(self, tmp_path):
        save_profiles(ProfilesCollection({"one": Profile("one", {"home": str(tmp_path)})}, "one"))
        with pytest.raises(ConfigurationError, match="cannot be set in a profile"):
            fresh()

    def test_updates_are_checked_and_none_takes_away(self):
        assert update_current_profile({RETRIES: "3", "LEVADA_LOGGING_LEVEL": "debug"}).settings == {
            RETRIES: 3,
            "logging.level": "DEBUG",
        }
        assert load_profiles().active == "default"
        assert fresh().tasks.default_retries == 3
        assert update_current_profile({RETRIES: None}).settings == {"logging.level": "DEBUG"}
        with pytest.raises(ConfigurationError, match="profile 'default'"):
            update_current_profile({RETRIES: "many"})

    def test_validation_tells_everything_at_once(self):
        with pytest.raises(ProfileSettingsValidationError) as caught:
            Profile("p", {RETRIES: "x", "debug_mode": "z"}).validate_settings()
        assert len(str(caught.value).splitlines()) == 2

    def test_names_that_are_no_settings_are_kept_and_reported(self, levada_home):
        levada_home.mkdir(parents=True)
        (levada_home / "profiles.toml").write_text(
            'active = "p"\n[profiles.p]\nfuture.thing = 1\nLEVADA_DEBUG_MODE = true\n'
        )
        assert fresh().debug_mode is True
        assert with_profile(read_layers()).unknown == {str(levada_home / "profiles.toml"): ["future.thing"]}
        update_current_profile({RETRIES: 1})
        assert load_profile("p").settings == {"future.thing": 1, "debug_mode": True, RETRIES: 1}


def test_reading_settings_without_files_loads_nothing_heavy(tmp_path, levada_home):
    """A TOML parser, logging or a temporary-file module would be paid for by every flow."""
    program = (
        "import sys, levada.settings as s; s.get_current_settings(); "
        "print(sorted({'tomllib', 'json', 'logging', 'tempfile', 'asyncio', 'shutil'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
