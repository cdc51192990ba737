"""What the documentation says is true: its code runs, its links lead somewhere, its files exist."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import levada
from levada.testing import eventually
from tests.docs.pages import DOCS, PAGES, ROOT, Command, File, Program, anchors, blocks, links, spans, steps

RUNNABLE = [page for page in PAGES if steps(page)]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a reader who starts afresh."""
    home = folder / "home"
    home.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LEVADA_", "PYTEST_", "PREFECT_"))}
    # The examples' interpreter comes first, as in an activated environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return {**kept, "PATH": path, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def run(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


class Background:
    """A command that goes on while the rest of its page is tried, with the processes that it starts.

    Args:
        script: the commands.
        where: the place on the page, for messages.
        log: the file that gets what it prints.
        folder: where it runs.
        environment: its variables.
    """

    def __init__(self, script: str, where: str, log: Path, folder: Path, environment: dict[str, str]) -> None:
        self.where, self.log = where, log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=folder,
                # Lines come as they are printed, as on a terminal.
                env={**environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def output(self) -> str:
        """What it has printed until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, lines: list[str]) -> None:
        """Waits until it has printed all of these lines."""
        eventually(
            lambda: self.process.poll() not in {None, 0} or all(printed(line, self.output()) for line in lines),
            timeout=60,
        )
        missing = [line for line in lines if not printed(line, self.output())]
        assert not missing, f"{self.where}: not printed: {missing}\n{self.output()}"

    def stop(self) -> None:
        """Asks it to end, as Ctrl-C would; kills what is left of it after that."""
        early = self.process.poll()
        if early is None:
            # Not SIGINT: who runs the tests in the background has that ignored, and so has all that is started here.
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        assert early in {None, 0}, f"{self.where}: ended with {early}\n{self.output()}"


def printed(line: str, output: str) -> bool:
    """Whether an expected line, with … for anything, is among the lines that were printed."""
    wanted = ".*".join(re.escape(part) for part in re.split(r"\s*…\s*", re.sub(r"[ \t]+", " ", line.strip())))
    return any(re.fullmatch(wanted, re.sub(r"[ \t]+", " ", each.strip())) for each in output.splitlines())


def stop_servers(folder: Path, environment: dict[str, str]) -> None:
    """Ends servers in the background that a page leaves behind when it fails half-way."""
    for server in Path(environment["HOME"]).glob(".levada/server/*.json"):
        run(["levada", "server", "stop", "--port", server.stem], folder, environment)


@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_the_code_of_a_page_runs_as_it_stands_there(page, tmp_path) -> None:
    environment = surroundings(tmp_path)
    folder = tmp_path / "reader"
    folder.mkdir()
    with contextlib.ExitStack() as going:
        going.callback(stop_servers, folder, environment)
        for step in steps(page):
            where = f"{name_of(page)}:{step.line}"
            match step:
                case File(name, content):
                    (folder / name).write_text(content, encoding="utf-8")
                case Program(source):
                    program = folder / "page.py"
                    program.write_text(source, encoding="utf-8")
                    code, output = run([sys.executable, "-W", "error", program.name], folder, environment)
                    assert code == 0, f"{where}\n{output}"
                    program.unlink()
                case Command(script, background=True):
                    started = Background(script, where, tmp_path / f"{step.line}.log", folder, environment)
                    going.callback(started.stop)
                    started.wait_for(step.prints)
                case Command(script, fails):
                    code, output = run(["bash", "-euo", "pipefail", "-c", script], folder, environment)
                    assert (code != 0) == fails, f"{where}\n{output}"
                    missing = [line for line in step.prints if not printed(line, output)]
                    assert not missing, f"{where}: not printed: {missing}\n{output}"


def test_most_code_that_is_shown_is_run() -> None:
    """Only what needs another machine, or another's package, is shown without being tried."""
    idle = [
        f"{name_of(page)}:{block.line}"
        for page in PAGES
        for block in blocks(page)
        if block.language in {"python", "sh"} and block.shown_only
    ]
    assert len(idle) <= 12, idle


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page) -> None:
    dead = []
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        place = (page.parent / target).resolve() if target else page
        if not place.exists() or (anchor and place.suffix == ".md" and anchor not in anchors(place)):
            dead.append(link)
    assert not dead


# A path: has a slash, begins with a room of this tree, and names no placeholder.
PATH = re.compile(r"^(?:src|tests|docs|examples|benchmarks|tools|requirements|\.ci)/[\w./-]+$")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=name_of)
def test_files_that_are_named_exist(page) -> None:
    missing = [span for span in spans(page) if PATH.match(span) and not (ROOT / span).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_of_the_package_that_are_mentioned_exist(page) -> None:
    """`levada.something.name` in prose is a name that can be imported."""
    wrong = []
    for span in spans(page):
        if not re.fullmatch(r"levada(\.[A-Za-z_]\w*)+", span) or span.endswith((".toml", ".db", ".yaml")):
            continue
        parts = span.split(".")
        found: object = levada
        for depth in range(1, len(parts)):
            try:
                found = getattr(found, parts[depth])
            except AttributeError:
                try:
                    found = importlib.import_module(".".join(parts[: depth + 1]))
                except ImportError:
                    wrong.append(span)
                    break
    assert not wrong


def everything() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@pytest.mark.parametrize("name", levada.__all__)
def test_every_name_of_the_package_stands_in_the_documentation(name) -> None:
    assert re.search(rf"\b{name}\b", everything())


@pytest.mark.parametrize("module", sorted(levada._MODULES))
def test_every_module_that_authors_import_stands_in_the_documentation(module) -> None:
    assert re.search(rf"\blevada\.{module}\b", everything())


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_every_page_is_linked_from_the_index(page) -> None:
    index = DOCS / "index.md"
    reached = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert page == index or page.resolve() in reached or page.parent.resolve() in reached


def test_tests_that_are_named_exist() -> None:
    """`test_…` in prose is the name of a test: a claim that somebody can look up."""
    known = {
        name for path in (ROOT / "tests").rglob("*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    named = {span for page in PAGES for span in spans(page) if re.fullmatch(r"test_\w+", span)}
    assert not named - known
