"""Project files: ``levada.yaml`` (or an existing ``prefect.yaml``), which says what of a folder is deployed, and how.

`reading.py` reads the file and remembers on which line everything stands; `entries.py` knows the fields and turns an
entry into a `levada.deployments.Deployment`; `deploying.py` picks entries, runs their build and push steps and fills in
placeholders; `recipes.py` writes a first file. May import all the verbs. A project lives as long as the command that
reads it.
"""

from __future__ import annotations

from levada.projects.deploying import Planned, plan
from levada.projects.reading import FILE_NAMES, Project, ProjectError, find_project, read_project
from levada.projects.recipes import RECIPES, write_project

__all__ = [
    "FILE_NAMES",
    "RECIPES",
    "Planned",
    "Project",
    "ProjectError",
    "find_project",
    "plan",
    "read_project",
    "write_project",
]
