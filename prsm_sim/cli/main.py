"""The root command, and what every command shares: how it fails.

Exit codes: 0 pass, 1 an invariant failed, 2 usage or scenario error, 3 inconclusive, 4 internal
error, 130 interrupted. A person's mistake is one line on stderr; a mistake of ours is one line and
a file with the traceback.
"""

import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import click

import prsm_sim
from prsm_sim.actor.errors import UserError
from prsm_sim.cli.exits import INTERNAL, INTERRUPTED, USAGE
from prsm_sim.guard import Guard

COMMANDS = {
    "run": "prsm_sim.cli.run:run",
    "live": "prsm_sim.cli.live:live",
    "maelstrom": "prsm_sim.cli.maelstrom:maelstrom",
    "fuzz": "prsm_sim.cli.fuzz:fuzz",
    "explore": "prsm_sim.cli.explore:explore",
    "shrink": "prsm_sim.cli.fuzz:shrink",
    "sweep": "prsm_sim.cli.sweep:sweep",
    "compare": "prsm_sim.cli.sweep:compare",
    "sensitivity": "prsm_sim.cli.sensitivity:sensitivity",
    "answer": "prsm_sim.cli.answer:answer",
    "attack": "prsm_sim.cli.attack:attack",
    "scoreboard": "prsm_sim.cli.scoreboard:scoreboard",
    "replay": "prsm_sim.cli.replay:replay",
    "diff": "prsm_sim.cli.diff:diff",
    "runs": "prsm_sim.cli.runs:runs",
    "scenarios": "prsm_sim.cli.scenarios:scenarios",
    "validate": "prsm_sim.cli.validate:validate",
    "validate-file": "prsm_sim.cli.scenarios:validate_file",
    "schema": "prsm_sim.cli.scenarios:schema",
    "bench": "prsm_sim.cli.bench:bench",
    "dashboard": "prsm_sim.cli.dashboard:dashboard",
    "completion": "prsm_sim.cli.completion:completion",
}


class Failure(click.ClickException):
    """A person's mistake: one line on stderr."""

    exit_code = USAGE

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo("prsm: " + " ".join(self.message.split()), file=file, err=file is None)


class InternalFailure(Failure):
    """A mistake of ours: one line on stderr, and a file with the traceback."""

    exit_code = INTERNAL


MEANT = (
    click.exceptions.Exit,
    click.exceptions.Abort,
    click.ClickException,
    BrokenPipeError,
    UserError,
)
"""Exceptions that say something to a person already."""


class Commands(click.Group):
    """Loads a command when it is asked for, and turns exceptions into lines and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a typo gets the nearest name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.4)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"{args[0]}: no such command{hint}", ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; whatever goes wrong becomes an exit code."""
        try:
            with Guard(_internal, MEANT):
                return super().invoke(ctx)
        except (click.exceptions.NoArgsIsHelpError, click.exceptions.Exit, BrokenPipeError):
            raise
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx is not None else "prsm"
            raise Failure(f"{error.format_message()} (see `{command} --help`)") from error
        except (click.ClickException, click.Abort):
            raise
        except UserError as error:
            raise Failure(str(error)) from error
        except KeyboardInterrupt:
            click.echo("prsm: interrupted", err=True)
            ctx.exit(INTERRUPTED)


@click.group("prsm", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(prsm_sim.__version__, prog_name="prsm")
def main() -> None:
    """A testbed for decentralised AI protocols: one actor, two worlds.

    Exit codes: 0 pass, 1 an invariant failed, 2 usage or scenario error, 3 inconclusive,
    4 internal error, 130 interrupted.
    """


def _internal(error: Exception) -> InternalFailure:
    """What a person sees of a failure of ours."""
    where = _write_traceback(error)
    return InternalFailure(
        f"internal error, {type(error).__name__}: {error}; the traceback is in {where}"
    )


def _write_traceback(error: Exception) -> Path:
    """Keep the traceback in a new file of the system's folder for temporary files."""
    text = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile(
        "w", prefix="prsm-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    return Path(file.name)
