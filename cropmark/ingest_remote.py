"""``cropmark ingest …`` on a running installation: the same commands, answered by its API instead of its files."""

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cropmark.calls import ApiError, Calls
from cropmark_ingest.cli import show

Data = Annotated[Path, typer.Option("--data", help="The data folder.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_HERE = Path("cropmark-data")


def app_over(api: Calls) -> typer.Typer:
    """Return the commands; those that need the files to themselves say so."""
    app = typer.Typer(help="Archive, store, notices and quarantine, as they run.", no_args_is_help=True)
    quarantine = typer.Typer(help="Segments that could not be trusted.", no_args_is_help=True)
    app.add_typer(quarantine, name="quarantine")

    def ask(path: str) -> Any:  # noqa: ANN401 - JSON
        try:
            return api.get(f"/api/v1/telemetry{path}")
        except ApiError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from error

    def only_stopped() -> NoReturn:
        typer.echo(
            "error: this needs the files to itself. Stop the running Cropmark first (Ctrl-C where it runs).", err=True
        )
        raise typer.Exit(2)

    @app.command()
    def status(*, data: Data = _HERE, as_json: Json = False) -> None:  # noqa: ARG001 - the folder chose this installation
        """Show how much is archived and stored."""
        row = ask("/status")
        typer.echo(json.dumps(row) if as_json else "\n".join(f"{name:<20}{value!s:>14}" for name, value in row.items()))

    @app.command()
    def notices(*, data: Data = _HERE, as_json: Json = False) -> None:  # noqa: ARG001 - the same
        """List gaps, forks, unknown devices, flagged readings."""
        show(ask("/notices")["notices"], as_json=as_json, nothing="There is nothing to look at.")

    @quarantine.command("list")
    def quarantine_list(*, data: Data = _HERE, as_json: Json = False) -> None:  # noqa: ARG001 - the same
        """List what is in quarantine, the newest first."""
        show(ask("/quarantine?limit=1000")["quarantine"], as_json=as_json, nothing="Nothing is in quarantine.")

    @quarantine.command("show")
    def quarantine_show(number: int, *, data: Data = _HERE, as_json: Json = False) -> None:  # noqa: ARG001 - the same
        """Print one entry with its bytes (base64)."""
        typer.echo(json.dumps(ask(f"/quarantine/{number}"), indent=2, ensure_ascii=False))

    @app.command()
    def rebuild(*, data: Data = _HERE, as_json: Json = False) -> None:  # noqa: ARG001 - the same
        """Make the time-series store again (on a stopped installation)."""
        only_stopped()

    @quarantine.command("release")
    def quarantine_release(number: int, *, data: Data = _HERE, as_json: Json = False) -> None:  # noqa: ARG001 - the same
        """Delete one entry for good (on a stopped installation)."""
        only_stopped()

    return app
