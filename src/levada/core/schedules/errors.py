"""What is wrong with a schedule."""

from __future__ import annotations


class ScheduleProblem(ValueError):  # noqa: N818 - what is wrong, not that something went wrong
    """A part of a schedule that cannot be used.

    Args:
        field: which, e.g. ``timing.cron``.
        problem: what is wrong with it, as the rest of a sentence that begins with the field.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem
