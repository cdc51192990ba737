"""What a worker offers is read from the command line."""

from __future__ import annotations

import click
import pytest

from levada.cli.worker import offer_of
from levada.wire.pools import Offer


def test_an_offer_is_read_from_one_text_or_several() -> None:
    wanted = Offer(cpu=4.0, memory=8 * 2**30, gpu=1.0, labels=["ssd", "zone=north"])
    assert offer_of(("cpu=4,memory=8GiB,gpu=1,label=ssd,label=zone=north",)) == wanted
    assert offer_of(("cpu=4", "memory=8GiB", "gpu=1", "label=ssd", "label=zone=north")) == wanted
    assert offer_of(()) == Offer()


@pytest.mark.parametrize(
    ("text", "size"),
    [("512", 512), ("1.5k", 1500), ("2MB", 2_000_000), ("3MiB", 3 * 2**20), ("1G", 10**9), ("1Ti", 2**40)],
)
def test_memory_is_written_with_units(text: str, size: int) -> None:
    assert offer_of((f"memory={text}",)).memory == size


@pytest.mark.parametrize("text", ["cpu", "cpu=many", "memory=8elephants", "disk=1", "=3"])
def test_an_offer_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(click.UsageError, match="cannot be read; write cpu=4, memory=8GiB"):
        offer_of((text,))
