"""A first project file, with comments that say what may stand there."""

from __future__ import annotations

import ast
from pathlib import Path

from levada.core.errors import ConfigurationError
from levada.deployments.code import checkout_of, python_files

_HEAD = """\
# What of this folder is deployed, and how: `levada deploy --all`, or `levada deploy -n NAME`.
# Placeholders: {{ $VARIABLE }} of the environment, {{ levada.variables.NAME }}, {{ step-id.key }} of a build step,
# {{ flow.name }}.
name: PROJECT

# Steps before deploying, and after that (build an image, copy files):
build: null
push: null

# Steps by which each run fetches its code. null: runs use this folder as it lies, on this machine.
pull: PULL

deployments:ENTRY
"""
_ENTRY = """
- name: default
  entrypoint: ENTRYPOINT   # file.py:function, from this folder
  work_pool:
    name: default          # levada work-pool create default
    # work_queue_name: default
    # job_variables: {}
  # description: What it is good for.
  # tags: []
  # parameters: {}
  # schedules:
  # - cron: "0 6 * * *"
  #   timezone: Europe/Lisbon
  #   catchup: last        # none, last, all
  # concurrency_limit: {limit: 1, collision_strategy: queue}
  # environment: requirements.txt
  # needs: {cpu: 1, memory: 512MiB}"""

_LOCAL = "null"
_GIT = """
- levada.steps.git_clone:
    repository: REPOSITORY
    branch: BRANCH
    # access_token: "{{ $GIT_TOKEN }}\""""
_GIT_INSTALL = (
    _GIT.replace("- levada.steps.git_clone:\n", "- levada.steps.git_clone:\n    id: code\n", 1)
    + """
- levada.steps.pip_install_requirements:
    directory: "{{ code.directory }}"
    requirements_file: requirements.txt"""
)
_REMOTE = """
- levada.steps.pull_from_remote_storage:
    url: s3://BUCKET/FOLDER"""

RECIPES: dict[str, tuple[str, str]] = {
    "local": ("Runs use this folder as it lies; workers run on this machine.", _LOCAL),
    "git": ("Each run clones the repository.", _GIT),
    "git-requirements": ("Each run clones the repository and installs requirements.txt.", _GIT_INSTALL),
    "remote": ("Each run copies a folder that fsspec reaches (S3, GCS, Azure, SFTP, …).", _REMOTE),
}
"""Name of a recipe: what it is for, and its pull steps."""

LATER = ("docker", "docker-git", "docker-s3", "docker-gcs", "docker-azure")
"""Recipes that come with container pools."""


def write_project(folder: Path, recipe: str | None = None, name: str | None = None, *, force: bool = False) -> Path:
    """Write a first ``levada.yaml``.

    Args:
        folder: where.
        recipe: one of `RECIPES`; `git` in a repository with a remote, else `local`.
        name: of the project; that of the folder unless given.
        force: write over one that is there.

    Raises:
        ConfigurationError: there is no such recipe, or a file is there.
    """
    folder = folder.resolve()
    git = checkout_of(folder)
    flows = flows_below(folder)
    chosen = recipe or ("git" if git.repository else "local")
    if chosen in LATER:
        raise ConfigurationError(f"The recipe {chosen!r} comes with container pools, which this version does not have.")
    if chosen not in RECIPES:
        raise ConfigurationError(f"There is no recipe {chosen!r}; there are: {', '.join(RECIPES)}.")
    path = folder / "levada.yaml"
    if path.exists() and not force:
        raise ConfigurationError(f"There is a levada.yaml in {str(folder)!r} already; --force writes a new one.")
    values = {
        "PULL": RECIPES[chosen][1],
        "PROJECT": _text(name or folder.name),
        "REPOSITORY": _text(git.repository or "https://example.com/team/flows.git"),
        "BRANCH": _text(git.branch or "main"),
    }
    entries = [_ENTRY.replace("default", named, 1).replace("ENTRYPOINT", place) for named, place in _named(flows)]
    commented = " []" + _ENTRY.replace("\n", "\n# ").replace("ENTRYPOINT", "flows.py:my_flow")
    text = _HEAD.replace("ENTRY", "".join(entries) or commented)
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    path.write_text(text, encoding="utf-8")
    return path


def flows_below(folder: Path, most: int = 20) -> list[str]:
    """Entrypoints of the flows that are written in the files of a folder; nothing is run to find them.

    Args:
        folder: where to look.
        most: so many are enough.
    """
    found: list[str] = []
    for file in python_files(folder):
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue  # a file that cannot be read holds no flow that could be deployed
        functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        place = file.relative_to(folder).as_posix()
        found += [f"{place}:{one.name}" for one in functions if any(map(_is_flow, one.decorator_list))]
        if len(found) >= most:
            break
    return found[:most]


def _is_flow(decorator: ast.expr) -> bool:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (isinstance(named, ast.Name) and named.id == "flow") or (
        isinstance(named, ast.Attribute) and named.attr == "flow"
    )


def _named(entrypoints: list[str]) -> list[tuple[str, str]]:
    """Each with a name for its deployment; the name of the function when there are several."""
    if len(entrypoints) == 1:
        return [("default", entrypoints[0])]
    return [(entrypoint.rpartition(":")[2].replace("_", "-"), entrypoint) for entrypoint in entrypoints]


def _text(value: str) -> str:
    """Text as YAML takes it for text."""
    plain = value.replace("-", "").replace("_", "").replace("/", "").replace(".", "").replace(":", "").replace("@", "")
    return value if plain.isalnum() and not value[0].isdigit() and ": " not in value else f'"{value}"'
