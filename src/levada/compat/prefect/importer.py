"""How `prefect` and its modules become importable: a finder that makes each a window onto Levada's."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from levada.compat.prefect.names import MODULES, REFUSED, REFUSED_MODULES, Window


class Mirror(ModuleType):
    """A module of the alias: each name is looked up in Levada's counterpart when it is asked for."""

    __window__: Window

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        window = self.__window__
        full = f"{self.__name__}.{name}"
        if full in MODULES:
            return importlib.import_module(full)
        refused = REFUSED.get(full)
        if refused is not None:
            raise ImportError(f"{full} is not available on Levada: {refused}")
        value = window.find(name)
        if value is window.missing:
            # Not an AttributeError: `from … import` would replace its message by one that does not help.
            raise ImportError(f"Levada has no counterpart of {full}. This module has: {', '.join(window.names())}")
        if window.lasting:
            setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return self.__window__.names()


class _Loader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = Mirror(spec.name)
        module.__window__ = MODULES[spec.name]
        return module

    def exec_module(self, module: ModuleType) -> None:
        assert isinstance(module, Mirror)
        module.__all__ = module.__window__.public()  # type: ignore[attr-defined]
        if module.__name__ == "prefect":
            module.__version__ = "3.9.1"  # type: ignore[attr-defined]


class PrefectFinder(MetaPathFinder):
    """Finds `prefect` and everything below it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of an alias module; None for other packages.

        Raises:
            ModuleNotFoundError: the module has no counterpart; the message says what to use instead.
        """
        del path, target
        if fullname != "prefect" and not fullname.startswith("prefect."):
            return None
        if fullname in MODULES:
            is_package = any(other.startswith(f"{fullname}.") for other in MODULES)
            return ModuleSpec(fullname, _Loader(), is_package=is_package or fullname == "prefect")
        reason = next((why for name, why in REFUSED_MODULES.items() if f"{fullname}.".startswith(f"{name}.")), None)
        hint = reason or "Levada has no counterpart of this module; see docs/prefect.md for what there is."
        raise ModuleNotFoundError(f"{fullname} is not available on Levada: {hint}", name=fullname)


def install() -> None:
    """Make `import prefect` give Levada from now on, in this process.

    Raises:
        RuntimeError: a real prefect was imported already.
    """
    if is_installed():
        return
    if "prefect" in sys.modules:
        raise RuntimeError("prefect is imported already, so it can no longer be replaced by Levada in this process.")
    sys.meta_path.insert(0, PrefectFinder())
    from levada.compat.prefect.defaults import apply  # lazy: it changes settings of the process

    apply()


def is_installed() -> bool:
    """Whether `import prefect` gives Levada in this process."""
    return any(isinstance(finder, PrefectFinder) for finder in sys.meta_path)
