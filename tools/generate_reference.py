"""Writes what is made from the code: reference pages, and the document of the API, from which the page has its types.

    python tools/generate_reference.py           write docs/reference/{settings,cli,api,services,project-file}.md
                                                 and ui/openapi.json
    python tools/generate_reference.py --check   say which of them is stale; the exit code tells

A test in `tests/shape` holds them current.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import click
from api_reference import api_document, api_page
from project_reference import project_page
from services_reference import services_page
from tree import ROOT

from levada.cli.main import root
from levada.core.settings import Setting, catalogue, group_description, group_of

_NOTE = "<!-- Made by tools/generate_reference.py from the code; change it there. -->"

SETTINGS_INTRODUCTION = f"""\
# Settings

{_NOTE}

Nothing needs to be set. What can be set is named by its dotted path; the environment variable is `LEVADA_` and that
path in capitals. Of all sources that give a value the first of these wins:

1. `temporary_settings(...)` in code
2. the environment
3. `.env` in the current directory (only names that begin with `LEVADA_`)
4. `levada.toml`, in the current directory or the nearest one above it inside the project
5. `[tool.levada]` in `pyproject.toml`, found likewise
6. the profile: the one that `LEVADA_PROFILE` or `levada -p` names, or the active one
7. the default

The project's root is the folder with `.git`, or else the nearest one with a `pyproject.toml`; files above it do not
count. An empty environment variable counts as none. Relative paths in a file are relative to that file.
`levada config view` shows every value with its source, `levada config validate` finds values that do not fit and names
that are no settings, and `levada config set` writes into the profile.

```toml
# levada.toml
[tasks]
default_retries = 2
runner.thread_pool_max_workers = 16

[logging]
level = "DEBUG"
```

```python
from levada.settings import get_current_settings, temporary_settings

with temporary_settings({{"tasks.default_retries": 2}}):
    assert get_current_settings().tasks.default_retries == 2
```
"""

CLI_INTRODUCTION = f"""\
# The command `levada`

{_NOTE}

Exit codes: 0 it was done; 1 it failed, or what was asked for is not there (one line on standard error); 2 the command
was written wrongly. Runs are named by id, by the beginning of an id, or by name. What lists or inspects takes
`--output json`. On a terminal tables are drawn; into a pipe go plain aligned columns. What destroys asks on a terminal,
and needs `--yes` elsewhere.

| command | |
|---|---|"""


def pages() -> dict[str, str]:
    """Everything that is generated, by path in the tree."""
    return {
        "docs/reference/settings.md": settings_page(),
        "docs/reference/cli.md": cli_page(),
        "docs/reference/api.md": api_page(_NOTE),
        "docs/reference/services.md": services_page(_NOTE),
        "docs/reference/project-file.md": project_page(_NOTE),
        "ui/openapi.json": api_document(),
    }


def settings_page() -> str:
    """The reference of settings."""
    lines = [SETTINGS_INTRODUCTION]
    for group, settings in groupby(catalogue(), key=lambda one: group_of(one.name)):
        lines += [f"## {group or 'Top level'}", ""]
        if group:
            lines += [group_description(group), ""]
        for one in settings:
            lines += _setting_lines(one)
    return "\n".join(lines).rstrip() + "\n"


def _setting_lines(one: Setting) -> Iterator[str]:
    yield f"### {one.name}"
    yield ""
    yield one.description
    yield ""
    yield f"- Environment: `{one.env}`"
    yield f"- Takes: {one.allowed}"
    yield f"- Default: {_default(one.default)}"
    if one.secret:
        yield "- Hidden where settings are shown"
    yield ""


def _default(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`" if value else "empty"
    if isinstance(value, float) and value.is_integer():
        return f"`{int(value)}`"
    return f"`{value}`"


def cli_page() -> str:
    """The reference of commands."""
    lines = [CLI_INTRODUCTION]
    ctx = click.Context(root, info_name="levada")
    commands = list(_all_commands(root, ctx))
    for path, command in commands:
        if not isinstance(command, click.Group):
            lines.append(f"| [`{path}`](#{_anchor(path)}) | {_cell(command.get_short_help_str(200))} |")
    lines += ["", "## levada", "", *_paragraphs(root.help), *_parameter_lines(root)]
    for path, command in commands:
        depth = "##" if path.count(" ") == 1 else "###"
        lines += [f"{depth} {path}", "", *_paragraphs(command.help)]
        if not isinstance(command, click.Group):
            usage = " ".join([path, *command.collect_usage_pieces(click.Context(command))])
            lines += ["```", usage, "```", "", *_parameter_lines(command)]
    return "\n".join(lines).rstrip() + "\n"


def _all_commands(group: click.Group, ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=ctx)
        yield inner.command_path, command
        if isinstance(command, click.Group):
            yield from _all_commands(command, inner)


def _paragraphs(text: str | None) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        literal = paragraph.startswith("\b")
        yield from ["```", paragraph.lstrip("\b\n"), "```"] if literal else [paragraph]
        yield ""


def _parameter_lines(command: click.Command) -> Iterator[str]:
    options = [one for one in command.params if isinstance(one, click.Option)]
    if not options:
        return
    yield "| option | |"
    yield "|---|---|"
    for one in options:
        names = ", ".join([*one.opts, *one.secondary_opts])
        value = "" if one.is_flag else f" {one.metavar or _choices(one)}"
        default = f" Default: `{one.default}`." if one.show_default and not one.is_flag else ""
        yield f"| `{_cell(names + value)}` | {_cell(one.help or '')}{default} |"
    yield ""


def _choices(option: click.Option) -> str:
    kind = option.type
    return "|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else kind.name.upper()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(path: str) -> str:
    return path.replace(" ", "-")


def stale() -> list[str]:
    """The generated pages that do not say what the code says."""
    return [
        name
        for name, text in pages().items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write the pages, or with `--check` name the stale ones."""
    if "--check" in sys.argv[1:]:
        found = stale()
        print("\n".join(f"{name} is stale: run tools/generate_reference.py" for name in found) or "reference: current")
        return 1 if found else 0
    for name, text in pages().items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
