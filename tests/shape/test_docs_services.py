"""Every service stands in the docs as it is."""

from __future__ import annotations

from pathlib import Path

from levada.control import ControlPlane
from levada.control.services.registry import SERVICES, describe_services
from levada.core.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "services.md"


def test_every_service_stands_in_the_reference_as_it_is(tmp_path: Path) -> None:
    topics = {kind.name: ", ".join(sorted(kind.topics)) or "-" for kind in SERVICES}
    page = PAGE.read_text()
    with ControlPlane(tmp_path) as plane:
        for one in describe_services(plane, Settings()):
            assert f"| `{one.name}` | {one.does} | {one.interval:g} s | {topics[one.name]} |" in page
