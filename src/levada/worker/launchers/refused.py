"""The error of a launcher that cannot start a run."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - it is no mistake of anybody's
    """A run could not be started here, before any code of its author ran. The message says why."""
