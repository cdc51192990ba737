"""The law of leases: who is gone, and when nobody may be called gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from levada.core.leases import Presence, Watch, is_gone, latest_end, observe

LEASE = 20_000_000


def see(moments: list[int], watch: Watch | None = None) -> tuple[Watch, Presence]:
    watch = watch or Watch()
    presence = observe(watch, moments[0], LEASE)
    for moment in moments:
        presence = observe(watch, moment, LEASE)
        watch = presence.watch
    return watch, presence


def test_nobody_is_gone_in_the_first_lease_after_the_start() -> None:
    _, presence = see([0])
    assert not is_gone(-1, 0, presence)
    _, presence = see(list(range(0, LEASE, 2_000_000)))
    assert not presence.may_judge
    _, presence = see(list(range(0, LEASE + 1, 2_000_000)))
    assert is_gone(LEASE, LEASE, presence)
    assert not is_gone(LEASE + 1, LEASE, presence)
    assert not is_gone(None, LEASE, presence)


def test_presence_is_not_written_down_more_often_than_needed() -> None:
    watch = Watch(alive=0, grace=0)
    assert observe(watch, LEASE // 10, LEASE).watch is watch
    assert observe(watch, LEASE // 8, LEASE).watch.alive == LEASE // 8


def test_an_absence_of_half_a_lease_gives_everybody_a_fresh_one() -> None:
    watch = Watch(alive=0, grace=0)
    assert observe(watch, LEASE // 2, LEASE).may_judge
    outage = observe(watch, LEASE // 2 + 1, LEASE)
    assert (outage.absent_since, outage.watch.grace, outage.may_judge) == (0, LEASE // 2 + 1 + LEASE, False)


def test_a_clock_that_went_back_does_not_leave_a_grace_for_ever() -> None:
    watch = Watch(alive=10 * LEASE, grace=11 * LEASE)
    assert observe(watch, 0, LEASE).watch == Watch(0, LEASE)


@given(st.lists(st.integers(0, 40 * LEASE), min_size=1, max_size=60), st.integers(1, 10))
def test_a_process_that_renews_in_time_is_never_gone_whenever_the_control_plane_looks(
    moments: list[int], part: int
) -> None:
    """It renews every part of a lease while some replica is there to hear it, and at once when one is back."""
    every = LEASE // 4 // part
    watch, expires = Watch(), 0
    heard = 0
    for now in sorted(moments):
        presence = observe(watch, now, LEASE)
        absent = watch.alive is None or now - watch.alive > LEASE // 2
        if not absent:
            # Replicas were there since the last look: everything it said meanwhile was heard.
            heard = now - (now % every)
            expires = max(expires, heard + LEASE)
        assert not is_gone(expires, now, presence)
        watch = presence.watch
        expires = max(expires, now + LEASE) if not absent else max(expires, now)


def test_no_lease_ends_later_than_a_renewal_can_have_said() -> None:
    assert latest_end(0, LEASE) > LEASE
