"""The page about project files, made from the fields that the code knows."""

from __future__ import annotations

from levada.projects.entries import FIELDS, POOL_FIELDS
from levada.projects.reading import FILE_NAMES, TOP
from levada.projects.recipes import LATER, RECIPES
from levada.steps.running import KNOWN
from levada.wire.deployments import ScheduleSpec

_TOP = {
    "name": "Name of the project; for people.",
    "levada-version": "Not looked at.",
    "prefect-version": "Not looked at.",
    "definitions": "A place for YAML anchors. Other names of your own may hold anchors as well.",
    "build": "Steps before deploying.",
    "push": "Steps after building.",
    "pull": "Steps by which each run fetches its code. `null`, or left out: runs use the folder as it lies.",
    "deployments": "The entries; see below.",
}
_POOL = {
    "name": "The work pool.",
    "work_queue_name": "Its queue; the pool's default queue unless given.",
    "job_variables": "Over those of the pool's template.",
}
_TIMING = {
    "cron": "A cron expression: five fields, six with seconds first, or a nickname such as `@daily`.",
    "interval": "Seconds.",
    "rrule": "A recurrence rule of RFC 5545.",
    "anchor_date": "One of the times of an interval.",
    "timezone": "IANA name; UTC unless given.",
    "day_or": "With both a day of the month and a day of the week: either is enough (yes unless given).",
}
_SCHEDULE = {
    "slug": "Names it among the schedules of its deployment; deploying again changes it in place.",
    "active": "No: it stands still.",
    "parameters": "Over those of the deployment.",
    "job_variables": "Over those of the deployment.",
    "start": "No occurrence before.",
    "end": "None after.",
    "jitter": "Each run is due up to so many seconds later.",
    "blackout": "Dates on which nothing runs.",
    "catchup": "What becomes of missed times: `none`, `last` (unless given), `all`.",
    "catchup_most": "Of `all`, how many at most; the newest.",
    "max_active_runs": "A time at which so many of its runs have not ended is skipped.",
    "priority": "Of its runs.",
    "replaces": "The slug that it had before.",
}
_BEGINNING = """\
# The project file

{note}

`{ours}` says what of a folder is deployed, and how; [deploying](../how-to/deploy.md) shows one. A `{theirs}` is
understood as well, when there is no `{ours}`. `levada init` writes a first one. A mistake is told with file, line
and field.

## Placeholders

| | |
|---|---|
| `{{{{ step-id.key }}}}` | What a build or push step gave. |
| `{{{{ $NAME }}}}` | A variable of the environment. |
| `{{{{ levada.variables.NAME }}}}` | A variable, or `prefect.variables.NAME`; more names behind it: a part of it. |
| `{{{{ flow.name }}}}` | The flow. |
| `{{{{ git.commit }}}}` | What git says about the folder; also `git.branch` and `git.repository`. |

A text that is nothing but one placeholder takes the type of what stands for it. In `pull`, variables and environment
are left for the process of each run to fill in, so that secrets are stored nowhere.
"""


def project_page(note: str) -> str:
    """The reference of project files."""
    lines = [_BEGINNING.format(note=note, ours=FILE_NAMES[0], theirs=FILE_NAMES[1])]
    lines += _table("At the top", {name: _TOP[name] for name in TOP})
    lines += ["## An entry of `deployments`", "", "| field | holds | |", "|---|---|---|"]
    lines += [f"| `{name}` | {field.kind} | {field.does} |" for name, field in FIELDS.items()]
    lines += ["", *_table("`work_pool`", {name: _POOL[name] for name in POOL_FIELDS})]
    own = [name for name in ScheduleSpec.__struct_fields__ if name != "timing"]
    lines += _table("An entry of `schedules`", _TIMING | {name: _SCHEDULE[name] for name in own})
    lines += ["## Steps", "", "Each is written as its name with its arguments below it; `id` names what it gives.", ""]
    lines += ["| step | |", "|---|---|"]
    for name, function in KNOWN.items():
        lines.append(f"| `levada.steps.{name}` | {(function.__doc__ or '').splitlines()[0]} |")
    lines += [
        "",
        "`prefect.deployments.steps.…` names the same. Any other dotted name is a function of yours, which gets the",
        "arguments by name and gives a table, or nothing.",
        "",
        *_table("Recipes of `levada init`", {name: text for name, (text, _) in RECIPES.items()}),
    ]
    lines += [f"Not in this version: {', '.join(f'`{name}`' for name in LATER)}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(title: str, rows: dict[str, str]) -> list[str]:
    return [f"## {title}", "", "| | |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows.items()), ""]
