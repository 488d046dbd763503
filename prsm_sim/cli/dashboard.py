"""`prsm dashboard`: look at recorded runs in a browser."""

from pathlib import Path

import click

from prsm_sim.cli.target import runs_dir_option

LOOPBACK = "127.0.0.1"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@click.option("--open/--no-open", "open_browser", default=True, help="Open a browser.")
@runs_dir_option
def dashboard(port: int, open_browser: bool, runs_dir: Path) -> None:
    """Serve the dashboard on 127.0.0.1 until Ctrl-C. It reads run folders and nothing else."""
    from prsm_sim.registry import find_dashboard

    serve = find_dashboard("app")
    code = serve(runs_dir, port=port, open_browser=open_browser)
    click.get_current_context().exit(int(code or 0))
