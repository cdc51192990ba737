"""`levada completion`: what makes a shell complete our commands."""

from __future__ import annotations

import click

_HOW = {
    "bash": 'eval "$(levada completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(levada completion zsh)"   # in ~/.zshrc',
    "fish": "levada completion fish | source   # in ~/.config/fish/config.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_HOW)))
def command(shell: str) -> None:
    r"""Print the script that makes a shell complete levada's commands.

    \b
    bash:  eval "$(levada completion bash)"    in ~/.bashrc
    zsh:   eval "$(levada completion zsh)"     in ~/.zshrc
    fish:  levada completion fish | source     in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class  # lazy: only this command needs it

    # The group is that of `main`; its commands are not needed to write the script.
    from levada.cli.main import root  # lazy: beside the import above

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(f"# {_HOW[shell]}")
    click.echo(kind(root, {}, "levada", "_LEVADA_COMPLETE").source())
