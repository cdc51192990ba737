"""Steps: small things done before a flow can run or be deployed: fetch its code, install packages, run a script.

A step is written ``{name: {argument: value}}``, in a project file or in a deployment, and carried out by
`running.run_step`: known names (`levada.steps.git_clone`, also under Prefect's names), or the dotted name of a
function of the author's own. What a step gives back (a dict) can be named by later ones: ``{{ step-id.key }}``.
Values may name variables and the environment (`templating.py`). May import all the verbs. A step lives as long as
its call.
"""

from __future__ import annotations

from levada.steps.folders import set_working_directory
from levada.steps.git import git_clone
from levada.steps.packages import pip_install_requirements, uv_sync
from levada.steps.remote import pull_from_remote_storage
from levada.steps.running import StepExecutionError, run_pull_steps, run_step, run_steps
from levada.steps.shell import run_shell_script
from levada.steps.templating import expand

__all__ = [
    "StepExecutionError",
    "expand",
    "git_clone",
    "pip_install_requirements",
    "pull_from_remote_storage",
    "run_pull_steps",
    "run_shell_script",
    "run_step",
    "run_steps",
    "set_working_directory",
    "uv_sync",
]
