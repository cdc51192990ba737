"""What commands say about things that are not there, or not what they look like."""

from __future__ import annotations

from tests.unit.cli.conftest import Levada


class TestWhatCannotBe:
    def test_why_names_both_kinds_of_run_that_it_looked_for(self, levada: Levada) -> None:
        assert "no flow run and no task run called 'nope'" in levada("why", "nope", code=1).stderr

    def test_text_that_looks_like_json_and_is_none_is_kept_with_a_warning(self, levada: Levada) -> None:
        assert "looks like JSON but is none" in levada("variable", "set", "a", '{"x": 1').stderr
        assert levada("variable", "get", "a").stdout == '{"x": 1\n'
        assert levada("variable", "set", "b", '{"x": 1', "--text").stderr == ""
        assert levada("variable", "set", "c", "plain text").stderr == ""
