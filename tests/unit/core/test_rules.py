"""The law of states, paragraph by paragraph: no database, no clock, no run."""

from __future__ import annotations

from typing import Any

import pytest

from levada.core.rules import FLOW_RUN_LAW, TASK_RUN_LAW, Effect, RunFacts, Verdict, Wish, decide
from levada.core.states import DEFAULT_NAMES, StateType

T = StateType
NOW = 1_760_000_000_000_000
SECOND = 1_000_000


def run(state: StateType | None = T.RUNNING, name: str | None = None, **facts: Any) -> RunFacts:
    shown = name or (DEFAULT_NAMES[state] if state else None)
    return RunFacts(title="Flow run 'calm-otter'", now=NOW, state=state, name=shown, **facts)


def wish(kind: StateType, name: str | None = None, **fields: Any) -> Wish:
    return Wish(type=kind, name=name or DEFAULT_NAMES[kind], **fields)


def refused(verdict: Verdict, rule: str, status: str = "reject") -> None:
    assert (verdict.status, verdict.rule, verdict.state) == (status, rule, None)
    assert verdict.reason
    assert verdict.reason.endswith((".", ")"))


class TestRepeatedWish:
    def test_a_wish_that_was_followed_before_changes_nothing(self) -> None:
        verdict = decide(run(T.CANCELLED, wishes=frozenset({"w"})), wish(T.CANCELLING, transition_id="w"))
        assert (verdict.status, verdict.rule, verdict.state) == ("accept", "repeated-wish", None)

    def test_another_wish_is_another_wish(self) -> None:
        facts = run(T.RUNNING, executing=True, wishes=frozenset({"w"}))
        assert decide(facts, wish(T.CANCELLING, transition_id="v")).state is not None


class TestFenced:
    def test_a_wish_of_an_older_epoch_is_refused_even_by_force(self) -> None:
        refused(decide(run(epoch=3), wish(T.COMPLETED, epoch=2, force=True)), "fenced", "abort")

    def test_a_wish_of_the_present_epoch_is_heard(self) -> None:
        assert decide(run(epoch=3), wish(T.COMPLETED, epoch=3)).status == "accept"


class TestKeptResult:
    @pytest.mark.parametrize("force", [False, True])
    @pytest.mark.parametrize("kind", [T.SCHEDULED, T.FAILED, T.COMPLETED, T.CRASHED])
    def test_what_completed_with_a_result_stays_so(self, kind: StateType, force: bool) -> None:
        refused(decide(run(T.COMPLETED, keeps_result=True), wish(kind, force=force)), "kept-result")

    def test_it_may_be_renamed_rolled_back(self) -> None:
        verdict = decide(run(T.COMPLETED, keeps_result=True), wish(T.COMPLETED, "RolledBack"))
        assert (verdict.status, verdict.rule) == ("accept", None)

    def test_without_a_result_it_may_run_again(self) -> None:
        assert decide(run(T.COMPLETED), wish(T.SCHEDULED, again=True)).effects == {Effect.REOPENS}


class TestEndedStaysEnded:
    @pytest.mark.parametrize("kind", [T.CANCELLING, T.PAUSED, T.RUNNING])
    def test_it_does_not_go_on(self, kind: StateType) -> None:
        refused(decide(run(T.FAILED), wish(kind, force=True)), "ended-stays-ended", "abort")

    def test_it_is_not_late(self) -> None:
        refused(decide(run(T.FAILED), wish(T.SCHEDULED, "Late")), "ended-stays-ended", "abort")

    def test_it_runs_again_in_a_new_epoch(self) -> None:
        for kind in (T.SCHEDULED, T.PENDING):
            assert decide(run(T.CRASHED), wish(kind)).effects == {Effect.REOPENS}

    def test_it_is_corrected_by_force_only(self) -> None:
        refused(decide(run(T.CRASHED), wish(T.FAILED)), "ended-stays-ended")
        verdict = decide(run(T.CRASHED), wish(T.FAILED, force=True))
        assert (verdict.status, verdict.effects) == ("accept", {Effect.CLOSES})


class TestRetryWhatEnded:
    def test_what_has_not_ended_is_not_retried(self) -> None:
        refused(decide(run(T.SCHEDULED), wish(T.SCHEDULED, again=True)), "retry-what-ended")


class TestSubflowWithParent:
    def test_it_is_not_retried_alone(self) -> None:
        refused(decide(run(T.FAILED, is_subflow=True), wish(T.SCHEDULED)), "subflow-with-parent")

    def test_it_is_not_suspended_alone(self) -> None:
        refused(decide(run(is_subflow=True), wish(T.PAUSED)), "subflow-with-parent")

    def test_it_can_be_cancelled(self) -> None:
        assert decide(run(is_subflow=True, executing=True), wish(T.CANCELLING)).status == "accept"


class TestCancelling:
    def test_it_ends_cancelled_or_crashed(self) -> None:
        facts = run(T.CANCELLING, executing=True)
        for kind in (T.CANCELLED, T.CRASHED):
            assert decide(facts, wish(kind)).status == "accept"
        for kind in (T.RUNNING, T.SCHEDULED, T.COMPLETED, T.FAILED):
            refused(decide(facts, wish(kind)), "cancelling-ends-cancelled")

    def test_asking_again_changes_nothing(self) -> None:
        verdict = decide(run(T.CANCELLING, executing=True), wish(T.CANCELLING))
        assert (verdict.status, verdict.state) == ("accept", None)

    def test_a_run_that_executes_is_told(self) -> None:
        verdict = decide(run(executing=True), wish(T.CANCELLING))
        assert verdict.state is not None
        assert (verdict.state.type, verdict.effects) == (T.CANCELLING, {Effect.TELLS})

    @pytest.mark.parametrize(
        ("state", "name"),
        [
            (T.SCHEDULED, "Scheduled"),
            (T.SCHEDULED, "Late"),
            (T.SCHEDULED, "AwaitingRetry"),
            (T.PENDING, "Pending"),
            (T.PAUSED, "Suspended"),
            (T.CANCELLING, "Cancelling"),
        ],
    )
    def test_what_nobody_executes_is_cancelled_at_once(self, state: StateType, name: str) -> None:
        verdict = decide(run(state, name), wish(T.CANCELLING))
        assert verdict.state is not None
        assert (verdict.status, verdict.state.type, verdict.effects) == ("accept", T.CANCELLED, {Effect.CLOSES})


class TestPendingOnce:
    @pytest.mark.parametrize("state", [T.PENDING, T.RUNNING])
    def test_the_second_who_claims_is_sent_away_even_by_force(self, state: StateType) -> None:
        refused(decide(run(state), wish(T.PENDING, force=True)), "pending-once", "abort")

    def test_the_claimer_says_how_far_it_got(self) -> None:
        assert decide(run(T.PENDING), wish(T.PENDING, "InfrastructurePending")).status == "accept"
        refused(
            decide(run(T.PENDING, "InfrastructurePending"), wish(T.PENDING, "InfrastructurePending")),
            "pending-once",
            "abort",
        )


class TestLate:
    def test_only_scheduled_runs_are_late_and_only_once(self) -> None:
        due = {"scheduled_for": NOW - SECOND}
        assert decide(run(T.SCHEDULED, **due), wish(T.SCHEDULED, "Late")).status == "accept"
        assert decide(run(T.SCHEDULED, "Late", **due), wish(T.SCHEDULED, "Late")).state is None
        refused(decide(run(T.RUNNING, **due), wish(T.SCHEDULED, "Late")), "late-when-due")

    def test_not_before_the_time(self) -> None:
        facts = run(T.SCHEDULED, scheduled_for=NOW + SECOND)
        refused(decide(facts, wish(T.SCHEDULED, "Late")), "late-when-due")


class TestPausing:
    def test_only_what_runs_is_paused_and_its_process_lets_go(self) -> None:
        verdict = decide(run(executing=True), wish(T.PAUSED))
        assert verdict.state is not None
        assert (verdict.state.name, verdict.effects) == ("Suspended", {Effect.CLOSES, Effect.TELLS})
        for state in (T.SCHEDULED, T.PENDING):
            refused(decide(run(state), wish(T.PAUSED)), "pause-what-runs")

    def test_what_is_suspended_stays_so(self) -> None:
        verdict = decide(run(T.PAUSED, "Suspended"), wish(T.PAUSED, "Suspended"))
        assert (verdict.status, verdict.state) == ("accept", None)

    def test_a_key_works_once(self) -> None:
        facts = run(pause_keys=frozenset({"approve"}))
        refused(decide(facts, wish(T.PAUSED, pause_key="approve")), "pause-key-once")
        assert decide(facts, wish(T.PAUSED, pause_key="again")).status == "accept"


class TestResuming:
    def test_only_what_is_paused_is_resumed(self) -> None:
        for state in (T.RUNNING, T.SCHEDULED, T.PENDING):
            refused(decide(run(state), wish(T.SCHEDULED, "Resuming")), "resume-what-is-paused")

    def test_a_suspended_run_goes_on_in_a_new_epoch(self) -> None:
        verdict = decide(run(T.PAUSED, "Suspended"), wish(T.SCHEDULED, "Resuming"))
        assert (verdict.status, verdict.effects) == ("accept", {Effect.REOPENS})

    def test_a_run_whose_process_waits_goes_on_in_its_epoch(self) -> None:
        verdict = decide(run(T.PAUSED, executing=True), wish(T.SCHEDULED, "Resuming"))
        assert (verdict.status, verdict.effects) == ("accept", set())

    def test_an_expired_pause_is_a_failure(self) -> None:
        verdict = decide(run(T.PAUSED, "Suspended", pause_until=NOW - 1), wish(T.SCHEDULED, "Resuming"))
        assert verdict.state is not None
        assert (verdict.status, verdict.rule, verdict.state.type) == ("reject", "pause-expired", T.FAILED)
        assert verdict.effects == {Effect.CLOSES}
        assert decide(run(T.PAUSED, pause_until=NOW + 1), wish(T.RUNNING)).status == "accept"


class TestProcessTells:
    @pytest.mark.parametrize("kind", [T.COMPLETED, T.FAILED, T.SCHEDULED, T.RUNNING])
    def test_others_do_not_say_how_it_ends(self, kind: StateType) -> None:
        refused(decide(run(executing=True), wish(kind)), "process-tells")

    def test_by_force_they_do_and_the_process_is_told(self) -> None:
        verdict = decide(run(executing=True), wish(T.FAILED, force=True))
        assert verdict.effects == {Effect.CLOSES, Effect.TELLS}
        verdict = decide(run(executing=True), wish(T.SCHEDULED, force=True))
        assert verdict.effects == {Effect.REOPENS, Effect.TELLS}

    def test_without_a_process_anybody_may(self) -> None:
        assert decide(run(), wish(T.COMPLETED)).status == "accept"


class TestTimes:
    def test_a_run_waits_for_its_time(self) -> None:
        verdict = decide(run(T.PENDING, scheduled_for=NOW + 3 * SECOND), wish(T.RUNNING))
        assert (verdict.status, verdict.rule, verdict.retry_after) == ("wait", "wait-for-time", 3.0)
        assert decide(run(T.PENDING, scheduled_for=NOW), wish(T.RUNNING)).status == "accept"
        assert decide(run(T.PENDING, scheduled_for=NOW + SECOND), wish(T.RUNNING, force=True)).status == "accept"

    def test_the_scheduled_time_is_carried_along(self) -> None:
        for kind, name in ((T.PENDING, None), (T.SCHEDULED, "Late")):
            verdict = decide(run(T.SCHEDULED, scheduled_for=NOW - 5), wish(kind, name))
            assert verdict.state is not None
            assert verdict.state.scheduled_for == NOW - 5
        verdict = decide(run(T.SCHEDULED, scheduled_for=NOW - 5), wish(T.SCHEDULED, scheduled_for=NOW + 5))
        assert verdict.state is not None
        assert verdict.state.scheduled_for == NOW + 5


class TestOrderOfStates:
    def test_what_the_table_does_not_know_does_not_happen(self) -> None:
        refused(decide(run(T.PAUSED), wish(T.PENDING)), "order-of-states", "abort")

    def test_a_new_run_may_enter_anything(self) -> None:
        assert decide(run(None), wish(T.COMPLETED)).status == "accept"


class TestTaskRuns:
    def test_they_are_not_started_from_outside(self) -> None:
        refused(decide(run(T.FAILED, parent=T.RUNNING), wish(T.SCHEDULED), TASK_RUN_LAW), "corrections-only")

    def test_they_do_not_start_under_a_parent_that_stopped(self) -> None:
        facts = run(T.FAILED, parent=T.CANCELLED)
        refused(decide(facts, wish(T.PENDING, force=True), TASK_RUN_LAW), "parent-must-run", "abort")

    def test_how_they_ended_is_corrected_by_force(self) -> None:
        facts = run(T.CRASHED, parent=T.FAILED)
        refused(decide(facts, wish(T.COMPLETED), TASK_RUN_LAW), "ended-stays-ended")
        assert decide(facts, wish(T.COMPLETED, force=True), TASK_RUN_LAW).effects == {Effect.CLOSES}

    def test_one_that_executes_is_cancelled_through_its_process(self) -> None:
        facts = run(T.RUNNING, parent=T.RUNNING, executing=True)
        assert decide(facts, wish(T.CANCELLING), TASK_RUN_LAW).effects == {Effect.TELLS}
        refused(decide(facts, wish(T.COMPLETED), TASK_RUN_LAW), "process-tells")


@pytest.mark.parametrize(
    "rule", {rule.name: rule for rule in (*FLOW_RUN_LAW, *TASK_RUN_LAW)}.values(), ids=lambda r: r.name
)
def test_every_rule_says_what_it_says(rule: Any) -> None:
    assert rule.says.endswith(".")


def test_rules_have_names_of_their_own() -> None:
    for law in (FLOW_RUN_LAW, TASK_RUN_LAW):
        assert len({rule.name for rule in law}) == len(law)
