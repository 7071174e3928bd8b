"""What the supervisor's children are told: ports, keys, clock, and each one's command line.

A season is chosen once per data folder and kept in ``season.json``: started again, the installation goes on with it.
"""

import json
import threading
from dataclasses import dataclass
from typing import Final

from cropmark import demo_farm
from cropmark.datadir import DataDir, write_whole
from cropmark.settings import Settings
from cropmark.supervise import Program
from cropmark_firmware.config import demo_config
from cropmark_ingest import cose
from cropmark_ingest.clock import ScaledClock, real_ms
from cropmark_trace.keystore import FileKeys

HOUR_MS: Final = 3_600_000
RECEIPT_KEY: Final = "receipt"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything listens. ``lan_address`` is set when the shopper's pages are served on the local network."""

    web_port: int
    broker_port: int
    lan_address: str | None = None

    @property
    def local_url(self) -> str:
        """Return the address on this computer."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def shopper_url(self) -> str:
        """Return the address that goes into QR codes."""
        return self.local_url if self.lan_address is None else f"http://{self.lan_address}:{self.web_port}"


class Said:
    """What the simulator last said of itself; written by one thread, read by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[str, int] = {}

    def hear(self, line: str) -> None:
        """Take a line of the simulator's output."""
        try:
            totals = json.loads(line)
        except ValueError:
            return
        if isinstance(totals, dict):
            with self._lock:
                self._totals = totals

    def sent(self) -> tuple[int, bool]:
        """Return how many readings were taken, and whether the season is sampled and acknowledged."""
        with self._lock:
            return int(self._totals.get("readings", 0)), bool(self._totals.get("season_done", False))


@dataclass(frozen=True, slots=True)
class Devices:
    """The simulated devices and their season."""

    program: Program
    clock: ScaledClock
    season_from: int
    days: int
    count: int
    expected_readings: int
    said: Said


@dataclass(frozen=True, slots=True)
class Programs:
    """The children, in the order in which they start."""

    broker: Program
    core: Program
    gateway: Program
    devices: Devices | None


@dataclass(frozen=True, slots=True)
class _Season:
    start: int
    end: int
    days: int


def _season(data: DataDir, days: int) -> _Season:
    """Return the folder's season, chosen at its first run."""
    file = data.root / "season.json"
    if file.exists():
        kept = json.loads(file.read_text())
        return _Season(kept["start"], kept["end"], kept["days"])
    end = real_ms() // HOUR_MS * HOUR_MS
    season = _Season(end - days * demo_farm.DAY_MS, end, days)
    write_whole(file, json.dumps({"start": season.start, "end": season.end, "days": season.days}))
    return season


def _clock(data: DataDir, season: _Season, seconds: float) -> ScaledClock:
    """Return the clock to run with: from where the last run's clock stood (its heartbeat), at most until now."""
    real = real_ms()
    beat = data.root / "heartbeat"
    scaled = int(beat.read_text()) if beat.exists() else season.start
    if scaled >= season.end:
        # The season was played: from here on it is now, and what passed while nothing ran was not measured.
        scaled = real
    rate = max(1.0, season.days * demo_farm.DAY_MS / (seconds * 1000))
    clock = ScaledClock(real, min(scaled, real), rate)
    write_whole(data.clock, clock.to_json())
    return clock


def keep_beating(data: DataDir, clock: ScaledClock, stop: threading.Event, seconds: float = 0.5) -> None:
    """Write the farm's time down until ``stop`` is set, so that the next run goes on from there."""
    while True:
        write_whole(data.root / "heartbeat", str(clock.now()))
        if stop.wait(seconds):
            return


def prepare(data: DataDir, chosen: Settings, layout: Layout, *, demo: bool) -> Programs:
    """Write the children's configuration into the data folder and return how to start them."""
    keys = FileKeys(data.keys)
    receipt = keys.get(RECEIPT_KEY) or keys.make(RECEIPT_KEY)
    season = _season(data, chosen.demo.days)
    clock = _clock(data, season, chosen.demo.seconds) if demo else None
    if clock is None:
        data.clock.unlink(missing_ok=True)
    core = [
        "--data", str(data.root), "--broker-port", str(layout.broker_port), "--port", str(layout.web_port),
        *(["--lan", layout.lan_address] if layout.lan_address is not None else []),
        *(["--demo"] if demo else []),
    ]  # fmt: skip
    return Programs(
        broker=Program("broker", "cropmark.broker", (str(layout.broker_port),)),
        core=Program("core", "cropmark.core", core),
        gateway=_gateway(data, chosen, layout, cose.public_bytes(receipt)),
        devices=None if clock is None else _devices(data, season, clock, layout),
    )


def _gateway(data: DataDir, chosen: Settings, layout: Layout, ingest_key: bytes) -> Program:
    def text(value: object) -> str:
        return json.dumps(str(value))  # a TOML basic string is written like a JSON one

    lines = [
        f"farm = {text(demo_farm.FARM)}",
        f"gateway = {text(demo_farm.GATEWAY)}",
        f"data = {text(data.gateway)}",
        f"ingest_key = {text(ingest_key.hex())}",
        f"seal_readings = {chosen.seal.readings}",
        f"seal_seconds = {chosen.seal.seconds}",
        *([f"clock = {text(data.clock)}"] if data.clock.exists() else []),
        f"field = {{ port = {layout.broker_port} }}",
        f"upstream = {{ port = {layout.broker_port} }}",
    ]
    file = data.gateway / "gateway.toml"
    write_whole(file, "\n".join(lines) + "\n")
    return Program("gateway", "cropmark_gateway", ("run", "--config", str(file)))


def _devices(data: DataDir, season: _Season, clock: ScaledClock, layout: Layout) -> Devices:
    config = demo_config(demo_farm.FARM, season.end, days=season.days, clock=str(data.clock))
    file = data.devices / "devices.json"
    write_whole(file, config.to_json())
    arguments = (
        "run", "--config", str(file), "--state", str(data.devices), "--broker", f"127.0.0.1:{layout.broker_port}",
    )  # fmt: skip
    said = Said()
    program = Program("devices", "cropmark_firmware", arguments, on_line=said.hear)
    return Devices(program, clock, season.start, season.days, len(config.devices), config.season_readings, said)
