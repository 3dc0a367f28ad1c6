"""Command groups whose commands are imported when they are used.

`belvedere --help` then imports nothing but click, and `belvedere job …` never imports the server.
"""

import contextlib
import gc
import importlib
from collections.abc import Iterator, Mapping

import click
from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group that knows its commands as ``name: ("module:attribute", short help)``."""

    def __init__(self, name: str, commands: Mapping[str, tuple[str, str]], help: str) -> None:  # noqa: A002 - click's
        """Import nothing."""
        super().__init__(name=name, help=help, context_settings={"help_option_names": ["-h", "--help"]})
        self._places = dict(commands)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name][0].partition(":")
        with _without_collections():
            command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help) for name, (_, short_help) in self._places.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        names = [
            CompletionItem(name, help=short_help)
            for name, (_, short_help) in self._places.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Imports make next to no garbage, and looking for it again and again takes a sixth of their time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
