"""Files that say ``import prefect`` run on Levada, unchanged.

``python -m levada.compat.prefect flow.py [arguments]`` runs one; `install()` does the same for a program that wants it.
Both make `prefect`, and those of its modules that have a counterpart, importable as names for Levada's own. No package
called prefect is installed, and a real one that is installed is hidden only in that process.

Two things are different from Levada's own modules, on purpose: functions that Prefect answers in the colour of their
caller do so here too (`await Variable.get(...)` works in async code), and a flow that is retried runs its tasks again
unless their results are persisted. A name that has no counterpart fails with what to use instead.
"""

from __future__ import annotations

from levada.compat.prefect.importer import install

__all__ = ["install"]
