"""What is shown is current: changes show by themselves, and a server that goes away and comes back is told of."""

from __future__ import annotations

import re
import signal
import threading

from playwright.sync_api import Route, expect

from levada import get_client
from levada.settings import temporary_settings
from tests.e2e.pages.view import View
from tests.integration.servers import Server, free_port

SOON = 30_000
"""Milliseconds on a machine that does other things."""


def test_a_page_that_lost_its_server_says_so_and_is_current_again_when_it_is_back(
    tmp_path, chromium, needs_browser
) -> None:
    port, env = free_port(), {"LEVADA_HOME": str(tmp_path)}
    first = started(port, env)
    with View(chromium, f"http://127.0.0.1:{port}") as view:
        with temporary_settings({"api.url": f"{view.url}/api"}), get_client(sync_client=True) as client:
            run = client.create_flow_run("nightly", name="before").id
            view.open("/runs")
            before = view.page.locator("li", has_text="before")
            expect(before).to_contain_text("Scheduled", timeout=SOON)
        first.stop(signal.SIGKILL)
        first.close()
        away = view.page.get_by_text("The live stream of the server is away")
        expect(away).to_be_visible(timeout=SOON)
        expect(before).to_be_visible()
        second = started(port, env)
        try:
            with temporary_settings({"api.url": f"{view.url}/api"}), get_client(sync_client=True) as client:
                client.cancel_flow_run(run)
                expect(away).to_be_hidden(timeout=SOON)
                expect(before).to_contain_text("Cancelled", timeout=SOON)
                client.create_flow_run("nightly", name="afterwards")
                expect(view.page.locator("li", has_text="afterwards")).to_be_visible(timeout=SOON)
        finally:
            second.stop()
            second.close()


def started(port: int, env: dict[str, str]) -> Server:
    server = Server(port=port, env=env)
    server.wait()
    threading.Thread(target=server.process.stdout.read, daemon=True).start()
    return server


def test_a_tab_that_was_open_while_the_server_got_another_version_loads_itself_anew(world, chromium) -> None:
    with View(chromium, world.url) as view:
        view.open("/runs")
        missing: list[str] = []

        def refuse(route: Route) -> None:
            # What a server of another version does not have; after the page was loaded anew it asks for what there is.
            if missing:
                route.continue_()
            else:
                missing.append(route.request.url)
                route.fulfill(status=404, body="There is no such file.")

        view.page.route(re.compile("/assets/VariablesPage.*[.]js"), refuse)
        view.page.keyboard.press("g")
        view.page.keyboard.press("v")
        expect(view.page.get_by_role("heading", name="Variables")).to_be_visible(timeout=SOON)
        assert missing
