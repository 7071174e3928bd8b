"""The harvest form over the real ledger: keys, log, anchor, bundle and verdict of ``cropmark_trace``."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from cropmark_dashboards.database import Database, sqlite_engine
from cropmark_dashboards.harvest import BooksError, RecordHarvest
from cropmark_dashboards.harvest_form import Harvest, Packing
from cropmark_dashboards.sent_forms_sql import SqlSentForms
from cropmark_dashboards.trace_batches import TraceBatches
from cropmark_ingest.registry import Farm, Text
from cropmark_trace.verdict import CODES
from cropmark_trace.wiring import Trace
from tests.trace.ledger import world as ledgers
from tests.trace.ledger.archive import START
from tests.trace.ledger.world import HARVEST, PLANTING, World

FARM = Farm("demo", Text("Farm", "农场"), "US", -300, ledgers.DEMO)
KEY = "a" * 32


@pytest.fixture
def ledger(tmp_path: Path) -> World:
    return World(tmp_path / "trace")


@pytest.fixture
def trace(ledger: World) -> Iterator[Trace]:
    opened = ledger.open()
    ledgers.season(ledger, opened)
    yield opened
    opened.close()


@pytest.fixture
def books(trace: Trace) -> TraceBatches:
    return TraceBatches(trace.batches, lambda batch: f"http://farm.test/b/{batch}")


@pytest.fixture
def record(books: TraceBatches, ledger: World, tmp_path: Path) -> Iterator[RecordHarvest]:
    database = Database(sqlite_engine(tmp_path / "web.sqlite"))
    yield RecordHarvest(books, SqlSentForms(database), lambda: ledger.now)
    database.close()


def harvest(ledger: World) -> Harvest:
    day = date.fromordinal(date(1970, 1, 1).toordinal() + (HARVEST - 300 * 60_000) // 86_400_000)
    assert ledger.now >= HARVEST
    return Harvest("north", ledgers.CORN, 820_500, day, Packing(410, 2_000))


def test_a_harvest_from_the_form_is_signed_anchored_and_issued(
    ledger: World, books: TraceBatches, record: RecordHarvest
) -> None:
    growing = books.open("demo", "north", ledgers.CORN)
    books.record("demo", growing, "planting", PLANTING, START)
    done = record.record(FARM, KEY, harvest(ledger))
    assert (done.batch, done.unpublished) == (growing, None)
    (shown,), more = books.batches("demo", 0, 20)
    assert not more
    assert shown == books.batch("demo", growing)
    assert shown.steps == ("planting", "harvest", "packing")
    assert shown.harvested == 820_500
    assert shown.url == f"http://farm.test/b/{growing}"
    assert [check.name for check in shown.checks] == list(CODES)
    assert {check.name: check.result for check in shown.checks}["signatures"] == "pass"
    assert "fail" not in {check.result for check in shown.checks}


def test_sent_twice_it_is_recorded_once(ledger: World, books: TraceBatches, record: RecordHarvest) -> None:
    first = record.record(FARM, KEY, harvest(ledger))
    assert record.record(FARM, KEY, harvest(ledger)) == first
    assert books.steps("demo", first.batch) == ("harvest", "packing")
    assert len(books.batches("demo", 0, 20)[0]) == 1


def test_a_batch_of_another_farm_is_not_there(ledger: World, books: TraceBatches, record: RecordHarvest) -> None:
    mine = record.record(FARM, KEY, harvest(ledger)).batch
    assert books.batch("other", mine) is None
    assert books.batches("other", 0, 20) == ([], False)
    assert books.open_batch("other", "north") is None
    with pytest.raises(BooksError, match="has no batch"):
        books.publish("other", mine)


def test_what_the_ledger_refuses_is_told(books: TraceBatches) -> None:
    with pytest.raises(BooksError, match="has no field"):
        books.open("demo", "moon", ledgers.CORN)
    batch = books.open("demo", "north", ledgers.CORN)
    with pytest.raises(BooksError, match="cannot be recorded"):
        books.record("demo", batch, "harvest", {"weightKilograms": -1}, HARVEST)
    assert books.steps("demo", batch) == ()


def test_while_the_chain_is_down_the_harvest_is_kept(ledger: World, books: TraceBatches, record: RecordHarvest) -> None:
    ledger.chain.down = True
    done = record.record(FARM, KEY, harvest(ledger))
    assert books.harvested("demo", done.batch) == 820_500
    ledger.chain.down = False
    assert record.publish("demo", done.batch).unpublished is None
    shown = books.batch("demo", done.batch)
    assert shown is not None
    assert shown.url is not None
