"""Everything that can be done with a run in the browser is done, and what came of it is read back from the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.sync_api import expect

from levada import get_client
from levada.client import SyncLevadaClient
from levada.core.states import StateType
from levada.settings import temporary_settings
from levada.testing import eventually
from levada.wire.changes import ProposedState
from levada.wire.objects import FlowRun
from tests.e2e.pages.run import RunView
from tests.e2e.pages.view import View
from tests.e2e.test_runs import LONG, SOON

expect.set_options(timeout=SOON)

ASKED = {
    "title": "Approve the transfer",
    "type": "object",
    "properties": {
        "approve": {"type": "boolean"},
        "bandwidth": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    },
    "required": ["approve"],
}


@pytest.fixture
def client(world) -> Iterator[SyncLevadaClient]:
    with temporary_settings({"api.url": f"{world.url}/api"}), get_client(sync_client=True) as made:
        yield made


@pytest.fixture
def view(world, chromium) -> Iterator[View]:
    with View(chromium, world.url) as made:
        yield made
        assert made.complaints == []


def ended(client: SyncLevadaClient, run: UUID) -> FlowRun:
    return reached(client, run, {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED})


def reached(client: SyncLevadaClient, run: UUID, states: set[StateType]) -> FlowRun:
    return eventually(lambda: found if (found := read(client, run)).state_type in states else None, timeout=120)


def read(client: SyncLevadaClient, run: UUID) -> FlowRun:
    return client.read_flow_run(run)


def made(client: SyncLevadaClient, world, deployment: str, **given) -> UUID:
    return client.create_flow_run_from_deployment(world.deployments[deployment], **given).id


def waiting(client: SyncLevadaClient, world) -> UUID:
    """A run for which nobody comes."""
    return made(client, world, "gpu")


def test_a_run_is_cancelled_and_then_deleted(world, view, client):
    run = waiting(client, world)
    shown = RunView(view).open(run)
    assert not shown.offers("Delete")
    shown.press("Cancel …")
    shown.confirm("Cancel the run")
    shown.told("It is cancelled.")
    expect(shown.title).to_contain_text("Cancelled")
    assert read(client, run).state_type is StateType.CANCELLED
    shown.choose("Delete")
    shown.confirm("Delete")
    shown.told("is deleted")
    expect(view.page).to_have_url(f"{world.url}/runs")
    assert client.count_flow_runs(ids=[run]) == 0


def test_a_state_is_changed_with_a_reason_that_stays_in_the_history(world, view, client):
    run = waiting(client, world)
    shown = RunView(view).open(run, "?tab=details")
    shown.choose("Change the state")
    shown.dialog.get_by_role("button", name="Change", exact=True).click()
    expect(shown.dialog).to_contain_text("Say why")
    shown.dialog.get_by_label("State").select_option("FAILED")
    shown.dialog.get_by_label("Why").fill("The file was empty.")
    shown.confirm("Change")
    expect(view.page.get_by_role("list", name="States").get_by_role("listitem").last).to_contain_text(
        "The file was empty."
    )
    last = read(client, run).states[-1]
    assert (last.type, last.message) == (StateType.FAILED, "The file was empty.")


def test_what_the_rules_refuse_is_said_once_and_where_it_was_asked(world, view, client):
    run = waiting(client, world)
    client.cancel_flow_run(run)
    shown = RunView(view).open(run)
    shown.choose("Change the state")
    shown.dialog.get_by_label("State").select_option("FAILED")
    shown.dialog.get_by_label("Why").fill("Try it.")
    shown.dialog.get_by_role("button", name="Change", exact=True).click()
    expect(shown.dialog.get_by_role("alert")).to_contain_text("corrected to Failed only by force")
    expect(view.page.get_by_text("corrected to Failed only by force")).to_have_count(1)
    shown.dialog.get_by_label("Even if the rules say no").check()
    shown.confirm("Change")
    assert read(client, run).state_type is StateType.FAILED


def test_a_paused_run_goes_on_with_what_was_entered_in_its_form(world, view, client):
    run = waiting(client, world)
    client.create_flow_run_input(run, "asked", ASKED)
    client.set_flow_run_state(run, ProposedState(type=StateType.RUNNING, force=True))
    keyset = {"run_input_keyset": {"schema": "asked", "response": "answer"}}
    paused = client.set_flow_run_state(
        run, ProposedState(type=StateType.PAUSED, name="Suspended", details=keyset, force=True)
    )
    assert paused.status == "accept"
    shown = RunView(view).open(run)
    shown.press("Resume …")
    expect(shown.dialog.get_by_role("heading")).to_have_text("Approve the transfer")
    shown.dialog.get_by_role("button", name="Resume").click()
    expect(shown.dialog).to_contain_text("A value is asked for.")
    shown.dialog.get_by_label("approve").select_option("true")
    shown.dialog.get_by_label("bandwidth").fill("500")
    shown.dialog.get_by_role("button", name="Resume").click()
    expect(shown.dialog).to_contain_text("at most 100")
    shown.dialog.get_by_label("bandwidth").fill("50")
    shown.confirm("Resume")
    shown.told("It goes on")
    assert client.read_flow_run_input(run, "answer") == {"approve": True, "bandwidth": 50}
    assert read(client, run).state_type is StateType.SCHEDULED


def test_a_failed_run_is_resumed_after_its_plan_was_shown(world, view, client):
    run = ended(client, made(client, world, "rates"))
    assert run.state_type is StateType.FAILED
    shown = RunView(view).open(run.id)
    shown.press("Resume from failure …")
    expect(shown.plan.get_by_role("button", name="Executed again")).to_contain_text("1")
    expect(shown.plan).to_contain_text("it was Failed")
    shown.confirm("Resume it")
    shown.told("what it had completed is reused")
    eventually(lambda: ended(client, run.id).epoch > run.epoch, timeout=120)


def test_a_run_is_run_again_from_a_task_as_its_plan_says(world, view, client):
    run = ended(client, made(client, world, "nightly", version=1))
    tasks = {task.name: task for task in client.read_task_runs(flow_run_ids=[run.id])}
    view.open(f"/task-runs/{tasks['report-0'].id}")
    view.page.get_by_role("link", name="Run again from here").click()
    shown = RunView(view)
    expect(shown.dialog).to_contain_text("report-0")
    shown.dialog.get_by_label("The latest: version 2").check()
    expect(shown.plan.get_by_role("button", name="Executed again")).to_contain_text("1")
    expect(shown.plan.get_by_role("button", name="Reused")).to_contain_text("3")
    shown.plan.get_by_role("button", name="Executed again").click()
    expect(shown.plan.get_by_role("region", name="Calls")).to_contain_text("it was chosen")
    shown.confirm("Make the new run")
    fork = ended(client, shown.shown_run(run.id))
    assert (fork.state_type, fork.forked_from, fork.deployment_version) == (StateType.COMPLETED, run.id, 2)
    reused = {task.name: task.reused for task in client.read_task_runs(flow_run_ids=[fork.id])}
    assert reused.pop("report-0") is False
    assert set(reused.values()) == {True}


def test_a_copy_begins_with_the_parameters_of_the_run_and_takes_others(world, view, client):
    run = made(client, world, "gpu", parameters={"model": "linear", "learning_rate": 0.5})
    shown = RunView(view).open(run)
    shown.choose("Copy as a new run")
    expect(shown.dialog.get_by_label("learning_rate")).to_have_value("0.5")
    shown.dialog.get_by_label("learning_rate").fill("fast")
    shown.dialog.get_by_role("button", name="Make the run").click()
    expect(shown.dialog).to_contain_text("A number is asked for.")
    shown.dialog.get_by_label("learning_rate").fill("0.25")
    shown.dialog.get_by_label("Name", exact=True).fill("copied-by-a-test")
    shown.confirm("Make the run")
    copy = read(client, shown.shown_run(run))
    assert copy.name == "copied-by-a-test"
    assert (copy.parameters["model"], copy.parameters["learning_rate"]) == ("'linear'", "0.25")


def test_a_running_run_is_suspended_and_cancelled(world, view, client):
    run = made(client, world, "archive")
    reached(client, run, {StateType.RUNNING})
    shown = RunView(view).open(run)
    shown.choose("Suspend")
    shown.told("let go at its next safe place")
    expect(shown.title).to_contain_text("Suspended")
    reached(client, run, {StateType.PAUSED})
    shown.press("Cancel …")
    shown.confirm("Cancel the run")
    expect(shown.title).to_contain_text("Cancelled")
    assert ended(client, run).state_type is StateType.CANCELLED


def test_a_suspended_run_that_asks_for_nothing_goes_on_at_a_click(world, view, client):
    run = waiting(client, world)
    client.set_flow_run_state(run, ProposedState(type=StateType.RUNNING, force=True))
    client.suspend_flow_run(run)
    shown = RunView(view).open(run)
    shown.press("Resume")
    shown.told("It goes on.")
    assert reached(client, run, {StateType.SCHEDULED}).state_name == "Resuming"


def test_lines_are_followed_found_and_linked_to(world, view, client):
    run = world.runs["running"]
    shown = RunView(view).open(run, "?tab=logs")
    log = view.page.get_by_role("log")
    expect(view.page.get_by_label("Follow")).to_be_checked()
    newest = client.read_logs(flow_run_ids=[run], newest_first=True, limit=1)[0]
    step = int(newest.message.split(":")[1].split()[0])
    expect(log).to_contain_text(f"Part 0: {step + 1} of 1000")
    view.page.get_by_label("Logger").select_option("levada.flow_runs")
    expect(log).not_to_contain_text("Part 0")
    view.page.get_by_label("Logger").select_option("")
    view.page.get_by_label("Search the log").fill('"Part 0: 2 of"')
    view.page.keyboard.press("Enter")
    expect(log.get_by_text("blocks copied")).to_have_count(1)
    log.get_by_role("button", name="link to this line").click()
    view.page.wait_for_url("**#line=*")
    shown.page.reload()
    expect(log.get_by_text("Part 0: 2 of 1000")).to_be_in_viewport()
    view.page.get_by_role("button", name="Go to …").click()
    shown.dialog.get_by_role("list", name="Task runs").get_by_role("button", name="copy_part-0").click()
    expect(log.get_by_text("Part 0: 0 of 1000")).to_be_in_viewport()


@LONG
def test_how_soon_a_change_is_on_screen(world, view, client, record_property):
    run = waiting(client, world)
    shown = RunView(view).open(run)
    took = []
    for number in range(20):
        state = (StateType.FAILED, StateType.COMPLETED)[number % 2]
        client.set_flow_run_state(run, ProposedState(type=state, message="Measured.", force=True))
        began = time.perf_counter()
        expect(shown.title).to_contain_text(state.value.capitalize())
        took.append(time.perf_counter() - began)
    took.sort()
    record_property("seconds_median", round(took[10], 3))
    print(f"a change of state is on screen after {took[10]:.3f} s (median), {took[-1]:.3f} s (worst of {len(took)})")
    assert took[10] < 1
