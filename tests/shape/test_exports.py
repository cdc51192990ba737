"""What the package says it exports is there, and what it is, is said."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import levada

ONLY_WITHIN_ALEMBIC = {"levada.store.migrations.env"}
"""Run by Alembic in the middle of a migration, and by nobody else."""


def _public_modules() -> Iterator[str]:
    yield "levada"
    for module in pkgutil.walk_packages(levada.__path__, "levada."):
        private = any(part.startswith("_") for part in module.name.split("."))
        if not private and module.name not in ONLY_WITHIN_ALEMBIC:
            yield module.name


@pytest.mark.parametrize("name", sorted(_public_modules()))
def test_every_name_in_all_resolves(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    missing = [attribute for attribute in exported if not hasattr(module, attribute)]
    assert missing == []
    assert len(exported) == len(set(exported)), "a name is exported twice"


def test_the_face_lists_what_it_exports() -> None:
    assert set(levada.__all__) <= set(dir(levada))


def test_every_room_introduces_itself() -> None:
    rooms = [module.name for module in pkgutil.iter_modules(levada.__path__, "levada.") if module.ispkg]
    silent = [room for room in rooms if not (importlib.import_module(room).__doc__ or "").strip()]
    assert silent == []


def test_a_misspelt_name_of_the_face_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="flwo"):
        _ = levada.flwo  # type: ignore[attr-defined]
