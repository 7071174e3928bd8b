"""The simulator's command line: ``cropmark sim run`` and ``cropmark sim stats``."""

import json
import secrets
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from cropmark_firmware import weather
from cropmark_firmware.clock import ReplayClock, real_ms
from cropmark_firmware.config import Config, ConfigError
from cropmark_firmware.simulator import REPORT_SECONDS, TICK_SECONDS, Simulator
from cropmark_firmware.store import Store, StoreError

app = typer.Typer(help="Simulated field devices that replay a real weather year.", no_args_is_help=True)

_Folder = Annotated[Path, typer.Option("--state", help="Folder of the devices' lasting state.", file_okay=False)]


def run(
    config: Config, state: Path, broker: tuple[str, int], *, stop_after_season: bool, stop: threading.Event
) -> None:
    """Run until ``stop`` is set or the season is acknowledged; prints a JSON line of totals every half second."""
    now = ReplayClock.load(Path(config.clock)).now if config.clock else real_ms
    store = Store(state / "devices.sqlite")
    simulator = Simulator(config, store, weather.greensboro(), now=now, new_session=lambda: secrets.token_hex(8))
    simulator.connect(broker)
    reported = 0.0
    try:
        while not stop.is_set():
            busy = simulator.tick()
            done = simulator.season_done if time.monotonic() - reported > REPORT_SECONDS else False
            if time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                _report(config, store, now(), season_done=done)
                if done and stop_after_season:
                    break
            stop.wait(TICK_SECONDS / 10 if busy else TICK_SECONDS)
    finally:
        simulator.close()
        _report(config, store, now(), season_done=simulator.season_done)
        store.close()


def _report(config: Config, store: Store, now: int, *, season_done: bool) -> None:
    line = {"t": now, "devices": len(config.devices), **store.totals(), "season_done": season_done}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


@app.command("run")
def run_command(
    config: Annotated[Path, typer.Option(help="The devices' configuration (JSON).", exists=True, dir_okay=False)],
    state: _Folder,
    broker: Annotated[str, typer.Option(help="HOST:PORT of the MQTT broker.")] = "127.0.0.1:1883",
    stop_after_season: Annotated[bool, typer.Option(help="End when the whole season is acknowledged.")] = False,
) -> None:
    """Run the devices; totals go to standard output, a JSON object a line."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    host, _, port = broker.rpartition(":")
    try:
        run(Config.load(config), state, (host, int(port)), stop_after_season=stop_after_season, stop=stop)
    except (ConfigError, StoreError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


@app.command()
def stats(
    state: _Folder, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Show what the devices sampled, sent and were acknowledged, over all restarts."""
    file = state / "devices.sqlite"
    if not file.exists():
        typer.echo(f"error: {file} does not exist; name the folder that `cropmark sim run --state` used", err=True)
        raise typer.Exit(2)
    store = Store(file)
    totals = store.totals()
    store.close()
    if as_json:
        typer.echo(json.dumps(totals))
    else:
        for name, value in totals.items():
            typer.echo(f"{name.replace('_', ' '):<16}{value:>12,}")


if __name__ == "__main__":
    app()
