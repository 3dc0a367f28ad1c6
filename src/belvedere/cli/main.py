"""Entry point of `belvedere`: the commands by name, and the end of every command as an exit code."""

import os
import sys
import traceback

import click

from belvedere import __version__
from belvedere.cli.exits import Exit, Failure, as_json, as_text, wants_json
from belvedere.cli.lazy import LazyGroup

cli = LazyGroup(
    "belvedere",
    {
        "serve": ("belvedere.cli.serve:serve", "Run the service."),
        "job": ("belvedere.cli.jobs:job", "Create, watch and end visualization jobs."),
        "store": ("belvedere.cli.stores:store", "Tell the service of object stores, and of their keys."),
        "source": ("belvedere.cli.sources:source", "Look for logs, as the service sees them."),
        "viewer": ("belvedere.cli.viewers:viewer", "Install viewers that need an environment of their own."),
        "user": ("belvedere.cli.people:user", "Say who may sign in."),
        "project": ("belvedere.cli.people:project", "Keep projects, and who is what in them."),
        "key": ("belvedere.cli.people:key", "Keep the access keys that programs sign with."),
        "audit": ("belvedere.cli.audit:audit", "Read who did what, and what was refused."),
        "doctor": ("belvedere.cli.doctor:doctor", "Say what is missing on this machine, and what to do."),
        "completion": ("belvedere.cli.completion:completion", "Print the completion script of a shell."),
        "host": ("belvedere.cli.host:host", "Run a viewer host; `serve` starts one by itself."),
    },
    help="A real TensorBoard on your training logs, at a stable URL, behind sign-in, until its time is up.",
)
click.version_option(__version__, prog_name="belvedere")(cli)


def main() -> None:
    """Run the command line of this process, and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command; its exit code. Errors go to standard error, as JSON if `arguments` ask for JSON."""
    try:
        outcome = cli.main(args=arguments, prog_name="belvedere", standalone_mode=False)
    except Failure as failure:
        return _report(failure, arguments)
    except click.ClickException as error:
        return _report(Failure(Exit.USAGE, error.format_message(), remedy=_usage(error)), arguments)
    except (click.Abort, KeyboardInterrupt):
        return _report(Failure(Exit.INTERRUPTED, "Interrupted."), arguments)
    except BrokenPipeError:
        # The reader of our output is gone, as with `| head`. Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.UNEXPECTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: users get a sentence, not a traceback
        return _report(_unexpected(error), arguments)
    return outcome if isinstance(outcome, int) else Exit.OK


def _report(failure: Failure, arguments: list[str]) -> int:
    click.echo(as_json(failure) if wants_json(arguments) else as_text(failure), err=True)
    return failure.exit_code


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"See `{context.command_path} --help`." if context else ""


def _unexpected(error: Exception) -> Failure:
    if os.environ.get("BELVEDERE_DEBUG"):
        traceback.print_exc()
    message = f"Unexpected {type(error).__name__}: {error}"
    return Failure(Exit.UNEXPECTED, message, remedy="Set BELVEDERE_DEBUG=1 to see where; please report it.")


if __name__ == "__main__":
    main()
