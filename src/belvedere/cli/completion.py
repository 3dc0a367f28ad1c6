"""`belvedere completion`: the script that teaches a shell our words."""

import click
from click.shell_completion import get_completion_class

from belvedere.cli.exits import Exit, Failure

_WHERE = {
    "bash": 'eval "$(belvedere completion bash)"    in ~/.bashrc',
    "zsh": 'eval "$(belvedere completion zsh)"    in ~/.zshrc',
    "fish": "belvedere completion fish > ~/.config/fish/completions/belvedere.fish",
}


@click.command(epilog="\b\n" + "\n".join(f"{shell}: {line}" for shell, line in _WHERE.items()))
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell. Jobs are completed from the service."""
    maker = get_completion_class(shell)
    if maker is None:
        raise Failure(Exit.UNEXPECTED, f"This version of click can't complete in {shell}.")
    click.echo(maker(ctx.find_root().command, {}, "belvedere", "_BELVEDERE_COMPLETE").source())
