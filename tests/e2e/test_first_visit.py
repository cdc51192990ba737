"""A first visit, before anything has happened: each page says what it is for, and which command comes next."""

from __future__ import annotations

import re
import shlex
from typing import Any

import click
import pytest
from playwright.sync_api import expect

from levada.cli.main import root
from tests.e2e.pages.view import View
from tests.e2e.seed import empty
from tests.e2e.test_every_view import LONG

TAUGHT = {
    "/": "levada run",
    "/runs": "LEVADA_API_URL",
    "/flows": "levada run",
    "/deployments": "levada deploy",
    "/work-pools": "levada work-pool create",
    "/variables": "levada variable set",
    "/events": "levada run",
    "/concurrency": "levada concurrency-limit create",
    "/artifacts": "create_markdown_artifact",
    "/settings": "levada server api-key create",
}
"""What stands on each page."""


def unknown(line: str) -> str | None:
    """What the command line of Levada does not know in a command that a page shows; None when it knows all of it."""
    command: Any = root
    context = click.Context(root)
    words = shlex.split(line, comments=True)[1:]
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        if found is None:
            return words[0]
        command, words = found, words[1:]
        context = click.Context(command, parent=context)
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return next((word for word in words if word.startswith("-") and word.partition("=")[0] not in options), None)


def test_what_the_pages_may_not_teach_is_found() -> None:
    assert unknown("levada work-pool create main  # a pool") is None
    assert unknown("levada work-pool make main") == "make"
    assert unknown("levada work-pool create main --no-such-option 3") == "--no-such-option"


@pytest.mark.parametrize(
    "dark", [False, pytest.param(True, marks=pytest.mark.skipif(not LONG, reason="the long form, make e2e, does it"))]
)
def test_each_page_of_an_empty_database_teaches_a_command_that_there_is(
    tmp_path, chromium, needs_browser, dark
) -> None:
    troubles: list[str] = []
    with empty(tmp_path) as first_visit, View(chromium, first_visit.url, dark=dark) as view:
        for path, taught in TAUGHT.items():
            view.open(path)
            shown = view.page.locator("pre")
            expect(shown.filter(has_text=re.compile(taught)).first).to_be_visible()
            assert view.page.get_by_role("button", name="Copy the command").count() == shown.count()
            for line in "\n".join(shown.all_inner_texts()).splitlines():
                if line.startswith("levada ") and (word := unknown(line)) is not None:
                    troubles.append(f"{path}: {line}: there is no {word}")
            troubles += [f"{path}: {one}" for one in [*view.complaints, *(view.barriers() if LONG else [])]]
            view.complaints.clear()
    assert not troubles, "\n".join(troubles)
