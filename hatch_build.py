"""Builds the page of the server when Levada itself is built: for wheels, source distributions and editable installs.

Node comes from the machine, or as a Python package for as long as the build lasts (`dependencies`). What cannot be
built never fails an installation: the server is complete without its page, and says at its address how to build it.

    LEVADA_SKIP_UI=1     builds no page
    LEVADA_REQUIRE_UI=1  fails when it cannot be built: for who makes a release
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _page() -> ModuleType:
    """The tool that builds it; tools are no package."""
    path = Path(__file__).with_name("tools") / "build_page.py"
    spec = importlib.util.spec_from_file_location("build_page", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"There is no {path}.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _on(name: str) -> bool:
    return os.environ.get(name, "").lower() in {"1", "true", "yes"}


class PageBuildHook(BuildHookInterface):
    """Has the page built before files are collected."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, when the page is to be built and the machine has none."""
        page = _page()
        if _on("LEVADA_SKIP_UI") or page.is_current() or page.own_node():
            return []
        return [page.NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page unless it is current."""
        page = _page()
        if _on("LEVADA_SKIP_UI") or page.is_current():
            return
        try:
            page.build()
        except page.CannotBuildError as error:
            if _on("LEVADA_REQUIRE_UI"):
                raise
            self.app.display_warning(
                f"WARNING: Levada is installed without the page of its server; all else is there. {error}\n"
                "The server says at its address how to build the page later."
            )
