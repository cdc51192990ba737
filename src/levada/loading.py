"""Loading flows from where they are written."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from levada.core.errors import MissingFlowError, ScriptError, UnspecifiedFlowError
from levada.flows import Flow


def load(entrypoint: str) -> Flow[Any, Any]:
    """What `load_flow_from_entrypoint` does; documented there."""
    place, _, name = entrypoint.rpartition(":")
    if not place or (not name.isidentifier() and "." not in name):
        place, name = entrypoint, ""
    if place.endswith(".py") or "/" in place or Path(place).is_file() or not place.strip("."):
        module = load_script(Path(place))
    else:
        if not name and "." in place:
            place, _, name = place.rpartition(".")
        module = load_module(place)
    return _pick(module, name, entrypoint)


def load_script(path: Path) -> ModuleType:
    """Run a file as a module of its own, with its folder importable as when it is run as a script.

    Raises:
        ScriptError: the file raised, or cannot be read.
    """
    path = path.expanduser().resolve()
    loaded = _already_running(path)
    if loaded is not None:
        return loaded
    if path.is_dir():
        raise MissingFlowError(f"{str(path)!r} is a folder; name a file in it, as in {path.name}/flows.py:FLOW.")
    if not path.is_file():
        raise MissingFlowError(f"There is no file {str(path)!r}.")
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = f"__levada_script_{path.stem}__"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise MissingFlowError(f"{str(path)!r} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _loading.append(path)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        raise ScriptError(error, str(path)) from error
    finally:
        _loading.remove(path)
    return module


_loading: list[Path | str] = []


def is_loading() -> bool:
    """Whether a file is being loaded for its flows, so that what stands at its top is not meant to be done."""
    return bool(_loading)


def _already_running(path: Path) -> ModuleType | None:
    """The program's own main module, when that is the file: loading it twice would run it twice."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    return main if file is not None and Path(file).resolve() == path else None


def load_module(name: str) -> ModuleType:
    """Import a module for what is defined in it; what stands at its top is not meant to be done, as with a file.

    Raises:
        MissingFlowError: there is none.
        ScriptError: it raised.
    """
    _loading.append(name)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and name.startswith(error.name):
            raise MissingFlowError(f"There is no module {name!r}.") from error
        raise ScriptError(error, name) from error
    except Exception as error:
        raise ScriptError(error, name) from error
    finally:
        _loading.remove(name)


def _pick(module: ModuleType, name: str, entrypoint: str) -> Flow[Any, Any]:
    if name:
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, Flow):
            return found
        if callable(found):
            return Flow(found, log_prints=True)
        raise MissingFlowError(f"{entrypoint!r} names no flow: there is no function {name!r} in the file.")
    flows = {flow.name: flow for flow in vars(module).values() if isinstance(flow, Flow)}
    own = {key: flow for key, flow in flows.items() if flow.fn.__module__ == module.__name__} or flows
    if not own:
        raise MissingFlowError(f"No flow stands in {entrypoint!r}; write @flow above the function to run.")
    if len(own) > 1:
        names = ", ".join(sorted(flow.fn.__name__ for flow in own.values()))
        raise UnspecifiedFlowError(f"{entrypoint!r} holds several flows; say which: {entrypoint}:NAME ({names}).")
    return next(iter(own.values()))
