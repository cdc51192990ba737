"""`levada config` and `levada profile`."""

from __future__ import annotations


class TestView:
    def test_what_somebody_changed_is_shown_with_its_source(self, levada, levada_home):
        (levada.folder / "levada.toml").write_text("tasks.default_retries = 2\n")
        shown = levada.json("config", "view", LEVADA_LOGGING_LEVEL="debug")
        assert shown == {
            "home": {"value": str(levada_home), "source": "environment variable LEVADA_HOME"},
            "tasks.default_retries": {"value": 2, "source": str(levada.folder / "levada.toml")},
            "logging.level": {"value": "DEBUG", "source": "environment variable LEVADA_LOGGING_LEVEL"},
        }
        assert (
            "environment variable LEVADA_LOGGING_LEVEL" in levada("config", "view", LEVADA_LOGGING_LEVEL="debug").stdout
        )

    def test_defaults_are_shown_when_asked_for(self, levada):
        shown = levada.json("config", "view", "--show-defaults")
        assert shown["journal.durability"] == {"value": "buffered", "source": "default"}
        without = levada.json("config", "view", "--show-defaults", "--hide-sources")
        assert without["journal.durability"] == "buffered"

    def test_secrets_are_hidden_unless_asked_for(self, levada):
        assert "hunter2" not in levada("config", "view", LEVADA_API_KEY="hunter2").stdout
        assert "hunter2" in levada("config", "view", "--show-secrets", LEVADA_API_KEY="hunter2").stdout


class TestSetAndUnset:
    def test_settings_go_into_a_profile_and_hold(self, levada):
        told = levada("config", "set", "tasks.default_retries=3", "LEVADA_LOGGING_LEVEL=debug").stdout
        assert "tasks.default_retries = 3 (profile 'default')" in told
        shown = levada.json("config", "view")
        assert shown["tasks.default_retries"] == {"value": 3, "source": "profile 'default'"}
        assert shown["logging.level"]["value"] == "DEBUG"
        levada("config", "unset", "tasks.default_retries")
        assert "tasks.default_retries" not in levada.json("config", "view")
        assert "is not set in profile" in levada("config", "unset", "tasks.default_retries", code=1).stderr

    def test_nothing_is_written_when_one_of_them_does_not_fit(self, levada):
        told = levada("config", "set", "logging.level=DEBUG", "tasks.default_retries=many", code=1).stderr
        assert "must be a whole number of at least 0" in told
        assert levada.json("profile", "ls") == []

    def test_mistakes_are_told(self, levada):
        assert "Did you mean 'tasks.default_retries'" in levada("config", "set", "tasks.retries=1", code=1).stderr
        assert "is no NAME=VALUE" in levada("config", "set", "tasks.default_retries", code=2).stderr
        assert "cannot be set in a profile" in levada("config", "set", "home=/tmp/x", code=1).stderr

    def test_a_source_that_still_wins_is_told(self, levada):
        told = levada("config", "set", "logging.level=ERROR", LEVADA_LOGGING_LEVEL="debug").stderr
        assert "also set by environment variable LEVADA_LOGGING_LEVEL, which wins" in told

    def test_a_secret_is_not_printed_back(self, levada):
        assert "hunter2" not in levada("config", "set", "api.key=hunter2").stdout


class TestValidate:
    def test_all_is_well(self, levada):
        assert "every one fits" in levada("config", "validate").stdout

    def test_unknown_names_are_warnings_with_what_was_meant(self, levada):
        (levada.folder / "levada.toml").write_text("[task]\ndefault_retries = 2\n")
        told = levada("config", "validate", LEVADA_LOGING_LEVEL="debug").stderr
        assert "LEVADA_LOGING_LEVEL (environment) is no setting of Levada. Did you mean 'LEVADA_LOGGING_LEVEL'?" in told
        assert "Did you mean 'tasks.default_retries'?" in told

    def test_every_value_that_does_not_fit_is_told_also_when_it_does_not_win(self, levada):
        (levada.folder / "levada.toml").write_text("tasks.default_retries = 'x'\nflows.leftovers = 'burn'\n")
        told = levada("config", "validate", code=1, LEVADA_TASKS_DEFAULT_RETRIES="1").stderr
        assert "tasks.default_retries is 'x'" in told
        assert "flows.leftovers is 'burn'" in told


class TestProfiles:
    def test_their_life(self, levada):
        assert "no profiles" in levada("profile", "ls").stderr
        assert "and active" in levada("profile", "create", "local").stdout
        levada("config", "set", "tasks.default_retries=1", "api.key=hunter2")
        levada("profile", "create", "staging", "--from", "local")
        levada("profile", "create", "local", code=1)
        assert levada.json("profile", "ls") == [
            {"name": "local", "active": True, "settings": 2},
            {"name": "staging", "active": False, "settings": 2},
        ]
        levada("profile", "use", "staging")
        levada("profile", "rename", "staging", "production")
        shown = levada.json("profile", "inspect")
        assert (shown["name"], shown["active"], shown["settings"]["api.key"]) == ("production", True, "********")
        assert "hunter2" in levada("profile", "inspect", "production", "--show-secrets").stdout
        levada("profile", "delete", "local", code=2)
        levada("profile", "delete", "local", "--yes")
        assert [one["name"] for one in levada.json("profile", "ls")] == ["production"]
        assert "Profiles in this home: production" in levada("profile", "use", "local", code=1).stderr

    def test_one_command_can_use_another_profile(self, levada):
        levada("profile", "create", "quiet")
        levada("profile", "create", "loud")
        levada("-p", "loud", "config", "set", "logging.level=debug")
        assert "logging.level" not in levada.json("config", "view")
        assert levada.json("-p", "loud", "config", "view")["logging.level"]["value"] == "DEBUG"
        said = levada("-p", "laud", "config", "view", code=2).stderr
        assert "-p/--profile: there is no profile 'laud'" in said
        assert "LEVADA_PROFILE" not in said
        assert levada.json("-p", "loud", "version")["profile"] == "loud"

    def test_a_flow_follows_the_profile_it_is_run_with(self, levada):
        levada("profile", "create", "quiet")
        levada("config", "set", "logging.to_console=false")
        assert levada("run", "pipeline.py").stderr == ""

    def test_the_way_out_of_a_profile_that_is_gone_is_open(self, levada):
        levada("profile", "create", "one")
        assert levada.json("profile", "ls", LEVADA_PROFILE="gone")[0]["name"] == "one"
        levada("profile", "create", "gone", LEVADA_PROFILE="gone")
