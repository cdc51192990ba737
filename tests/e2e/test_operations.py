"""What is done on the pages of pools, deployments, variables, limits and keys, in a browser, and read back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from levada import get_client
from levada.artifacts import create_markdown_artifact
from levada.client import SyncLevadaClient
from levada.settings import temporary_settings
from levada.testing import eventually
from tests.e2e import flows
from tests.e2e.pages.view import View
from tests.e2e.test_runs import SOON

expect.set_options(timeout=SOON)


@pytest.fixture
def client(world) -> Iterator[SyncLevadaClient]:
    with temporary_settings({"api.url": f"{world.url}/api"}), get_client(sync_client=True) as made:
        yield made


@pytest.fixture
def view(world, chromium) -> Iterator[View]:
    with View(chromium, world.url) as made:
        yield made
        assert made.complaints == []


def press(within: Locator, name: str) -> None:
    within.get_by_role("button", name=name, exact=True).click()


def confirm(view: View, name: str) -> None:
    """Press a button of the dialog, which does it and goes."""
    dialog = view.page.get_by_role("dialog")
    press(dialog, name)
    expect(dialog).to_have_count(0)


def write_json(view: View, label: str, text: str) -> None:
    """Put a text into an editor in place of what is there."""
    box = view.page.get_by_role("textbox", name=label)
    expect(box).to_have_attribute("contenteditable", "true")  # the editor itself, not what stands in for it
    box.fill(text)


def test_a_pool_and_its_queues_are_made_changed_paused_and_deleted(world, view, client):
    page = view.open("/work-pools").page
    press(page.locator("main"), "New pool")
    page.get_by_label("Name").fill("press")
    page.get_by_label("Slots").fill("3")
    confirm(view, "Create")
    expect(page.get_by_role("heading", level=1)).to_contain_text("press")
    press(page.locator("main"), "New queue")
    page.get_by_label("Name").fill("urgent")
    page.get_by_label("Priority").fill("2")
    confirm(view, "Create")
    press(page.locator("main"), "Edit the queue urgent")
    page.get_by_label("Slots").fill("1")
    confirm(view, "Save")
    queue = client.read_work_queue("urgent", "press")
    assert (queue.spec.priority, queue.spec.slots) == (2, 1)

    press(page.locator("main"), "More to do with this pool")
    page.get_by_role("menuitem", name="Edit").click()
    page.get_by_label("Description").fill("For printing.")
    write_json(view, "Base job template (JSON)", "{")
    expect(page.get_by_role("dialog").get_by_role("button", name="Save")).to_be_disabled()
    write_json(
        view, "Base job template (JSON)", '{"variables": {"properties": {"image": {"type": "string", "default": "a"}}}}'
    )
    confirm(view, "Save")
    press(page.locator("main"), "More to do with this pool")
    page.get_by_role("menuitem", name="Edit").click()
    page.get_by_role("dialog").get_by_label("image").fill("b")  # its form
    confirm(view, "Save")
    page.locator("main").get_by_role("button", name="Pause").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("paused")
    spec = client.read_work_pool("press").spec
    assert (spec.slots, spec.description, spec.paused) == (3, "For printing.", True)
    assert spec.base_job_template == {"variables": {"properties": {"image": {"type": "string", "default": "b"}}}}

    press(page.locator("main"), "More to do with this pool")
    page.get_by_role("menuitem", name="Delete").click()
    confirm(view, "Delete")
    expect(page).to_have_url(f"{world.url}/work-pools")
    assert "press" not in [pool.spec.name for pool in client.read_work_pools()]


def test_waiting_runs_change_places_by_hand_and_by_keyboard(world, view, client):
    client.create_work_pool("line")
    with temporary_settings({"api.url": f"{world.url}/api"}):
        paper = flows.copy_archive.deploy("in-line", work_pool_name="line", print_next_steps=False)
    for name in ("first", "second", "third"):
        client.create_flow_run_from_deployment(paper, name=name)

    def order() -> list[str]:
        return [run.name for run in client.read_queued_runs("line")]

    page = view.open("/work-pools/line").page
    rows = page.get_by_role("region", name="Waiting runs").get_by_role("listitem")
    expect(rows).to_have_count(3)
    press(rows.nth(1), "Let second be taken before the one above")
    expect(rows.first).to_contain_text("second")
    eventually(lambda: order() == ["second", "first", "third"])
    rows.nth(2).locator("[draggable]").drag_to(rows.first)
    expect(rows.first).to_contain_text("third")
    eventually(lambda: order()[0] == "third")
    press(rows.first, "Move …")
    page.get_by_label("Priority").fill("-5")
    confirm(view, "Move")
    expect(rows.last).to_contain_text("third")
    eventually(lambda: order()[-1] == "third")
    for run in client.read_queued_runs("line"):
        client.cancel_flow_run(run.id)


def test_variables_and_limits_are_made_changed_and_deleted(world, view, client):
    page = view.open("/variables").page
    press(page.locator("main"), "New variable")
    page.get_by_label("Name").fill("regions")
    write_json(view, "Value, as JSON", '["north", ')
    press(page.get_by_role("dialog"), "Create")
    expect(page.get_by_role("dialog")).to_contain_text("JSON")
    write_json(view, "Value, as JSON", '["north", "south"]')
    confirm(view, "Create")
    assert client.read_variable_by_name("regions").value == ["north", "south"]
    press(page.locator("main"), "Edit regions")
    write_json(view, "Value, as JSON", '["east"]')
    confirm(view, "Save")
    assert client.read_variable_by_name("regions").value == ["east"]
    press(page.locator("main"), "Delete regions")
    confirm(view, "Delete")
    assert client.read_variable_by_name("regions") is None

    page = view.open("/concurrency").page
    press(page.locator("main"), "New limit")
    page.get_by_role("dialog").get_by_label("Name").fill("printer")
    page.get_by_role("dialog").get_by_label("Slots").fill("2")
    confirm(view, "Create")
    expect(page.locator("main")).to_contain_text("printer")
    assert client.read_global_concurrency_limit_by_name("printer").limit == 2


def test_a_deployment_is_edited_run_scheduled_and_rolled_back(world, view, client):
    with temporary_settings({"api.url": f"{world.url}/api"}):
        deployment = flows.copy_archive.deploy("edited", work_pool_name="gpu", print_next_steps=False)
    before = client.read_deployment(deployment)
    page = view.open(f"/deployments/{deployment}?tab=configuration").page
    press(page.locator("main"), "Edit …")
    page.get_by_label("Description").fill("Loads the orders.")
    write_json(view, "Job variables (JSON)", '{"env": {"MODE": "careful"}}')
    confirm(view, "Save")
    after = client.read_deployment(deployment)
    assert after.spec.description == "Loads the orders."
    assert after.spec.job_variables == {"env": {"MODE": "careful"}}
    assert after.live == before.live + 1

    view.open(f"/deployments/{deployment}?tab=schedules")
    press(page.locator("main"), "New schedule")
    page.get_by_label("Cron").fill("0 4 * * 1-5")
    confirm(view, "Create")
    assert "0 4 * * 1-5" in str(client.read_deployment(deployment).schedules)

    [schedule] = client.read_deployment(deployment).schedules
    press(page.locator("main"), f"Delete the schedule {schedule.spec.slug}")
    confirm(view, "Delete")
    assert client.read_deployment(deployment).schedules == []

    view.open(f"/deployments/{deployment}?tab=versions")
    page.get_by_role("button", name="Roll back …").first.click()
    confirm(view, "Roll back")
    assert client.read_deployment(deployment).live == before.live

    press(page.locator("main"), "Pause")
    expect(page.get_by_role("heading", level=1)).to_contain_text("paused")
    assert client.read_deployment(deployment).paused
    press(page.locator("main"), "Go on")
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("paused")


def test_a_deployment_runs_with_what_its_form_takes_and_says_what_it_does_not(world, view, client):
    with temporary_settings({"api.url": f"{world.url}/api"}):
        deployment = flows.copy_archive.deploy("formed", work_pool_name="gpu", print_next_steps=False)
    page = view.open(f"/deployments/{deployment}").page
    press(page.locator("main"), "Run")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("parts").fill("many")
    press(dialog, "Run now")
    expect(dialog).to_contain_text("A number is asked for.")
    dialog.get_by_label("parts").fill("3")
    confirm(view, "Run now")
    [run] = eventually(lambda: client.read_flow_runs(deployment_ids=[deployment]))
    assert str(client.read_flow_run(run.id).parameters["parts"]) == "3"
    client.cancel_flow_run(run.id)


def test_a_backfill_is_looked_at_started_paused_and_cancelled(world, view, client):
    with temporary_settings({"api.url": f"{world.url}/api"}):
        deployment = flows.copy_archive.deploy("filled", work_pool_name="gpu", interval=3600, print_next_steps=False)
    page = view.open(f"/deployments/{deployment}?tab=backfills").page
    press(page.locator("main"), "New backfill")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("From").fill("2026-01-01T00:00")
    dialog.get_by_label("Until").fill("2026-01-02T00:00")
    press(dialog, "Show what it would make")
    expect(page.get_by_role("heading", name="24 runs would be made")).to_be_visible()
    confirm(view, "Begin")
    row = page.get_by_role("tabpanel").get_by_role("listitem").first
    press(row, "Pause")
    expect(row).to_contain_text("paused")
    assert client.read_backfills(deployment)[0].state == "paused"
    press(row, "Cancel …")
    confirm(view, "Cancel the backfill")
    eventually(lambda: client.read_backfills(deployment)[0].state == "cancelled")


def test_what_a_run_shows_as_diagram_and_table_is_drawn(world, view, client):
    with temporary_settings({"api.url": f"{world.url}/api"}):
        create_markdown_artifact("# The plan\n\n```mermaid\ngraph LR\n  extract --> load\n```\n", key="the-plan")
    eventually(lambda: client.read_artifacts(keys=["the-plan"]))
    page = view.open("/artifacts?key=the-plan").page
    diagram = page.get_by_role("img", name="Diagram")
    expect(diagram).to_contain_text("extract")
    assert diagram.locator("svg").count() == 1
    assert view.barriers() == []
