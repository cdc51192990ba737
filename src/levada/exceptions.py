"""Every error that Levada raises; the tree is drawn in `levada.core.errors`."""

from __future__ import annotations

from levada.core import errors as _errors
from levada.core.errors import *  # noqa: F403 - this module is the public name of the whole tree

__all__ = [
    name for name, value in vars(_errors).items() if isinstance(value, type) and issubclass(value, BaseException)
]
