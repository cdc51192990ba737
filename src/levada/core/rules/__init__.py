"""The law of states: what becomes of a wish that a run should enter a state.

Duty: one pure function, `decide`, and the ordered list of small rules that it goes by; each rule is a file that reads
like a paragraph of a law book. Nothing here knows a database: facts come in, a verdict with its rule and its reason
comes out. The engine's own records are no wishes: they say what has happened, and histories put them in their place.

May import: levada.core.
Life of a thing: a wish → each rule in turn lets it pass, changes it, or decides it → a `Verdict`, always with the name
of the rule and a sentence for people when it is no plain yes. See `docs/explanation/law.md`.
"""

from __future__ import annotations

from levada.core.rules.facts import Effect, Protects, Rule, RunFacts, Verdict, Wish
from levada.core.rules.law import FLOW_RUN_LAW, TASK_RUN_LAW, decide

__all__ = ["FLOW_RUN_LAW", "TASK_RUN_LAW", "Effect", "Protects", "Rule", "RunFacts", "Verdict", "Wish", "decide"]
