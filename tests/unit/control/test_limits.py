"""Slots: had in all limits or in none, never more than there are, never leaked."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from levada.control.limits import Asker, Cleared, Grant, Limits
from levada.core.errors import ConcurrencySlotAcquisitionError, ConfigurationError, ObjectAlreadyExists, ObjectNotFound
from levada.core.ids import as_bytes, as_uuid
from levada.core.limits import Verdict, keyed, new_lease
from levada.store.sqlite import SqliteStore
from levada.testing import eventually

SECOND = 1_000_000
HERE, THERE = bytes(15) + b"\x01", bytes(15) + b"\x02"


class World:
    """A clock one can move, and processes one can kill."""

    def __init__(self, path: Path) -> None:
        self.now = 1_700_000_000 * SECOND
        self.dead: set[bytes] = set()
        self.store = SqliteStore(path)
        self.limits = Limits(self.store, is_live=lambda writer: writer not in self.dead, now_us=lambda: self.now)

    def take(self, names: list[str], slots: int = 1, writer: bytes | None = HERE, **options) -> Grant | Verdict:
        return self.limits.acquire(names, slots, Asker(writer), **options)

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "levada.db")
    yield made
    made.store.close()


def test_slots_are_given_until_the_limit_is_full(world: World) -> None:
    world.limits.create("db", 2)
    first, second, third = (world.take(["db"]) for _ in range(3))
    assert isinstance(first, Grant)
    assert isinstance(second, Grant)
    assert third.full == ("db",)


def test_a_released_slot_is_free_at_once_and_releasing_twice_does_nothing(world: World) -> None:
    world.limits.create("db", 1)
    held = world.take(["db"])
    assert isinstance(held, Grant)
    world.limits.release(held.lease)
    world.limits.release(held.lease)
    assert isinstance(world.take(["db"]), Grant)
    assert isinstance(world.take(["db"]), Verdict)


def test_slots_are_had_in_all_limits_or_in_none(world: World) -> None:
    world.limits.create("db", 1)
    world.limits.create("api", 5)
    world.take(["db"])
    assert world.take(["api", "db"]).full == ("db",)
    assert world.limits.read("api").active_slots == 0


def test_releasing_gives_back_the_slots_of_all_limits(world: World) -> None:
    world.limits.create("db", 2)
    world.limits.create("api", 3)
    held = world.take(["db", "api"], 2)
    assert isinstance(held, Grant)
    assert set(held.names) == {"api", "db"}
    world.limits.release(held.lease)
    assert [view.active_slots for view in world.limits.read_all()] == [0, 0]


def test_a_name_given_twice_counts_once(world: World) -> None:
    world.limits.create("db", 1)
    assert isinstance(world.take(["db", "db"]), Grant)


def test_a_missing_limit_is_an_error_that_names_it_and_the_command(world: World) -> None:
    world.limits.create("db", 1)
    with pytest.raises(ConcurrencySlotAcquisitionError, match=r"no concurrency limit 'dbb'.*create dbb SLOTS"):
        world.take(["db", "dbb"])
    assert world.limits.read("db").active_slots == 0


def test_a_missing_limit_bounds_nothing_when_that_is_wanted(world: World) -> None:
    world.limits.create("db", 1)
    assert world.take(["nowhere"], strict=False) == Grant(None, (), 1)
    both = world.take(["nowhere", "db"], strict=False)
    assert isinstance(both, Grant)
    assert both.names == ("db",)


def test_a_limit_of_zero_is_closed(world: World) -> None:
    world.limits.create("db", 0)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="closed"):
        world.take(["db"])


def test_an_inactive_limit_lets_pass_and_remembers_whom(world: World) -> None:
    world.limits.create("db", 1, active=False)
    for _ in range(3):
        assert isinstance(world.take(["db"]), Grant)
    assert world.limits.read("db").active_slots == 3
    world.limits.change("db", active=True)
    assert isinstance(world.take(["db"]), Verdict)


def test_lowering_a_limit_takes_nobodys_slot_away(world: World) -> None:
    world.limits.create("db", 3)
    held = [world.take(["db"]) for _ in range(3)]
    world.limits.change("db", slots=1)
    assert world.limits.read("db").active_slots == 3
    for grant in held[:2]:
        world.limits.release(grant.lease)
        assert isinstance(world.take(["db"]), Verdict)
    world.limits.release(held[2].lease)
    assert isinstance(world.take(["db"]), Grant)


def test_a_lease_that_nobody_renews_expires(world: World) -> None:
    world.limits.create("db", 1)
    world.take(["db"], lease_seconds=10)
    world.wait(9.9)
    assert isinstance(world.take(["db"]), Verdict)
    world.wait(0.1)
    assert isinstance(world.take(["db"]), Grant)


def test_a_renewed_lease_lives_on(world: World) -> None:
    world.limits.create("db", 1)
    held = world.take(["db"], lease_seconds=10)
    for _ in range(5):
        world.wait(9)
        assert world.limits.renew(held, Asker(HERE), lease_seconds=10) == ()
        assert isinstance(world.take(["db"], writer=THERE), Verdict)


def test_a_lease_whose_process_is_gone_is_taken_back_at_once(world: World) -> None:
    """A holder killed with -9 releases nothing; what says that it is gone is the free lock of its journal."""
    world.limits.create("db", 1)
    world.take(["db"], writer=THERE)
    assert isinstance(world.take(["db"]), Verdict)
    world.dead.add(THERE)
    assert world.limits.look(["db"], 1).granted
    assert world.limits.read("db").holders == []
    assert isinstance(world.take(["db"]), Grant)


def test_a_lease_without_a_journal_ends_by_time_only(world: World) -> None:
    world.limits.create("db", 1)
    world.take(["db"], writer=None, lease_seconds=10)
    assert isinstance(world.take(["db"]), Verdict)
    world.wait(11)
    assert isinstance(world.take(["db"]), Grant)


def test_a_lost_slot_is_taken_again_when_there_is_room(world: World) -> None:
    """The machine slept past the lease, and nobody else wanted the slot meanwhile."""
    world.limits.create("db", 1)
    held = world.take(["db"], lease_seconds=10)
    world.limits.reset("db")
    assert world.limits.renew(held, Asker(HERE), lease_seconds=10) == ()
    assert isinstance(world.take(["db"], writer=THERE), Verdict)


def test_a_lost_slot_that_another_took_is_told(world: World) -> None:
    world.limits.create("db", 1)
    held = world.take(["db"], lease_seconds=10)
    world.wait(20)
    other = world.take(["db"], writer=THERE)
    assert isinstance(other, Grant)
    assert world.limits.renew(held, Asker(HERE), lease_seconds=10) == ("db",)
    assert world.limits.read("db").active_slots == 1


def test_renewing_after_the_limit_was_deleted_is_no_loss(world: World) -> None:
    world.limits.create("db", 1)
    held = world.take(["db"])
    world.limits.delete("db")
    assert world.limits.renew(held, Asker(HERE)) == ()


def test_who_holds_a_limit_can_be_read(world: World) -> None:
    world.limits.create("db", 5)
    run, task = bytes(15) + b"\x07", bytes(15) + b"\x08"
    world.limits.acquire(["db"], 2, Asker(HERE, run, task, "box:42"), lease_seconds=10)
    (holder,) = world.limits.read("db").holders
    assert (holder.slots, holder.owner) == (2, "box:42")
    assert as_bytes(holder.flow_run_id) == run
    assert as_bytes(holder.task_run_id) == task
    assert (holder.expires - holder.since).total_seconds() == 10


def test_limits_are_made_changed_listed_and_deleted(world: World) -> None:
    world.limits.create("db", 5)
    with pytest.raises(ObjectAlreadyExists, match="'db' exists"):
        world.limits.create("db", 6)
    world.limits.upsert("api", 2, decay=0.5)
    world.limits.upsert("api", 3)
    assert world.limits.read("api").slot_decay_per_second == 0.5
    assert [(view.name, view.limit) for view in world.limits.read_all()] == [("api", 3), ("db", 5)]
    assert world.limits.known(["db", "api", "x"]) == {"db", "api"}
    assert world.limits.delete("db")
    assert not world.limits.delete("db")
    for verb in (world.limits.read, world.limits.reset, world.limits.change):
        with pytest.raises(ObjectNotFound, match="'db'"):
            verb("db")


@pytest.mark.parametrize("arguments", [("", 1), ("db", -1), ("db", 1.5), ("db", True)])
def test_a_limit_that_cannot_be_is_refused(world: World, arguments: tuple) -> None:
    with pytest.raises(ConfigurationError):
        world.limits.create(*arguments)


@pytest.mark.parametrize("decay", [-1.0, float("nan"), float("inf")])
def test_a_decay_that_cannot_be_is_refused(world: World, decay: float) -> None:
    with pytest.raises(ConfigurationError, match="slots a second"):
        world.limits.create("db", 1, decay=decay)


@pytest.mark.parametrize("slots", [0, -1, 1.5, True])
def test_asking_for_no_slots_is_refused(world: World, slots: object) -> None:
    world.limits.create("db", 1)
    with pytest.raises(ConfigurationError, match="above 0"):
        world.take(["db"], slots)


def test_a_rate_limit_lets_a_burst_through_and_then_the_rate(world: World) -> None:
    world.limits.create("api", 3, decay=2.0)
    assert [isinstance(world.limits.pour(["api"], 1), Grant) for _ in range(4)] == [True, True, True, False]
    verdict = world.limits.pour(["api"], 1)
    assert isinstance(verdict, Verdict)
    assert verdict.retry_after == pytest.approx(0.5)
    world.wait(0.5)
    assert isinstance(world.limits.pour(["api"], 1), Grant)
    assert isinstance(world.limits.pour(["api"], 1), Verdict)


def test_over_a_minute_a_rate_limit_lets_the_rate_through(world: World) -> None:
    world.limits.create("api", 5, decay=2.0)
    passed = 0
    for _ in range(600):
        passed += isinstance(world.limits.pour(["api"], 1), Grant)
        world.wait(0.1)
    assert 5 + 2 * 60 - 1 <= passed <= 5 + 2 * 60


def test_a_clock_that_was_put_back_stops_no_rate_limit(world: World) -> None:
    """The bucket was last written an hour from now, and would run out no more until then."""
    world.limits.create("api", 1, decay=1.0)
    world.limits.pour(["api"], 1)
    world.wait(-3600)
    assert isinstance(world.limits.pour(["api"], 1), Verdict)
    world.wait(1)
    assert isinstance(world.limits.pour(["api"], 1), Grant)


def test_a_rate_limit_that_gives_nothing_back_is_an_error(world: World) -> None:
    world.limits.create("db", 3)
    with pytest.raises(ConcurrencySlotAcquisitionError, match=r"no slot decay.*--decay"):
        world.limits.pour(["db"], 1)


def test_holders_leave_less_room_for_a_rate(world: World) -> None:
    world.limits.create("api", 2, decay=1.0)
    held = world.take(["api"])
    assert isinstance(world.limits.pour(["api"], 1), Grant)
    assert isinstance(world.limits.pour(["api"], 1), Verdict)
    world.limits.release(held.lease)
    assert isinstance(world.limits.pour(["api"], 1), Grant)


def test_a_reset_empties_the_bucket(world: World) -> None:
    world.limits.create("api", 1, decay=0.001)
    world.limits.pour(["api"], 1)
    assert isinstance(world.limits.pour(["api"], 1), Verdict)
    world.limits.reset("api")
    assert isinstance(world.limits.pour(["api"], 1), Grant)


EARLY, LATE = b"early" + bytes(11), b"late" + bytes(12)


def test_a_slot_that_comes_free_goes_to_who_waits_longest(world: World) -> None:
    """A process that takes and gives back in a loop would otherwise keep all who look only now and then out."""
    world.limits.create("db", 1)
    held = world.take(["db"])
    assert isinstance(world.take(["db"], writer=THERE, lease=EARLY), Verdict)
    world.wait(1)
    assert isinstance(world.take(["db"], writer=THERE, lease=EARLY), Verdict)
    world.limits.release(held.lease)
    assert world.take(["db"], lease=LATE).full == ("db",)
    assert not world.limits.look(["db"], 1).granted
    assert isinstance(world.take(["db"], writer=THERE, lease=EARLY), Grant)


def test_who_has_waited_for_a_moment_only_holds_nobody_up(world: World) -> None:
    world.limits.create("db", 1)
    held = world.take(["db"])
    world.take(["db"], lease=EARLY)
    world.wait(0.1)
    world.limits.release(held.lease)
    assert isinstance(world.take(["db"], lease=LATE), Grant)


@pytest.mark.parametrize("ending", ["released", "killed", "silent", "limit deleted"])
def test_who_waits_no_longer_holds_nobody_up(world: World, ending: str) -> None:
    world.limits.create("db", 1)
    held = world.take(["db"])
    world.take(["db"], writer=THERE, lease=EARLY)
    world.wait(1)
    world.limits.release(held.lease)
    assert isinstance(world.take(["db"], lease=LATE), Verdict)
    if ending == "released":
        world.limits.release(EARLY)
    elif ending == "killed":
        world.dead.add(THERE)
    elif ending == "silent":
        world.wait(1)
    else:
        world.limits.delete("db")
        world.limits.create("db", 1)
    assert isinstance(world.take(["db"], lease=LATE), Grant)


def test_who_waits_for_more_than_there_is_holds_nobody_up(world: World) -> None:
    """Else two who each hold a part and wait for more would wait for each other for ever."""
    world.limits.create("db", 3)
    world.limits.create("api", 1)
    first = world.take(["db"], 2)
    other = world.take(["api"])
    world.take(["db"], 2, writer=THERE, lease=EARLY)
    world.take(["db", "api"], 1, writer=THERE, lease=bytes(15) + b"x")
    world.wait(1)
    held = world.take(["db"], 1, lease=LATE)
    assert isinstance(held, Grant)
    world.limits.release(held.lease)
    world.limits.release(first.lease)
    # Now the one who wants two can have them, and leaves one; the one who wants both limits still cannot.
    assert isinstance(world.take(["db"], 2, lease=LATE), Verdict)
    assert isinstance(world.take(["db"], 1, lease=LATE), Grant)
    world.limits.release(LATE)
    world.limits.release(other.lease)
    assert isinstance(world.take(["db"], 1, lease=LATE), Verdict)


def test_who_waits_can_be_read(world: World) -> None:
    world.limits.create("db", 1)
    world.take(["db"])
    run, task = bytes(15) + b"\x07", bytes(15) + b"\x08"
    world.limits.acquire(["db"], 1, Asker(HERE, run, task), lease=EARLY)
    assert world.limits.read("db").waiting == 1
    assert [view.waiting for view in world.limits.read_all()] == [1]
    assert set(world.limits.waits_of(run)) == set(world.limits.waits_of(task)) == {"db"}
    world.limits.release(EARLY)
    assert world.limits.read("db").waiting == 0
    assert world.limits.waits_of(run) == {}


def test_a_more_urgent_waiter_is_served_before_those_who_came_first(world: World) -> None:
    world.limits.create("db", 1)
    held = world.take(["db"])
    world.take(["db"], lease=EARLY)
    world.wait(1)
    world.take(["db"], lease=EARLY)
    assert isinstance(world.limits.acquire(["db"], 1, Asker(HERE, priority=5), lease=LATE), Verdict)
    assert [(wait.lease, wait.priority) for wait in world.limits.read("db").waiters] == [
        (as_uuid(LATE), 5),
        (as_uuid(EARLY), 0),
    ]
    world.limits.release(held.lease)
    assert world.take(["db"], lease=EARLY).full == ("db",)
    assert world.limits.look(["db"], 1, EARLY).full == ("db",)
    assert isinstance(world.limits.acquire(["db"], 1, Asker(HERE, priority=5), lease=LATE), Grant)


def test_of_equally_urgent_waiters_the_first_is_served_first(world: World) -> None:
    world.limits.create("db", 1)
    held = world.take(["db"])
    urgent = Asker(HERE, priority=-2)
    world.limits.acquire(["db"], 1, urgent, lease=EARLY)
    world.wait(1)
    world.limits.acquire(["db"], 1, urgent, lease=LATE)
    world.limits.acquire(["db"], 1, urgent, lease=EARLY)
    world.limits.release(held.lease)
    assert isinstance(world.limits.acquire(["db"], 1, urgent, lease=LATE), Verdict)
    assert isinstance(world.limits.acquire(["db"], 1, urgent, lease=EARLY), Grant)


def test_a_priority_beyond_all_measure_is_refused(world: World) -> None:
    world.limits.create("db", 1)
    with pytest.raises(ConfigurationError, match="A priority is from -1000000 to 1000000, got 1000001"):
        world.limits.acquire(["db"], 1, Asker(HERE, priority=1_000_001))


def test_waiters_look_often_where_slots_change_hands_often(world: World) -> None:
    world.limits.create("db", 1)
    world.take(["db"], lease_seconds=10_000)
    assert world.limits.look(["db"], 1).look_again == pytest.approx(0.002)
    world.wait(0.4)
    assert world.limits.look(["db"], 1).look_again == pytest.approx(0.02)
    world.take(["db"], lease=EARLY)
    world.wait(0.1)
    assert world.limits.look(["db"], 1).look_again == pytest.approx(0.05)
    world.wait(3600)
    assert world.limits.look(["db"], 1).look_again == pytest.approx(0.05)


NAMES = ["a", "b", "c"]
WRITERS = [bytes(15) + bytes([number]) for number in range(1, 5)]
LEASE = 10.0


class Contention(RuleBasedStateMachine):
    """Many processes take, renew, release and die at random; a plain model says what must be held."""

    grants = Bundle("grants")

    @initialize(limits=st.lists(st.integers(1, 4), min_size=3, max_size=3))
    def begin(self, limits: list[int]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name) / "levada.db")
        self.slots = dict(zip(NAMES, limits, strict=True))
        for name, count in self.slots.items():
            self.world.limits.create(name, count)
        self.held: dict[bytes, tuple[bytes, tuple[str, ...], int, int]] = {}

    def living(self, name: str) -> int:
        return sum(
            slots
            for writer, names, slots, expires in self.held.values()
            if name in names and writer not in self.world.dead and expires > self.world.now
        )

    @rule(
        target=grants,
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
        slots=st.integers(1, 3),
        writer=st.sampled_from(WRITERS),
    )
    def acquire(self, names: list[str], slots: int, writer: bytes):
        if writer in self.world.dead:
            return multiple()
        fits = all(self.living(name) + slots <= self.slots[name] for name in names)
        if any(slots > self.slots[name] for name in names):
            with pytest.raises(ConcurrencySlotAcquisitionError):
                self.world.take(names, slots, writer, lease_seconds=LEASE)
            return multiple()
        assert self.world.limits.look(names, slots).granted == fits
        outcome = self.world.take(names, slots, writer, lease_seconds=LEASE)
        # Nothing overshoots, and nothing leaks: it is granted exactly when the model has room.
        assert isinstance(outcome, Grant) == fits
        if not isinstance(outcome, Grant):
            return multiple()
        self.held[outcome.lease] = (writer, tuple(names), slots, self.world.now + int(LEASE * SECOND))
        return outcome

    @rule(grant=consumes(grants))
    def release(self, grant: Grant) -> None:
        self.world.limits.release(grant.lease)
        self.held.pop(grant.lease, None)

    @rule(grant=grants)
    def renew(self, grant: Grant) -> None:
        found = self.held.get(grant.lease)
        if found is None or found[0] in self.world.dead:
            return
        writer, names, slots, expires = found
        lost = self.world.limits.renew(grant, Asker(writer), lease_seconds=LEASE)
        if expires > self.world.now:
            assert not set(lost) & set(names)
        kept = tuple(name for name in grant.names if name not in lost)
        self.held[grant.lease] = (writer, kept, slots, self.world.now + int(LEASE * SECOND))

    @rule(writer=st.sampled_from(WRITERS))
    def kill(self, writer: bytes) -> None:
        self.world.dead.add(writer)

    @rule(writer=st.sampled_from(WRITERS))
    def start_anew(self, writer: bytes) -> None:
        """A new process gets a new writer; here the old one's slots are gone before its name is used again."""
        if writer in self.world.dead:
            for name in NAMES:
                self.world.limits.look([name], 1)
            self.held = {lease: found for lease, found in self.held.items() if found[0] != writer}
            with self.world.store.write() as transaction:
                transaction.execute("DELETE FROM leases WHERE holder_writer = ?", (writer,))
            self.world.dead.discard(writer)

    @rule(seconds=st.floats(0.1, 8))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    @invariant()
    def never_more_than_the_limit(self) -> None:
        if hasattr(self, "held"):
            for name, count in self.slots.items():
                assert self.living(name) <= count
                assert self.world.limits.read(name).active_slots <= count

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.store.close()
            self.folder.cleanup()


Contention.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
TestContention = Contention.TestCase


def test_each_key_of_a_limit_has_its_own_slots(world: World) -> None:
    world.limits.create("api", 1)
    assert isinstance(world.take([keyed("api", "acme")]), Grant)
    assert isinstance(world.take([keyed("api", "globex")]), Grant)
    assert isinstance(world.take(["api"]), Grant)
    assert world.take([keyed("api", "acme")]).full == ("api[acme]",)


def test_a_limit_of_its_own_bounds_one_key_differently(world: World) -> None:
    world.limits.create("api", 1)
    world.limits.create("api[acme]", 2)
    outcomes = [world.take([keyed("api", "acme")]) for _ in range(3)]
    assert [isinstance(outcome, Grant) for outcome in outcomes] == [True, True, False]


def test_keys_in_use_are_shown_beside_their_limit_and_go_with_it(world: World) -> None:
    world.limits.create("api", 1)
    world.take([keyed("api", "acme")])
    assert [(view.name, view.active_slots) for view in world.limits.read_all()] == [("api", 0), ("api[acme]", 1)]
    assert world.limits.reset("api") == 1
    world.take([keyed("api", "acme")])
    assert world.limits.delete("api")
    assert world.limits.read_all() == []
    with pytest.raises(ConcurrencySlotAcquisitionError, match="no concurrency limit 'api\\[acme\\]'"):
        world.take([keyed("api", "acme")])


def test_a_rate_limit_runs_for_each_key_and_its_buckets_are_cleared_up(world: World) -> None:
    world.limits.create("api", 1, decay=1.0)
    assert isinstance(world.limits.pour([keyed("api", "acme")], 1), Grant)
    assert isinstance(world.limits.pour([keyed("api", "globex")], 1), Grant)
    assert world.limits.pour([keyed("api", "acme")], 1).retry_after == pytest.approx(1.0)
    world.wait(2)
    world.limits.clear_up(world.now)
    with world.store.read() as transaction:
        assert transaction.execute("SELECT count(*) FROM rate_buckets") == [(0,)]


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_that_is_empty_or_endless_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="key of concurrency limit 'api'"):
        keyed("api", key)


def test_asking_again_with_the_same_lease_takes_no_second_slot(world: World) -> None:
    """The answer to the first asking was lost on its way, and the client sent it again."""
    world.limits.create("db", 2)
    lease = new_lease(world.now, bytes(8))
    assert isinstance(world.take(["db"], lease=lease), Grant)
    assert isinstance(world.take(["db"], lease=lease), Grant)
    assert world.limits.read("db").active_slots == 1


def test_a_holder_elsewhere_keeps_its_slot_until_its_process_is_given_up(world: World) -> None:
    """It has no journal on this machine; its sign of life is the lease of its writer."""
    world.limits = Limits(world.store, is_live=lambda _: None, now_us=lambda: world.now)
    world.limits.create("db", 1)
    with world.store.write() as transaction:
        transaction.writers.renew(HERE, world.now, world.now + 20 * SECOND, "elsewhere", 7)
    world.take(["db"])
    world.wait(60)
    assert isinstance(world.take(["db"], writer=THERE), Verdict)
    with world.store.write() as transaction:
        transaction.writers.renew(HERE, world.now, None, "elsewhere", 7)
    assert isinstance(world.take(["db"], writer=THERE), Grant)


def test_a_holder_that_has_not_said_its_first_word_yet_keeps_its_slot(world: World) -> None:
    world.limits = Limits(world.store, is_live=lambda _: None, now_us=lambda: world.now)
    world.limits.create("db", 1)
    world.take(["db"], lease_seconds=30)
    assert isinstance(world.take(["db"], writer=THERE), Verdict)
    world.wait(31)
    assert isinstance(world.take(["db"], writer=THERE), Grant)


def test_clearing_up_takes_back_what_nobody_gives_back_and_wakes_who_waits(world: World) -> None:
    world.limits.create("db", 2)
    world.take(["db"], lease_seconds=10)
    world.take(["db"], writer=THERE)
    world.take(["db"], lease=new_lease(world.now, bytes(8)), writer=None)
    heard: list[tuple[str, str]] = []
    came = threading.Event()
    stop = world.store.listen(lambda topic, text: (heard.append((topic, text)), came.set()))
    assert world.limits.clear_up(world.now) == Cleared(next_end=world.now + 10 * SECOND)
    world.dead.add(THERE)
    world.wait(11)
    cleared = world.limits.clear_up(world.now)
    assert (cleared.leases, cleared.waiters) == (2, 0)
    assert came.wait(10)
    stop()
    assert heard == [("limits", "db")]
    world.wait(61)
    assert world.limits.clear_up(world.now).waiters == 1


def test_who_gives_back_or_leaves_the_line_wakes_the_others(world: World) -> None:
    world.limits.create("db", 1)
    held = world.take(["db"])
    assert isinstance(held, Grant)
    waiting = new_lease(world.now, bytes(8))
    world.take(["db"], lease=waiting)
    heard: list[tuple[str, str]] = []
    stop = world.store.listen(lambda topic, text: heard.append((topic, text)))
    world.limits.release(waiting)
    world.limits.release(held.lease)
    eventually(lambda: heard == [("limits", "db"), ("limits", "db")])
    stop()
