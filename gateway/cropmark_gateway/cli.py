"""The gateway's command line: ``cropmark gateway run | status | quarantine``."""

import base64
import json
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import structlog
import typer

from cropmark_gateway import config as configuration
from cropmark_gateway import keyfile
from cropmark_gateway.run import run as run_gateway
from cropmark_gateway.spool import Quarantined, SpoolError
from cropmark_gateway.spool_sqlite import SqliteSpool

app = typer.Typer(
    help="The farm box: keeps, reads, seals and relays what the field devices send.", no_args_is_help=True
)
quarantine_app = typer.Typer(
    help="Messages that could not be read, with their bytes and the reason.", no_args_is_help=True
)
app.add_typer(quarantine_app, name="quarantine")

_File = Annotated[Path, typer.Option("--config", help="The gateway's TOML file.", exists=True, dir_okay=False)]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _fail(error: Exception) -> typer.Exit:
    typer.echo(f"error: {error}", err=True)
    return typer.Exit(2)


def _open(file: Path) -> tuple[configuration.Config, SqliteSpool]:
    try:
        config = configuration.load(file)
        return config, _spool(config.spool_file)
    except (configuration.ConfigError, SpoolError) as error:
        raise _fail(error) from error


def _spool(file: Path) -> SqliteSpool:
    if not file.exists():
        raise SpoolError(f"{file} does not exist: this gateway has never run")
    return SqliteSpool(file)


@app.command()
def run(
    config: _File,
    progress: Annotated[bool, typer.Option(help="Print a JSON line of totals every half second.")] = False,
) -> None:
    """Run the gateway until it is stopped."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        run_gateway(configuration.load(config), stop, progress=progress)
    except (configuration.ConfigError, SpoolError, keyfile.KeyFileError) as error:
        raise _fail(error) from error


@app.command()
def status(config: _File, as_json: _Json = False) -> None:
    """Show what waits in the spool, what was counted, and which counters are held."""
    settings, spool = _open(config)
    held = {f"{device}/{session}": list(counters) for (device, session), counters in spool.held().items()}
    last = spool.last_header()
    amounts, counts = spool.status(), spool.counts()
    facts = {
        "farm": settings.farm,
        "gateway": settings.gateway,
        "key": keyfile.load_or_create(settings.key_file).public_key().public_bytes_raw().hex(),
        "last_segment": None if last is None else last[0],
        "spool": amounts,
        "spool_bytes_bound": settings.spool_bytes,
        "counts": counts,
        "held": held,
    }
    spool.close()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(f"gateway {settings.farm}/{settings.gateway}, key {facts['key']}, last segment {facts['last_segment']}")
    for title, table in (("spool", amounts), ("counts", counts)):
        typer.echo(f"\n{title}")
        for name, value in table.items():
            typer.echo(f"  {name:<28}{value:>14,}")
    typer.echo(f"\nsessions held: {len(held)} (all of them with --json)")


def _shown(number: int, item: Quarantined) -> dict[str, object]:
    return {
        "number": number,
        "arrived": item.message.arrived,
        "topic": item.message.topic,
        "reason": item.reason,
        "detail": item.detail,
        "bytes": len(item.message.payload),
    }


@quarantine_app.command("list")
def quarantine_list(
    config: _File, limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100, as_json: _Json = False
) -> None:
    """List the newest quarantined messages."""
    _, spool = _open(config)
    rows = [_shown(number, item) for number, item in spool.quarantine(limit)]
    spool.close()
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{row['number']:>6}  {row['reason']:<16} {row['topic']}  {row['detail']}")
    if not rows:
        typer.echo("Nothing is in quarantine.")


@quarantine_app.command("show")
def quarantine_show(config: _File, number: int, as_json: _Json = False) -> None:
    """Show one quarantined message with its bytes."""
    _, spool = _open(config)
    item = spool.quarantined(number)
    spool.close()
    if item is None:
        raise _fail(SpoolError(f"no message {number} in quarantine; `quarantine list` shows the numbers"))
    payload = base64.b64encode(item.message.payload).decode()
    if as_json:
        typer.echo(json.dumps({**_shown(number, item), "payload": payload}, indent=2, ensure_ascii=False))
        return
    for name, value in _shown(number, item).items():
        typer.echo(f"{name:<8} {value}")
    typer.echo(item.message.payload.decode(errors="backslashreplace"))


if __name__ == "__main__":
    app()
