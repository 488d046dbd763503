"""`prsm completion`: the script that lets a shell complete `prsm`."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL; it edits no file.

    Try it: eval "$(prsm completion bash)"
    """
    from click.shell_completion import get_completion_class

    from prsm_sim.cli.main import main

    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(main, {}, "prsm", "_PRSM_COMPLETE").source())
