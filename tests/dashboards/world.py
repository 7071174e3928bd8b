"""A small world for the pages: real registry, store and notices of ingest, a real sign-in database, books in memory.

Time stands still at 05:12 on 10 November 2026 at the farm (UTC+8). Every reading is a formula of its time.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from fastapi import FastAPI

from cropmark_dashboards import pages
from cropmark_dashboards.database import Database, sqlite_engine
from cropmark_dashboards.farm_view import FarmReader
from cropmark_dashboards.harvest import BooksError, RecordHarvest
from cropmark_dashboards.sent_forms_sql import SqlSentForms
from cropmark_dashboards.shown import BatchShown, Check, Result
from cropmark_dashboards.signin import SignIn
from cropmark_dashboards.signin_sql import SqlSignInStore
from cropmark_ingest import database as ingest_database
from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.notices import Kind, Note
from cropmark_ingest.notices_sql import SqlNotices
from cropmark_ingest.principal import Guard
from cropmark_ingest.reading import Flag, Reading
from cropmark_ingest.registry import Device, Farm, Field, Placement, Text
from cropmark_ingest.registry_sql import Registry
from cropmark_ingest.store_duckdb import DuckDBStore

HOUR = 3_600_000
DAY = 24 * HOUR
OFFSET = 480
NOW = 1_794_258_720_000  # 2026-11-09T21:12Z, 05:12 on the 10th at the farm
PLANTED = "2026-07-14"
HOSTILE = '<img src=x onerror="alert(1)">&\'{{7*7}}'
CHECKS: Mapping[str, Result] = {
    "schema": "pass", "signatures": "pass", "keys": "pass", "chain": "pass", "log": "pass", "witnesses": "warn",
    "anchor": "warn", "time-window": "warn", "mass-balance": "not-checked", "evidence": "warn", "status": "not-checked",
}  # fmt: skip
_WAVES = {
    "air_temperature": (19.0, 7.0), "air_humidity": (68.0, 20.0), "solar_radiation": (260.0, 260.0),
    "wind_speed": (2.2, 1.4), "leaf_wetness": (30.0, 25.0), "soil_moisture_10cm": (0.27, 0.05),
    "soil_temperature_10cm": (18.0, 3.0), "soil_moisture_30cm": (0.31, 0.02), "soil_temperature_30cm": (17.0, 1.0),
    "battery_voltage": (3.9, 0.1),
}  # fmt: skip


class MovableClock:
    """Milliseconds that tests move."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Counting:
    """Bytes that nobody foresees but the test: a counter in each."""

    def __init__(self) -> None:
        self._next = 0
        self._lock = threading.Lock()

    def __call__(self, size: int) -> bytes:
        with self._lock:
            self._next += 1
            return self._next.to_bytes(size, "big")


@dataclass
class MemoryBooks:
    """Batches as a ledger would keep them; ``fail`` names calls that do not work just now."""

    clock: MovableClock
    kept: dict[str, list[BatchShown]] = field(default_factory=dict)
    facts: dict[str, dict[str, Mapping[str, object]]] = field(default_factory=dict)
    times: dict[str, list[int]] = field(default_factory=dict)
    fail: set[str] = field(default_factory=set)
    published: int = 0

    def _index(self, farm: str, batch: str) -> int:
        return next(i for i, item in enumerate(self.kept[farm]) if item.batch == batch)

    def _may(self, call: str) -> None:
        if call in self.fail:
            raise BooksError(f"{call} does not work just now. Try again.")

    def batches(self, farm: str, skip: int, most: int) -> tuple[Sequence[BatchShown], bool]:
        found = self.kept.get(farm, [])[::-1]
        return found[skip : skip + most], len(found) > skip + most

    def batch(self, farm: str, batch: str) -> BatchShown | None:
        return next((item for item in self.kept.get(farm, []) if item.batch == batch), None)

    def open_batch(self, farm: str, field: str) -> str | None:
        found = (item for item in reversed(self.kept.get(farm, [])) if item.field == field)
        return next((item.batch for item in found if "harvest" not in item.steps), None)

    def open(self, farm: str, field: str, product: Text) -> str:
        self._may("open")
        number = sum(map(len, self.kept.values()))
        code = f"K5QWZ2M7RTA4CXE6{'ABCDEFGHIJKLMNOP'[number // 16]}{'ABCDEFGHIJKLMNOP'[number % 16]}NI"
        self.kept.setdefault(farm, []).append(BatchShown(code, field, product, self.clock()))
        return code

    def steps(self, farm: str, batch: str) -> Sequence[str]:
        found = self.batch(farm, batch)
        return found.steps if found else ()

    def harvested(self, farm: str, batch: str) -> int | None:
        found = self.batch(farm, batch)
        return found.harvested if found else None

    def record(self, farm: str, batch: str, step: str, facts: Mapping[str, object], occurred_at: int) -> None:
        self._may(step)
        at = self._index(farm, batch)
        old = self.kept[farm][at]
        weight = facts.get("weightKilograms", old.harvested)
        thousandths = int(Decimal(str(weight)) * 1000) if step == "harvest" else old.harvested
        self.kept[farm][at] = replace(old, steps=(*old.steps, step), harvested=thousandths)
        self.facts.setdefault(batch, {})[step] = facts
        self.times.setdefault(batch, []).append(occurred_at)

    def publish(self, farm: str, batch: str) -> None:
        self._may("publish")
        self.published += 1
        at = self._index(farm, batch)
        self.kept[farm][at] = replace(
            self.kept[farm][at],
            published=self.clock(),
            url=f"http://127.0.0.1:8420/b/{batch}",
            checks=tuple(Check(name, result) for name, result in CHECKS.items()),
        )


@dataclass
class World:
    """Everything that a test may look at or turn."""

    app: FastAPI
    guard: Guard
    signin: SignIn
    database: Database
    file: Path
    books: MemoryBooks
    clock: MovableClock
    real: MovableClock
    registry: Registry
    store: DuckDBStore
    notices: SqlNotices

    def close(self) -> None:
        self.store.close()
        self.database.close()


def readings(farm: str, device: str, metrics: Sequence[str], first: int, last: int, step: int = HOUR) -> list[Reading]:
    """Return one reading of each metric a step, in ``[first, last]``."""
    result = []
    for counter, time in enumerate(range(first, last + 1, step)):
        phase = math.sin((time / DAY + OFFSET / 1440 - 0.375) * 2 * math.pi)
        slow = math.cos(time / (23 * DAY) * 2 * math.pi)
        for index, name in enumerate(metrics):
            metric = CATALOGUE[name]
            middle, swing = _WAVES.get(name, (0.0, 0.0))
            value = middle + swing * (0.7 * phase + 0.3 * slow)
            if metric.total:
                value = 2.4 if (time // DAY) % 6 == 0 and (time // HOUR) % 4 == 0 else 0.0
            mantissa = round(max(value, -40.0) * 10**metric.decimals)
            result.append(
                Reading(
                    farm,
                    device,
                    "9f2c51aa07be3d44",
                    counter,
                    index,
                    name,
                    time,
                    mantissa,
                    metric.decimals,
                    0,
                    time,
                    time,
                )
            )
    return result


AIR = ("air_temperature", "air_humidity", "solar_radiation", "wind_speed", "rainfall", "leaf_wetness")
SOIL = ("soil_moisture_10cm", "soil_temperature_10cm", "soil_moisture_30cm", "soil_temperature_30cm", "battery_voltage")
_SQUARE = {"type": "Polygon", "coordinates": [[[110, 25], [110.01, 25], [110.01, 25.01], [110, 25.01], [110, 25]]]}


def build(folder: Path, days: int = 5) -> World:
    """Make the world in an empty folder, with so many days of readings."""
    clock, real = MovableClock(), MovableClock()
    facts = ingest_database.Database(ingest_database.sqlite_engine(folder / "ingest.sqlite"))
    registry, notices = Registry(facts), SqlNotices(facts, clock)
    store = DuckDBStore(folder / "store.duckdb")
    _register(registry)
    start = NOW - days * DAY
    rows = [
        *readings("demo", "air-1", AIR, start, NOW - 4 * 60_000),
        *readings("demo", "soil-1", SOIL, start, NOW - 4 * 60_000),
        *readings("demo", "soil-2", SOIL, start, NOW - 4 * 60_000),
        *readings("demo", "soil-3", SOIL, start, NOW - 9 * HOUR),
        *readings("other", "x-1", ("air_temperature",), NOW - 3 * HOUR, NOW),
    ]
    newest = replace(rows[0], counter=9_000, time=NOW - 60_000, gateway_time=NOW)
    wet = replace(newest, metric="leaf_wetness", mantissa=65_540, decimals=1, flags=int(Flag.RANGE))
    low = replace(newest, device="soil-2", metric="battery_voltage", mantissa=3_270, decimals=3)
    store.write([*rows, wet, low], 1)
    notices.note(
        Note(Kind.UNKNOWN_DEVICE, "demo", "soil-99", "not in the registry", 3),
        Note(Kind.CHAIN_GAP, "demo", "gw-1", "segments 812 to 814 have not arrived"),
        Note(Kind.QUARANTINED, "demo", "gw-7", "unknown-key"),
        Note(Kind.QUARANTINED, "other", "gw-8", "unknown-key"),
    )
    database = Database(sqlite_engine(folder / "web" / "signin.sqlite"))
    signin = SignIn(SqlSignInStore(database), real)
    books = MemoryBooks(clock)
    view = FarmReader(registry, store, notices, books, clock)
    app = FastAPI(docs_url=None, redoc_url=None)
    guard = pages.install(app, view, RecordHarvest(books, SqlSentForms(database), clock), signin)
    return World(
        app, guard, signin, database, folder / "web" / "signin.sqlite", books, clock, real, registry, store, notices
    )


def _register(registry: Registry) -> None:
    demo = Text("Demo: simulated sensors. Nothing was grown.", "演示数据：模拟传感器，并未真正种植。")
    registry.put_farm(Farm("demo", Text("Demo farm", "示范农场"), "CN", OFFSET, demo))
    registry.put_farm(Farm("other", Text("Other farm", "别家农场"), "CN", OFFSET))
    registry.put_farm(Farm("bare", Text("Bare farm", "空农场"), "CN", OFFSET))
    for name, en, zh, crop in (
        ("north", "North field", "北田", Text("Sweet corn", "甜玉米")),
        ("south", "South field", "南田", Text("Tomato", "番茄")),
        ("west", "West field", "西田", None),
    ):
        registry.put_field(Field("demo", name, Text(en, zh), _SQUARE, crop, PLANTED if crop else None))
    registry.put_field(Field("other", "hostile", Text(HOSTILE, HOSTILE), _SQUARE, Text(HOSTILE, HOSTILE), PLANTED))
    places = {"air-1": "north", "soil-1": "north", "soil-2": "north", "soil-3": "south", "new-1": "west"}
    for device, where in places.items():
        registry.put_device(Device("demo", device, "cropmark-soil", HOUR))
        registry.place(Placement("demo", device, where, NOW - 130 * DAY))
    registry.put_device(Device("other", "x-1", "cropmark-air", HOUR))
    registry.place(Placement("other", "x-1", "hostile", NOW - 130 * DAY))


def season(world: World) -> None:
    """Fill the books: a published batch, one that is not, and one that still grows."""
    books, corn = world.books, Text("Sweet corn", "甜玉米")
    for day, weight in ((10, 820.5), (3, 411)):
        world.clock.now = NOW - day * DAY
        batch = books.open("demo", "north", corn)
        books.record("demo", batch, "planting", {}, NOW - 119 * DAY)
        books.record("demo", batch, "harvest", {"weightKilograms": weight}, world.clock.now)
        if day == 10:
            books.publish("demo", batch)
    world.clock.now = NOW - 40 * DAY
    growing = books.open("demo", "south", Text("Tomato", "番茄"))
    for step in ("planting", "input"):
        books.record("demo", growing, step, {}, world.clock.now)
    world.clock.now = NOW
