"""Ingest's command line on a stopped installation: ``cropmark ingest rebuild | status | notices | quarantine``.

Opens the files directly, and so refuses a folder that a running process holds; `cropmark` itself asks a running core.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from cropmark_ingest.clock import real_ms
from cropmark_ingest.database import DatabaseError
from cropmark_ingest.project import rebuild as rebuild_store
from cropmark_ingest.service import Files
from cropmark_ingest.storage import StorageError

SHOWN_BYTES: Final = 4_096

app = typer.Typer(help="Archive, store, notices and quarantine.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--data", help="The data folder.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def opened(data: Path) -> Iterator[Files]:
    """Open ingest's files under the data folder, or end the command with what is wrong."""
    folder = data / "ingest"
    try:
        if not folder.is_dir():
            raise DatabaseError(f"{folder} does not exist. Name the data folder with --data.")
        with Files(folder, real_ms) as files:
            yield files
    except StorageError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


def show(rows: list[dict[str, Any]], *, as_json: bool, nothing: str) -> None:
    """Print rows as JSON or as lines."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif not rows:
        typer.echo(nothing)
    else:
        for row in rows:
            typer.echo("  ".join(f"{name}={value}" for name, value in row.items()))


@app.command()
def rebuild(data: Folder = Path("cropmark-data"), as_json: Json = False) -> None:
    """Make the time-series store again from the archive."""
    with opened(data) as files, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Segments", total=None)
        stored = rebuild_store(
            files.archive, files.store, lambda done, total: progress.update(task, completed=done, total=total)
        )
    typer.echo(json.dumps({"readings_stored": stored}) if as_json else f"{stored:,} readings are in the store.")


@app.command()
def status(data: Folder = Path("cropmark-data"), as_json: Json = False) -> None:
    """Show how much is archived and stored."""
    with opened(data) as files:
        segments, readings = files.archive.counts()
        row = {
            "segments": segments,
            "readings_archived": readings,
            "readings_stored": files.store.count(),
            "segments_behind": files.archive.last_number() - files.store.watermark(),
            "quarantined": files.quarantine.count(),
            "notices": files.notices.count(),
        }
    typer.echo(json.dumps(row) if as_json else "\n".join(f"{name:<20}{value:>14,}" for name, value in row.items()))


@app.command()
def notices(data: Folder = Path("cropmark-data"), as_json: Json = False) -> None:
    """List gaps, forks, unknown devices, flagged readings."""
    with opened(data) as files:
        rows = [
            {
                "kind": item.kind.value, "farm": item.farm, "subject": item.subject, "reason": item.reason,
                "count": item.count, "first_seen": item.first_seen, "last_seen": item.last_seen,
            }
            for item in files.notices.all()
        ]  # fmt: skip
    show(rows, as_json=as_json, nothing="There is nothing to look at.")


quarantine = typer.Typer(
    help="Segments that could not be trusted, with their bytes and the reason.", no_args_is_help=True
)
app.add_typer(quarantine, name="quarantine")


@quarantine.command("list")
def quarantine_list(data: Folder = Path("cropmark-data"), as_json: Json = False) -> None:
    """List what is in quarantine, the newest first."""
    with opened(data) as files:
        rows = [
            {
                "number": item.number, "topic": item.topic, "reason": item.reason, "detail": item.detail,
                "received_at": item.received_at, "bytes": item.size,
            }
            for item in files.quarantine.newest(1_000)
        ]  # fmt: skip
    show(rows, as_json=as_json, nothing="Nothing is in quarantine.")


@quarantine.command("show")
def quarantine_show(number: int, data: Folder = Path("cropmark-data"), as_json: Json = False) -> None:
    """Print one entry with its bytes: in base64 as JSON, or as a hex dump."""
    with opened(data) as files:
        found = files.quarantine.get(number)
    if found is None:
        _no_entry(number)
    item, kept = found
    about = {"number": number, "topic": item.topic, "reason": item.reason, "detail": item.detail,
             "received_at": item.received_at, "bytes": item.size}  # fmt: skip
    if as_json:
        typer.echo(json.dumps({**about, "data": base64.b64encode(kept).decode()}, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(f"{name:<12} {value}" for name, value in about.items()))
    for at in range(0, min(len(kept), SHOWN_BYTES), 16):
        piece = kept[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        typer.echo(f"{at:08x}  {piece.hex(' '):<47}  {text}")
    if len(kept) > SHOWN_BYTES:
        typer.echo(f"... and {len(kept) - SHOWN_BYTES} more bytes; --json prints them all.")


def _no_entry(number: int) -> NoReturn:
    typer.echo(f"error: no {number} in quarantine; `cropmark ingest quarantine list` shows the numbers", err=True)
    raise typer.Exit(2)


@quarantine.command("release")
def quarantine_release(number: int, data: Folder = Path("cropmark-data"), as_json: Json = False) -> None:
    """Delete one entry for good, to make room."""
    with opened(data) as files:
        gone = files.quarantine.release(number)
    if not gone:
        _no_entry(number)
    typer.echo(json.dumps({"released": number}) if as_json else f"{number} is deleted.")
