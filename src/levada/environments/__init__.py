"""Python environments of runs: built once for each content by uv, kept in the home, found again in no time.

`contents.py` says what an environment consists of and gives it a digest; `building.py` makes the folder of that digest
when there is none; `ourselves.py` puts Levada into it. A worker asks for one with ``python -m levada.environments``.
May import the vocabulary of the face, `wire`, `core` and the steps that fetch code.

Life of an environment: ``$LEVADA_HOME/cache/environments/<digest>`` comes into being complete, by a rename, under a
lock of its own; nothing in it is changed afterwards, and it may be removed whenever no run uses it.
"""

from __future__ import annotations

from levada.environments.building import EnvironmentFailed, environments_root, interpreter_of

__all__ = ["EnvironmentFailed", "environments_root", "interpreter_of"]
