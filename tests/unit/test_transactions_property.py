"""Any tree of blocks, with failures anywhere, caught or not: each part is either committed or undone, exactly once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from levada.filesystems import MemoryFileSystem
from levada.results import ResultStore
from levada.transactions import CommitMode, TransactionState, transaction

ENDED = {TransactionState.COMMITTED, TransactionState.ROLLED_BACK}


@dataclass
class Block:
    """A block of code: what it stages, what stands in it, and how it ends."""

    mode: CommitMode | None
    stages: bool
    commit_hook_fails: bool
    raises: bool
    caught: bool
    inner: list[Block] = field(default_factory=list)
    name: str = ""


def blocks(inner: Any) -> Any:
    return st.builds(
        Block,
        mode=st.sampled_from([None, None, None, CommitMode.LAZY, CommitMode.EAGER, CommitMode.OFF]),
        stages=st.booleans(),
        commit_hook_fails=st.sampled_from([False, False, False, True]),
        raises=st.sampled_from([False, False, False, True]),
        caught=st.booleans(),
        inner=inner,
    )


trees = st.recursive(blocks(st.just([])), lambda inner: blocks(st.lists(inner, max_size=3)), max_leaves=8)


def catch_nothing(block: Block) -> None:
    block.caught = False
    for inner in block.inner:
        catch_nothing(inner)


class Planned(Exception):
    pass


class World:
    """Runs a tree of blocks and notes what happened."""

    def __init__(self) -> None:
        self.store = ResultStore(MemoryFileSystem(), home_storage=MemoryFileSystem())
        self.made: dict[str, Any] = {}
        self.staged: list[str] = []
        self.undone: Counter[str] = Counter()
        self.order: list[str] = []

    def run(self, block: Block, name: str) -> None:
        try:
            with transaction(key=name, store=self.store, commit_mode=block.mode) as txn:
                self.made[name] = txn
                for number, inner in enumerate(block.inner):
                    self.run(inner, f"{name}.{number}")
                if block.stages:
                    already_over = txn.state in ENDED
                    txn.stage(name, [self.undo(name)], [self.fail] if block.commit_hook_fails else [])
                    if not already_over:
                        self.staged.append(name)
                if block.raises:
                    raise Planned(name)
        except Planned:
            if not block.caught:
                raise

    def undo(self, name: str) -> Any:
        def hook(txn: Any) -> None:
            assert txn.state is TransactionState.STAGED
            self.undone[name] += 1
            self.order.append(name)

        return hook

    @staticmethod
    def fail(txn: Any) -> None:
        raise Planned("commit hook")


@given(tree=trees)
def test_every_part_is_committed_or_undone_exactly_once(tree: Block):
    world = World()
    try:
        world.run(tree, "0")
    except Planned:
        pass  # whether it comes out is the tree's business
    for name, txn in world.made.items():
        assert txn.state in ENDED, name
        committed = txn.state is TransactionState.COMMITTED
        staged = name in world.staged
        assert world.undone[name] == (staged and not committed), name
        # A result is there exactly when the part that staged it committed.
        assert world.store.exists(name) == (staged and committed), name


@given(tree=trees)
def test_a_part_that_is_undone_takes_with_it_all_around_it(tree: Block):
    world = World()
    try:
        world.run(tree, "0")
    except Planned:
        pass  # as above
    for name, txn in world.made.items():
        outer = world.made.get(name.rpartition(".")[0])
        if outer is not None and txn.is_rolled_back():
            assert outer.is_rolled_back(), name


@given(tree=trees)
def test_later_parts_of_a_block_are_undone_before_earlier_ones(tree: Block):
    catch_nothing(tree)  # after a failure that was caught, later parts are undone one by one as they end
    world = World()
    try:
        world.run(tree, "0")
    except Planned:
        pass  # as above
    leaves = [name for name in world.order if not any(other.startswith(f"{name}.") for other in world.made)]
    for one, other in pairwise(leaves):
        if one.rpartition(".")[0] == other.rpartition(".")[0]:
            assert int(one.rpartition(".")[2]) > int(other.rpartition(".")[2])
