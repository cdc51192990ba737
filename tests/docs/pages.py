"""Documentation pages as programs: their code blocks, in order, and how each is run.

=========================  =============================================================================
fence                      what happens
=========================  =============================================================================
```` ```python ````        runs; consecutive ones on a page are one program, until a block of another kind
```` ```python title=F ``  is written to the file F in the page's folder, for the commands that follow
```` ```sh ````            runs in that folder; ```` ```sh fails ```` must fail
```` ```sh background ```` is started there and goes on until the page ends: a worker, a server; it must not fail
```` ```text ````          after an sh block: what it prints; ``…`` stands for anything. After one in the background the
                           page waits until it is printed
```` ```… norun ````       is only shown
=========================  =============================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "ARCHITECTURE.md", *DOCS.rglob("*.md")])

_FENCE = re.compile(r"^```(?P<info>[^`\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: first word of the fence.
        words: the other words.
        body: what stands in it.
        line: of its first line of content, from 1.
    """

    language: str
    words: tuple[str, ...]
    body: str
    line: int

    @property
    def title(self) -> str | None:
        """The file that it is, if any."""
        return next((word.removeprefix("title=") for word in self.words if word.startswith("title=")), None)

    @property
    def shown_only(self) -> bool:
        """Whether it is not to be run."""
        return "norun" in self.words


@dataclass
class Program:
    """Blocks of Python that run as one file.

    Attributes:
        source: the text, each line at the number that it has on the page.
        line: where it begins.
    """

    source: str = ""
    line: int = 0


@dataclass
class Command:
    """A block of shell commands.

    Attributes:
        script: the commands.
        fails: whether it must fail.
        background: whether it goes on while the rest of the page is tried.
        prints: lines that must be among what it prints.
        line: where it stands.
    """

    script: str
    fails: bool
    line: int
    background: bool = False
    prints: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class File:
    """A block that is written to a file."""

    name: str
    content: str
    line: int


Step = Program | Command | File


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, *words = match["info"].split() or [""]
        found.append(Block(language, tuple(words), match["body"], text.count("\n", 0, match.start("body")) + 1))
    return found


def steps(page: Path) -> list[Step]:
    """What is to be done to try a page, in order."""
    found: list[Step] = []
    for block in blocks(page):
        last = found[-1] if found else None
        if block.shown_only:
            continue
        if block.title is not None:
            found.append(File(block.title, block.body, block.line))
        elif block.language == "python":
            if not isinstance(last, Program):
                last = Program(line=block.line)
                found.append(last)
            # Blank lines keep the numbers of the page, so that a traceback names the line of the page.
            last.source += "\n" * (block.line - 1 - last.source.count("\n")) + block.body
        elif block.language == "sh":
            background = "background" in block.words
            found.append(Command(block.body, "fails" in block.words, block.line, background))
        elif block.language == "text" and isinstance(last, Command):
            last.prints += [line.rstrip() for line in block.body.splitlines() if line.strip()]
    return found


_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


def links(page: Path) -> list[str]:
    """Targets of the links of a page, code blocks left out."""
    return _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))


def spans(page: Path) -> list[str]:
    """What stands in backticks in the prose of a page."""
    return _CODE.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
