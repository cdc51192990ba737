"""A server that wants to know who asks: the way in, the way back to where one was, what a key may not, the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from levada import get_client
from levada.settings import temporary_settings
from tests.e2e.pages.view import View
from tests.e2e.seed import World, empty

USER, PASSWORD = "anna", "water-for-the-terraces"  # of a server that lives for seconds


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, needs_browser: None) -> Iterator[World]:
    """A server with a password."""
    home: Path = tmp_path_factory.mktemp("guarded")
    with empty(home, LEVADA_SERVER_AUTH_STRING=f"{USER}:{PASSWORD}") as made:
        yield made


def sign_in(view: View, password: str = PASSWORD) -> None:
    view.page.get_by_role("textbox", name="User").fill(USER)
    view.page.get_by_role("textbox", name="Password").fill(password)
    view.page.get_by_role("button", name="Sign in").click()


def test_who_is_not_known_signs_in_and_is_where_they_wanted_to_be(guarded, chromium) -> None:
    with View(chromium, guarded.url) as view:
        view.open("/runs?state=%5B%22FAILED%22%5D")
        expect(view.page).to_have_url(re.compile("/sign-in"))
        assert view.barriers() == []
        sign_in(view, "guessed")
        expect(view.page.get_by_role("alert")).to_contain_text("opens nothing")
        sign_in(view)
        expect(view.page).to_have_url(re.compile(r"/runs\?state=.*FAILED"))
        expect(view.page.get_by_role("heading", name="Runs")).to_be_visible()
        view.page.get_by_role("button", name=f"Signed in as {USER}").click()
        view.page.get_by_role("menuitem", name="Sign out").click()
        expect(view.page).to_have_url(re.compile("/sign-in"))
        view.open("/variables")
        expect(view.page).to_have_url(re.compile("/sign-in"))
        assert [one for one in view.complaints if "401" not in one] == []


def test_a_session_that_ends_in_the_middle_of_a_page_leads_back_to_it(guarded, chromium) -> None:
    with View(chromium, guarded.url) as view:
        view.open("/variables?name=cut")
        sign_in(view)
        expect(view.page.get_by_role("heading", name="Variables")).to_be_visible()
        end_elsewhere(view)
        view.page.keyboard.press("g")
        view.page.keyboard.press("f")
        expect(view.page).to_have_url(re.compile("/sign-in"))
        expect(view.page.get_by_text("Your session has ended")).to_be_visible()
        sign_in(view)
        expect(view.page).to_have_url(re.compile("/flows$"))
        expect(view.page.get_by_role("heading", name="Flows")).to_be_visible()


def end_elsewhere(view: View) -> None:
    """End the session as another tab would, without the cookies of this one being told."""
    cookies = {one["name"]: one["value"] for one in view.page.context.cookies() if "name" in one and "value" in one}
    said = view.page.evaluate(
        "(token) => fetch('/api/session', {method: 'DELETE', headers: {'x-levada-csrf': token}})"
        ".then((answer) => answer.status)",
        cookies["levada_csrf"],
    )
    assert said == 200
    view.page.context.add_cookies([{"name": name, "value": value, "url": view.url} for name, value in cookies.items()])


def test_what_changes_something_carries_the_token_and_what_a_key_may_not_is_said(guarded, chromium) -> None:
    known = {"api.url": f"{guarded.url}/api", "api.auth_string": f"{USER}:{PASSWORD}"}
    with temporary_settings(known), get_client(sync_client=True) as client:
        _, key = client.create_api_key("reader", scopes=["read"])
    with View(chromium, guarded.url) as view:
        tokens: list[str | None] = []
        view.page.on(
            "request", lambda one: tokens.append(one.headers.get("x-levada-csrf")) if one.method == "PUT" else None
        )
        view.open("/variables")
        sign_in(view)
        make_variable(view, "cutoff")
        expect(view.page.get_by_text("cutoff").first).to_be_visible()
        assert tokens
        assert all(tokens)
        view.page.context.clear_cookies()
        view.open("/variables")
        view.page.get_by_role("tab", name="API key").click()
        view.page.get_by_role("textbox", name="API key").fill(key)
        view.page.get_by_role("button", name="Sign in").click()
        expect(view.page.get_by_text("cutoff").first).to_be_visible()
        make_variable(view, "forbidden")
        expect(view.page.get_by_text(re.compile("may not|scope", re.IGNORECASE)).first).to_be_visible()


def make_variable(view: View, name: str) -> None:
    view.page.get_by_role("button", name="New variable").first.click()
    dialog = view.page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name").fill(name)
    dialog.get_by_role("textbox", name="Value").fill("30")
    dialog.get_by_role("button", name="Create").click()
