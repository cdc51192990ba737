"""What asking for slots has in common, whatever the colour: whose slots, which limits, how strict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from levada.core.errors import ConcurrencySlotAcquisitionError
from levada.core.limits import keyed
from levada.engine.context import flow_var, task_var
from levada.session import current

if TYPE_CHECKING:
    from levada.client.limits import Holding, Slots


def slots_here() -> Slots:
    """The slots of this process."""
    return cast("Slots", current().limits())


def names_of(names: str | list[str], key: str | None = None) -> list[str]:
    """The names as a list, for a key when one is given; one name may be given alone.

    Raises:
        TypeError: a name, or the key, is not text.
        ConfigurationError: the key is empty or too long.
    """
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if not isinstance(name, str):
            raise TypeError(f"The name of a concurrency limit is text, got {name!r}.")
    if key is None:
        return listed
    if not isinstance(key, str):
        raise TypeError(f"The key of a concurrency limit is text, got {key!r}.")
    return [keyed(name, key) for name in listed]


def is_strict(given: bool | None) -> bool:
    """Whether a missing limit is an error here: as given, or by the setting `concurrency.strict`."""
    if given is not None:
        return given
    return bool(current().settings.concurrency.strict)


def lease_seconds(given: float | None) -> float:
    """How long slots are held without being renewed: as given, or by the setting `concurrency.lease_seconds`.

    Raises:
        ValueError: less than a second; a busy machine could not renew it in time.
    """
    seconds = float(given if given is not None else current().settings.concurrency.lease_seconds)
    if not seconds >= 1:
        raise ValueError(f"A lease must last a second or more, got {seconds:g}.")
    return seconds


def prepare(
    slots: Slots, names: list[str], occupy: int, lease_duration: float | None, holder: str | None, priority: int = 0
) -> Holding:
    """A holding for the run, if any, in which the caller is.

    Raises:
        TypeError: the priority is no whole number.
    """
    if type(priority) is not int:
        raise TypeError(f"A priority is a whole number, got {priority!r}.")
    flow_context, task_context = flow_var.get(), task_var.get()
    task = task_context.task_id if task_context is not None else None
    run = task_context.run if task_context is not None else None
    if run is None and flow_context is not None:
        run = flow_context.run
    seconds = lease_seconds(lease_duration)
    return slots.prepare(names, occupy, run=run, task=task, owner=holder, lease_seconds=seconds, priority=priority)


def complain_if_lost(holding: Holding, asked_to: bool | None) -> None:
    """Raise when slots were lost while they were held, if the author wants to know.

    Raises:
        ConcurrencySlotAcquisitionError: they were.
    """
    if asked_to and holding.lost:
        names = ", ".join(repr(name) for name in holding.lost)
        raise ConcurrencySlotAcquisitionError(
            f"Slots of concurrency limit {names} were lost while they were held: others may have been at work as well."
        )


def describe(holder: Any) -> str | None:
    """Who holds the slots, as text for people; None for host and process."""
    return None if holder is None else str(holder)
