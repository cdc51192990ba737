"""What one transaction knows of flow runs, and what it makes of them before all is saved at once.

`together` carries several wishes out in one transaction. First each says which runs it is about, and all of these are
locked and loaded in one go. Then each is decided, in the order of their coming, against the rows as those before it
left them on the sheet. What is refused has written nothing, so it is the answer of that wish alone. At the end the
sheet is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from levada.control.saving import save_flow_runs
from levada.control.telling import Word, announce_words
from levada.core.errors import LevadaError, ObjectNotFound
from levada.store.base import FlowRunRow, Transaction

A_co = TypeVar("A_co", covariant=True)

LivesHere = Callable[[bytes], bool | None]


class Aims(NamedTuple):
    """What a wish is about.

    Attributes:
        runs: flow runs, to be locked and loaded; those that are not there are no error yet.
        key: flow and idempotency key, to be locked and looked up.
        found: what the wish found on the way, for itself.
    """

    runs: Sequence[bytes] = ()
    key: tuple[str, str] | None = None
    found: Any = None


class Sheet:
    """Rows of flow runs, as one transaction found them and as it will leave them.

    Args:
        transaction: a writing one.
        lives_here: tells of a writer whether its process lives on this machine.
    """

    def __init__(self, transaction: Transaction, lives_here: LivesHere) -> None:
        self.transaction = transaction
        self.lives_here = lives_here
        self.keys: dict[tuple[str, str], bytes] = {}
        """Runs by flow and idempotency key."""
        self.words: list[Word] = []
        """Who must hear of it."""
        self._before: dict[bytes, FlowRunRow] = {}
        self._after: dict[bytes, tuple[FlowRunRow, Sequence[str]]] = {}
        self._new_keys: list[tuple[str, str, bytes]] = []

    def take(self, aims: Iterable[Aims]) -> None:
        """Lock, then load, everything that wishes are about."""
        aims = list(aims)
        runs = dict.fromkeys(run for aim in aims for run in aim.runs)
        keys = dict.fromkeys(aim.key for aim in aims if aim.key is not None)
        self.transaction.lock(*runs, *(f"idempotency:{flow}:{key}".encode() for flow, key in keys))
        for flow, key in keys:
            found = self.transaction.execute("SELECT run FROM idempotency WHERE flow = ? AND key = ?", (flow, key))
            if found:
                run = bytes(found[0][0])
                self.keys[flow, key] = run
                runs[run] = None
        if runs:
            self._before.update(self.transaction.flow_runs.load(runs))

    def find(self, run: bytes) -> FlowRunRow | None:
        """The row of a run that was taken, as it is now."""
        changed = self._after.get(run)
        return self._before.get(run) if changed is None else changed[0]

    def row(self, run: bytes) -> FlowRunRow:
        """The row of a run that was taken, as it is now.

        Raises:
            ObjectNotFound: there is none.
        """
        row = self.find(run)
        if row is None:
            raise ObjectNotFound(f"There is no flow run {UUID(bytes=run)}.")
        return row

    def put(self, row: FlowRunRow, facts: Sequence[str]) -> None:
        """Change a run that was taken, or add one."""
        self._after[row.id] = (row, facts)

    def added_below(self, runs: Iterable[bytes]) -> list[bytes]:
        """Runs that wishes before this one added as subflow runs of these, or of one another."""
        known = set(runs)
        found = []
        for row, _ in self._after.values():  # who calls was there before who is called
            if row.id not in self._before and row.parent_run in known:
                known.add(row.id)
                found.append(row.id)
        return found

    def keep_key(self, key: tuple[str, str], run: bytes) -> None:
        """Have the same key find this run from now on."""
        self.keys[key] = run
        self._new_keys.append((*key, run))

    def save(self) -> None:
        """Write down what became of the rows, and announce it."""
        save_flow_runs(self.transaction, self._before, list(self._after.values()))
        for values in self._new_keys:
            self.transaction.execute("INSERT INTO idempotency (flow, key, run) VALUES (?, ?, ?)", values)
        announce_words(self.transaction, self.words)


class Asked(Protocol[A_co]):
    """A wish about flow runs."""

    def aims(self, transaction: Transaction) -> Aims:
        """What it is about; may read, may write nothing."""
        ...

    def carry_out(self, sheet: Sheet, aims: Aims) -> A_co:
        """Decide it, and put what follows on the sheet; its answer. `aims` is what it said it is about.

        Raises:
            LevadaError: it is refused; nothing was put on the sheet.
        """
        ...


def together(
    transaction: Transaction, lives_here: LivesHere, wishes: Sequence[Asked[Any]]
) -> tuple[list[Any], list[Word]]:
    """Carry wishes out.

    Returns:
        The answer of each, or the `LevadaError` by which it was refused; and who must hear of it after the commit.

    Raises:
        LevadaError: a single wish was refused, so that nothing is committed.
    """
    sheet = Sheet(transaction, lives_here)
    answers: list[Any] = [None] * len(wishes)
    aims: dict[int, Aims] = {}
    for number, wish in enumerate(wishes):
        try:
            aims[number] = wish.aims(transaction)
        except LevadaError as refusal:
            answers[number] = refusal
    sheet.take(aims.values())
    for number, aim in aims.items():
        try:
            answers[number] = wishes[number].carry_out(sheet, aim)
        except LevadaError as refusal:
            answers[number] = refusal
    if len(answers) == 1 and isinstance(answers[0], LevadaError):
        raise answers[0]
    sheet.save()
    return answers, sheet.words
