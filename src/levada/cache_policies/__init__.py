"""Which calls of a task share a result: a policy makes the cache key of a call.

====================  ===================================================================================
`INPUTS`              the values of the arguments (`INPUTS - "debug"` leaves one out)
`TASK_SOURCE`         the task's code, and that of the functions and classes of its module that it uses
`FLOW_PARAMETERS`     the parameters of the flow run around it
`RUN_ID`              the flow run around it
`DEFAULT`             `INPUTS + TASK_SOURCE + RUN_ID`: the same call in the same run
`NO_CACHE`, `NONE`    never cached
====================  ===================================================================================

Policies are added up with ``+``; the parts that give no key do not count. A policy of your own is a subclass of
`CachePolicy` with `compute_key`, or a function given to `CachePolicy.from_cache_key_fn`.

Two tasks never share a key that a policy of this module made, whatever they are called with: the task's module and
qualified name are part of it. For tasks that are to share results, a `cache_key_fn` or a `result_storage_key` gives
both the same key.

May import core, and the vocabulary beside it. Life of a key: `compute_key` when the task is called → the transaction of
the attempt looks it up → the result is written under it.
"""

from __future__ import annotations

from levada.cache_policies.hashing import hash_objects
from levada.cache_policies.policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
    CompoundCachePolicy,
    FlowParameters,
    Inputs,
    NoCache,
    RunId,
    TaskSource,
    task_input_hash,
)

__all__ = [
    "DEFAULT",
    "FLOW_PARAMETERS",
    "INPUTS",
    "NONE",
    "NO_CACHE",
    "RUN_ID",
    "TASK_SOURCE",
    "CacheKeyFnPolicy",
    "CachePolicy",
    "CompoundCachePolicy",
    "FlowParameters",
    "Inputs",
    "NoCache",
    "RunId",
    "TaskSource",
    "hash_objects",
    "task_input_hash",
]
