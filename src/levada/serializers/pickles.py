"""Pickling any value so that another process, running another main script, reads back the same.

Standard pickle is fast and names classes by module. A class of the script that is run has a module that means something
else in every process (``__main__``), so a pickle that names one is made again by cloudpickle, which also takes lambdas
and local classes. Classes of the script are then written twice, by name and by content: where the script is loaded,
under whatever name, its own class is used, so that `isinstance` holds in a resumed run; elsewhere (a command that shows
the value) the class is rebuilt from its content.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any
from zlib import compress, decompress

from levada.core.identity import home_of, is_script

_SCRIPTS = (b"__main__", b"__mp_main__", b"__levada_script_")


def pickled(value: Any) -> bytes:
    """The pickle of a value.

    Raises:
        Exception: what cloudpickle raises for a value that cannot be pickled; TypeError for an open file, of which only
            a copy of its text could be read back.
    """
    from pickle import dumps  # lazy: import of the face must not pay for pickle

    try:
        data = dumps(value, protocol=5)
    except Exception:  # noqa: BLE001 - cloudpickle takes more, and its error is the one to tell
        return _by_content(value)
    return _by_content(value) if any(name in data for name in _SCRIPTS) else data


def _by_content(value: Any) -> bytes:
    from io import BytesIO  # lazy: only what pickle refuses comes here

    buffer = BytesIO()
    _pickler()(buffer, protocol=5).dump(value)
    data = buffer.getvalue()
    if b"_file_reconstructor" in data:
        raise TypeError("cannot pickle an open file: only a copy of its text could be read back")
    return data


@cache
def _pickler() -> Any:
    import cloudpickle  # lazy: only what pickle refuses needs it

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
        """Cloudpickle, with the script's classes by name and by content."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type) and is_script(obj.__module__) and "<locals>" not in obj.__qualname__:
                return class_of_script, (home_of(obj), obj.__qualname__, _content_of(obj))
            return super().reducer_override(obj)

    return Pickler


_contents: dict[type, bytes] = {}
"""Scripts have few classes and live as long as the process, so nothing is ever dropped from here."""


def _content_of(kind: type) -> bytes:
    content = _contents.get(kind)
    if content is None:
        import cloudpickle  # lazy: as above

        content = _contents[kind] = compress(cloudpickle.dumps(kind, protocol=5))
    return content


def class_of_script(script: str, name: str, content: bytes) -> Any:
    """The class of that name in the script, if it is loaded here; otherwise rebuilt from its content."""
    for module_name in ("__main__", "__mp_main__", f"__levada_script_{script}__"):
        module = sys.modules.get(module_name)
        if module is None or home_of(_Of(module_name)) != script:
            continue
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type):
            return found
    return _rebuilt(content)


@cache
def _rebuilt(content: bytes) -> Any:
    """One class for all values of it that this process reads."""
    from pickle import loads  # lazy: only results of script classes need it

    return loads(decompress(content))


class _Of:
    """A thing of a module, to ask for its home."""

    def __init__(self, module: str) -> None:
        self.__module__ = module
