"""One virtual environment per peer, made on demand with uv and kept in `benchmarks/.envs/`."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / ".envs"
PATIENCE = 900  # seconds that one installation may take


class UnavailableError(Exception):
    """A system cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Environment:
    """What to install, and where: `requirements` as for pip, `overrides` replace what the packages ask for."""

    name: str
    requirements: tuple[str, ...]
    overrides: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the environment lies; its name changes with what is in it and with the interpreter."""
        content = "\n".join((*self.requirements, *self.overrides, sys.version, sys.base_prefix))
        return FOLDER / f"{self.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    @property
    def bin(self) -> Path:
        """The folder of its `python` and of the commands that its packages bring."""
        return self.folder / "bin"

    def ensure(self) -> None:
        """Install it unless that is done; raises `UnavailableError` with the reason when it cannot be done."""
        stamp = self.folder / ".complete"
        if stamp.exists():
            return
        uv = find_uv()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(self.folder)])
        overrides = self.folder / "overrides.txt"
        overrides.write_text("\n".join(self.overrides), encoding="utf-8")
        python = str(self.bin / "python")
        _run([uv, "pip", "install", "--quiet", "--python", python, "--override", str(overrides), *self.requirements])
        # Otherwise the first measured import would pay for compiling every module. Some packages carry template
        # files that do not compile, which is their business, so the exit code says nothing.
        subprocess.run([python, "-m", "compileall", "-q", str(self.folder / "lib")], check=False, capture_output=True)
        stamp.touch()


def find_uv() -> str:
    """The uv beside this interpreter, or the one on the path."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise UnavailableError("uv is not installed")
    return uv


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"installing took longer than {PATIENCE} s") from None
    if done.returncode:
        # The reason may end in a page of the documentation, which names no index and no folder of this machine.
        said = re.sub(r"https?://\S+", "the index", done.stderr).replace(str(FOLDER), FOLDER.name).split()
        raise UnavailableError(" ".join(said)[:300] or f"uv ended with code {done.returncode}")
