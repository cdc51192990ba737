"""A picture of one view: `python -m tests.e2e.shots /runs out.png --dark --width 390 --server http://127.0.0.1:4200`."""

from __future__ import annotations

import argparse

from tests.e2e.browser import WIDE, browser, context, settle


def main() -> None:
    """Take it, and print what the browser had to complain about."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path")
    parser.add_argument("out")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--width", type=int, default=WIDE)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--full", action="store_true", help="the whole of a long page")
    parser.add_argument("--server", default="http://127.0.0.1:4200")
    given = parser.parse_args()
    with browser() as made, context(made, dark=given.dark, width=given.width, height=given.height) as window:
        page = window.new_page()
        page.on(
            "console", lambda said: print(f"{said.type}: {said.text}") if said.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: print(f"exception: {error}"))
        page.goto(f"{given.server}{given.path}")
        settle(page)
        page.screenshot(path=given.out, full_page=given.full)


if __name__ == "__main__":
    main()
