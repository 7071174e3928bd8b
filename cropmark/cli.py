"""The one command. Each part brings its own subcommands; nothing heavy is loaded before it is needed."""

import importlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cropmark import __version__

app = typer.Typer(
    name="cropmark",
    help="Farm telemetry and produce provenance that a shopper's own phone can check.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Data = Annotated[Path, typer.Option("--data", help="The data folder.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_DATA = Path("cropmark-data")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cropmark {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Farm telemetry and produce provenance that a shopper's own phone can check."""


@app.command()
def up(
    data: Data = DEFAULT_DATA,
    demo: Annotated[bool, typer.Option("--demo", help="Replay a demo farm's season of real weather.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End when the demo season is published.")] = False,
    lan: Annotated[bool | None, typer.Option("--lan", help="Serve the shopper's pages on the local network.")] = None,
    port: Annotated[int | None, typer.Option(help="Where the pages are served.", min=1, max=65_535)] = None,
    as_json: Json = False,
) -> None:
    """Start everything in one go: broker, gateway, core, devices."""
    from cropmark.datadir import InUseError  # noqa: PLC0415 - see the module's words
    from cropmark.network import PortInUseError  # noqa: PLC0415
    from cropmark.settings import SettingsError  # noqa: PLC0415
    from cropmark.supervise import ChildFellError  # noqa: PLC0415
    from cropmark.up import NotReadyError, Options  # noqa: PLC0415
    from cropmark.up import up as run  # noqa: PLC0415

    try:
        code = run(Options(data, demo=demo, once=once, as_json=as_json, lan=lan, port=port))
    except (InUseError, PortInUseError, SettingsError, ChildFellError, NotReadyError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    raise typer.Exit(code)


@app.command()
def fsck(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Check archive, records, log and chain against each other. Exit code 1 when something does not agree."""
    from cropmark.api_client import Api  # noqa: PLC0415
    from cropmark.datadir import DataDir  # noqa: PLC0415

    folder = DataDir(data.resolve())
    if not folder.root.is_dir():
        typer.echo(f"error: {data} does not exist. Name the data folder with --data.", err=True)
        raise typer.Exit(2)
    running = folder.running()
    if running is None:
        from cropmark.offline import fsck_findings  # noqa: PLC0415 - opens everything

        findings = fsck_findings(folder)
    else:
        findings = Api(running.url, folder.api_token(), seconds=600).post("/api/v1/fsck", {})["findings"]
    _show_findings(findings, as_json=as_json)
    raise typer.Exit(1 if findings else 0)


def _show_findings(findings: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"findings": findings}, indent=2, ensure_ascii=False))
        return
    for item in findings:
        typer.echo(f"{item['part']}: {item['subject']}: {item['detail']} [{item['kind']}]")
    typer.echo(f"{len(findings)} findings" if findings else "Everything agrees.")


@app.command("sign-in")
def sign_in(data: Data = DEFAULT_DATA) -> None:
    """Print a one-time link to the farmer's pages of a running installation."""
    from cropmark.api_client import Api  # noqa: PLC0415
    from cropmark.datadir import DataDir  # noqa: PLC0415

    folder = DataDir(data.resolve())
    running = folder.running()
    if running is None:
        typer.echo(f"error: nothing runs on {data}. Start it with `cropmark up`.", err=True)
        raise typer.Exit(2)
    said = Api(running.url, folder.api_token()).post("/api/v1/signin/links", {"name": "farmer"})
    typer.echo(f"{running.url}{said['path']}")
    typer.echo(f"Good once, for {said['minutes']} minutes.", err=True)


_PARTS = {
    "sim": ("cropmark_firmware.cli", "app", "Simulated field devices."),
    "gateway": ("cropmark_gateway.cli", "app", "The farm box."),
    "ingest": ("cropmark_ingest.cli", "app", "Archive, store, notices and quarantine."),
}


def _running_api() -> typer.Typer | None:
    """Return ingest's commands over the API if an installation runs on the folder that ``--data`` names."""
    from cropmark.api_client import Api  # noqa: PLC0415
    from cropmark.datadir import DataDir, InUseError  # noqa: PLC0415

    named = [after for option, after in zip(sys.argv, sys.argv[1:], strict=False) if option == "--data"]
    named += [argument.removeprefix("--data=") for argument in sys.argv if argument.startswith("--data=")]
    folder = DataDir(Path(named[-1] if named else DEFAULT_DATA).resolve())
    try:
        running = folder.running()
    except InUseError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from error
    if running is None:
        return None
    from cropmark.ingest_remote import app_over  # noqa: PLC0415

    return app_over(Api(running.url, folder.api_token()))


def main() -> None:
    """Run the command; load only the part that is asked for."""
    wanted = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    for name, (module, attribute, summary) in _PARTS.items():
        if name == wanted == "ingest" and (running := _running_api()) is not None:
            app.add_typer(running, name=name)
        elif name == wanted:
            app.add_typer(getattr(importlib.import_module(module), attribute), name=name)
        else:
            app.add_typer(typer.Typer(help=summary), name=name)
    from cropmark_trace import verify_cli  # noqa: PLC0415 - light: no web, no database, no chain

    app.command("verify")(verify_cli.verify)
    app()
