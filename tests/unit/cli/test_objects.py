"""`levada artifact`, `levada variable` and `levada concurrency-limit`."""

from __future__ import annotations


class TestArtifacts:
    def test_they_are_listed_newest_first_and_chosen(self, levada):
        levada.run("--name", "one")
        levada.run("--name", "two")

        def keys(*args: str) -> list[str]:
            return [artifact["key"] for artifact in levada.json("artifact", "ls", *args)]

        assert keys() == ["rows", "report", "rows", "report"]
        assert keys("--key", "report") == ["report", "report"]
        assert keys("--type", "table", "--latest") == ["rows"]
        assert sorted(keys("--flow-run", "one")) == ["report", "rows"]
        assert keys("--limit", "1") == ["rows"]
        header, first, *_ = levada("artifact", "ls", "--key", "report").stdout.splitlines()
        assert header.split() == ["ID", "KEY", "TYPE", "UPDATED", "DESCRIPTION"]
        assert first.endswith("what happened")
        assert "no artifacts like that" in levada("artifact", "ls", "--key", "none").stderr

    def test_inspect_shows_the_data(self, levada):
        levada.run()
        assert "# Report" in levada("artifact", "inspect", "report").stdout
        table = levada("artifact", "inspect", "rows").stdout
        assert "A  B" in table
        assert "1  x" in table
        found = levada.json("artifact", "inspect", "report")
        assert (found["type"], found["data"]) == ("markdown", "# Report")
        assert levada.json("artifact", "inspect", found["id"]) == found
        assert "Traceback" not in levada("artifact", "inspect", "nothing", code=1).stderr

    def test_deleting_the_latest_makes_the_one_before_the_latest(self, levada):
        levada.run()
        before = levada.json("artifact", "inspect", "report")
        levada.run()
        assert "say --yes" in levada("artifact", "delete", "report", code=2).stderr
        assert "Markdown artifact report is deleted" in levada("artifact", "delete", "report", "--yes").stdout
        assert levada.json("artifact", "inspect", "report") == before
        assert len(levada.json("artifact", "ls")) == 3


class TestVariables:
    def test_what_is_json_is_taken_as_json(self, levada):
        for given, value in (("42", 42), ('{"a": [1]}', {"a": [1]}), ("plain text", "plain text"), ("true", True)):
            levada("variable", "set", "some_name", given, "--overwrite")
            assert levada.json("variable", "inspect", "some_name")["value"] == value
        levada("variable", "set", "some_name", "42", "--text", "--overwrite")
        assert levada.json("variable", "inspect", "some_name")["value"] == "42"

    def test_get_prints_the_value_alone(self, levada):
        levada("variable", "set", "greeting", "hello there")
        levada("variable", "set", "numbers", "[1, 2]")
        assert levada("variable", "get", "greeting").stdout == "hello there\n"
        assert levada("variable", "get", "numbers").stdout == "[1,2]\n"
        assert levada("variable", "get", "absent", code=1).stderr.startswith("levada: There is no variable 'absent'")

    def test_one_that_is_there_is_replaced_only_when_asked(self, levada):
        levada("variable", "set", "x", "1", "--tag", "a", "--tag", "b")
        assert "--overwrite" in levada("variable", "set", "x", "2", code=1).stderr
        levada("variable", "set", "x", "2", "--overwrite")
        found = levada.json("variable", "inspect", "x")
        assert (found["value"], found["tags"]) == (2, ["a", "b"])

    def test_a_name_that_cannot_be_is_told(self, levada):
        refused = levada("variable", "set", "Not A Name", "1", code=1).stderr
        assert refused.startswith("levada: ")
        assert "Traceback" not in refused

    def test_they_are_listed_by_name_and_removed(self, levada):
        assert "no variables" in levada("variable", "ls").stderr
        levada("variable", "set", "b", "x" * 100)
        levada("variable", "set", "a", "1")
        assert [one["name"] for one in levada.json("variable", "ls")] == ["a", "b"]
        assert "..." in levada("variable", "ls").stdout
        levada("variable", "unset", "b", code=2)
        levada("variable", "unset", "b", "--yes")
        levada("variable", "unset", "b", "--yes", code=1)
        assert [one["name"] for one in levada.json("variable", "ls")] == ["a"]

    def test_flows_and_the_command_share_them(self, levada):
        (levada.folder / "shared.py").write_text(
            "from levada import flow\nfrom levada.variables import Variable\n"
            "@flow\ndef f():\n    Variable.set('seen', Variable.get('given') + 1)\n"
        )
        levada("variable", "set", "given", "41")
        levada("run", "shared.py")
        assert levada("variable", "get", "seen").stdout == "42\n"


class TestConcurrencyLimits:
    def test_one_is_made_changed_shown_and_deleted(self, levada):
        levada("concurrency-limit", "create", "db", "2", "--decay", "0.5")
        [limit] = levada.json("concurrency-limit", "ls")
        assert (limit["name"], limit["limit"], limit["active_slots"], limit["holders"]) == ("db", 2, 0, [])
        assert limit["slot_decay_per_second"] == 0.5
        levada("concurrency-limit", "create", "db", "2", code=1)
        levada("concurrency-limit", "update", "db", "--slots", "5", "--inactive")
        changed = levada.json("concurrency-limit", "inspect", "db")
        assert (changed["limit"], changed["active"], changed["slot_decay_per_second"]) == (5, False, 0.5)
        levada("concurrency-limit", "update", "db", code=2)
        levada("concurrency-limit", "delete", "db", code=2)
        levada("concurrency-limit", "delete", "db", "--yes")
        levada("concurrency-limit", "delete", "db", "--yes", code=1)
        assert "create NAME SLOTS" in levada("concurrency-limit", "ls").stderr

    def test_who_holds_slots_is_shown_and_slots_are_taken_back(self, levada):
        (levada.folder / "holder.py").write_text(
            "import subprocess, sys\nfrom levada import flow\nfrom levada.concurrency import concurrency\n"
            "@flow\ndef hold():\n"
            "    with concurrency('db', occupy=2):\n"
            "        for words in ('inspect db', 'ls', 'reset db --yes', 'inspect db -o json'):\n"
            "            command = [sys.executable, '-m', 'levada.cli', 'concurrency-limit', *words.split()]\n"
            "            subprocess.run(command, check=True)\n"
        )
        levada("concurrency-limit", "create", "db", "3")
        shown = levada("run", "holder.py", "--name", "holder").stdout
        run = levada.json("flow-run", "inspect", "holder")
        assert run["id"] in shown
        assert "2 slots of 'db' taken back" in shown
        assert '"active_slots": 0' in shown

    def test_a_negative_number_of_slots_is_a_usage_error(self, levada):
        levada("concurrency-limit", "create", "db", "-1", code=2)
