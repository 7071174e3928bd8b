"""Recording a harvest: once, whole, and with nothing typed twice."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import pytest

from cropmark_dashboards.database import Database, sqlite_engine
from cropmark_dashboards.harvest import KEPT_MS, BooksError, OtherHarvestError, RecordHarvest
from cropmark_dashboards.harvest_form import Form, Harvest, Packing, read
from cropmark_dashboards.sent_forms_sql import SqlSentForms
from cropmark_ingest.registry import Farm, Field, Text
from tests.dashboards.conftest import send
from tests.dashboards.world import NOW, OFFSET, MemoryBooks, MovableClock, World

CORN = Text("Sweet corn", "甜玉米")
FARM = Farm("demo", Text("Demo farm", "示范农场"), "CN", OFFSET)
FIELD = Field("demo", "north", Text("North field", "北田"), {}, CORN, "2026-07-14")
TODAY = date(2026, 11, 10)
HARVEST = Harvest("north", CORN, 820_500, TODAY, Packing(410, 2_000))
KEY = "f" * 32


@pytest.fixture
def books() -> MemoryBooks:
    return MemoryBooks(MovableClock())


@pytest.fixture
def forms(tmp_path: Path) -> Iterator[SqlSentForms]:
    database = Database(sqlite_engine(tmp_path / "web.sqlite"))
    yield SqlSentForms(database)
    database.close()


@pytest.fixture
def record(books: MemoryBooks, forms: SqlSentForms) -> RecordHarvest:
    return RecordHarvest(books, forms, books.clock)


def test_a_harvest_opens_a_batch_records_and_publishes(record: RecordHarvest, books: MemoryBooks) -> None:
    done = record.record(FARM, KEY, HARVEST)
    assert done.unpublished is None
    (batch,) = books.kept["demo"]
    assert (batch.batch, batch.steps, batch.harvested) == (done.batch, ("harvest", "packing"), 820_500)
    assert books.facts[done.batch] == {
        "harvest": {"product": {"en": "Sweet corn", "zh": "甜玉米"}, "weightKilograms": 820.5},
        "packing": {"product": {"en": "Sweet corn", "zh": "甜玉米"}, "units": 410, "unitWeightKilograms": 2},
    }
    assert books.times[done.batch] == [NOW, NOW]


def test_a_harvest_goes_into_the_fields_open_batch(record: RecordHarvest, books: MemoryBooks) -> None:
    growing = books.open("demo", "north", CORN)
    books.open("demo", "south", CORN)
    assert record.record(FARM, KEY, HARVEST).batch == growing


def test_a_harvest_of_an_earlier_day_happened_at_its_noon(record: RecordHarvest, books: MemoryBooks) -> None:
    batch = record.record(FARM, KEY, replace(HARVEST, day=date(2026, 11, 8), packing=None)).batch
    assert books.times[batch] == [1_794_110_400_000]  # 2026-11-08T04:00Z


def test_the_same_form_sent_twice_makes_one_batch(record: RecordHarvest, books: MemoryBooks) -> None:
    first = record.record(FARM, KEY, HARVEST)
    assert record.record(FARM, KEY, HARVEST) == first
    assert len(books.kept["demo"]) == 1


def test_the_same_form_sent_at_once_from_many_threads_makes_one_batch(
    record: RecordHarvest, books: MemoryBooks
) -> None:
    done = []
    threads = [threading.Thread(target=lambda: done.append(record.record(FARM, KEY, HARVEST))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({item.batch for item in done}) == len(books.kept["demo"]) == 1


@pytest.mark.parametrize("call", ["open", "harvest", "packing"])
def test_after_a_failure_in_the_middle_the_same_form_continues(
    record: RecordHarvest, books: MemoryBooks, call: str
) -> None:
    books.fail = {call}
    with pytest.raises(BooksError):
        record.record(FARM, KEY, HARVEST)
    books.fail = set()
    record.record(FARM, KEY, HARVEST)
    (batch,) = books.kept["demo"]
    assert batch.steps == ("harvest", "packing")


def test_another_form_does_not_take_the_batch_of_one_that_failed(record: RecordHarvest, books: MemoryBooks) -> None:
    books.fail = {"harvest"}
    with pytest.raises(BooksError):
        record.record(FARM, KEY, HARVEST)
    books.fail = set()
    other = record.record(FARM, "e" * 32, replace(HARVEST, weight=10_000, packing=None))
    mine = record.record(FARM, KEY, HARVEST)
    assert other.batch != mine.batch
    assert {item.batch: item.harvested for item in books.kept["demo"]} == {other.batch: 10_000, mine.batch: 820_500}


def test_a_form_that_was_recorded_and_comes_back_changed_is_refused(record: RecordHarvest, books: MemoryBooks) -> None:
    first = record.record(FARM, KEY, HARVEST)
    with pytest.raises(OtherHarvestError) as refusal:
        record.record(FARM, KEY, replace(HARVEST, weight=1_000, packing=None))
    assert refusal.value.batch == first.batch
    assert books.harvested("demo", first.batch) == 820_500


def test_a_form_that_failed_may_come_back_corrected(record: RecordHarvest, books: MemoryBooks) -> None:
    books.fail = {"harvest"}
    with pytest.raises(BooksError):
        record.record(FARM, KEY, HARVEST)
    books.fail = set()
    corrected = record.record(FARM, KEY, replace(HARVEST, weight=900_000))
    assert books.harvested("demo", corrected.batch) == 900_000
    assert len(books.kept["demo"]) == 1


def test_a_harvest_that_cannot_be_published_is_recorded_and_published_later(
    record: RecordHarvest, books: MemoryBooks
) -> None:
    books.fail = {"publish"}
    done = record.record(FARM, KEY, HARVEST)
    assert done.unpublished == "publish does not work just now. Try again."
    assert books.kept["demo"][0].url is None
    books.fail = set()
    assert record.publish("demo", done.batch).unpublished is None
    assert books.kept["demo"][0].url is not None


def test_keys_are_forgotten_after_three_months(record: RecordHarvest, books: MemoryBooks, forms: SqlSentForms) -> None:
    record.record(FARM, KEY, HARVEST)
    books.clock.now += KEPT_MS + 1
    record.record(FARM, "e" * 32, HARVEST)
    assert forms.get("demo", KEY) is None
    assert forms.get("demo", "e" * 32) is not None


def test_keys_of_one_farm_mean_nothing_to_another(record: RecordHarvest, books: MemoryBooks) -> None:
    record.record(FARM, KEY, HARVEST)
    record.record(replace(FARM, farm="other"), KEY, HARVEST)
    assert {farm: len(items) for farm, items in books.kept.items()} == {"demo": 1, "other": 1}


TYPED = {
    "key": KEY, "field": "north", "product": "Sweet corn", "weight": "1641", "unit": "jin", "date": "2026-11-10",
    "units": "410", "unit_weight": "4",
}  # fmt: skip


def test_a_form_is_read_exactly() -> None:
    assert read(Form(dict(TYPED)), [FIELD], TODAY) == HARVEST


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"weight": ""}, {"weight": "form.error.weight-number"}),
        ({"weight": "0"}, {"weight": "form.error.weight-zero"}),
        ({"date": "2026-11-11"}, {"date": "form.error.date-future"}),
        ({"date": "2026-07-13"}, {"date": "form.error.date-planted"}),
        ({"date": "2025-01-01"}, {"date": "form.error.date-old"}),
        ({"date": "10.11.2026"}, {"date": "form.error.date"}),
        ({"field": "moon"}, {"field": "form.error.field"}),
        ({"product": "  "}, {"product": "form.error.product"}),
        ({"product": "a\u202eb"}, {"product": "form.error.product-text"}),
        ({"product": "x" * 81}, {"product": "form.error.product-text"}),
        ({"units": "many"}, {"units": "form.error.units-whole"}),
        ({"units": "411"}, {"units": "form.error.packed-more"}),
        ({"units": ""}, {"units": "form.error.units-whole"}),
        ({"unit_weight": ""}, {"unit_weight": "form.error.weight-number"}),
        ({"key": "no"}, {"form": "form.error.key"}),
        ({"weight": "x", "date": "x"}, {"weight": "form.error.weight-number", "date": "form.error.date"}),
    ],
)
def test_each_mistake_has_its_error(changed: dict[str, str], errors: dict[str, str]) -> None:
    form = Form(TYPED | changed)
    assert read(form, [FIELD], TODAY) is None
    assert form.errors == errors


def test_a_product_of_ones_own_is_kept_as_typed_and_the_crop_in_both_languages() -> None:
    assert read(Form(TYPED | {"product": "甜玉米"}), [FIELD], TODAY) == HARVEST
    own = read(Form(TYPED | {"product": " Baby   corn "}), [FIELD], TODAY)
    assert own is not None
    assert own.product == Text("Baby corn", "Baby corn")


def filled(csrf: str, **changed: str) -> dict[str, str]:
    return TYPED | {"csrf": csrf} | changed


def test_the_form_leads_to_the_batch_with_its_code(world: World, browser: httpx.Client, csrf: str) -> None:
    answer = send(browser, "/farm/demo/harvest", filled(csrf))
    batch = world.books.kept["demo"][0].batch
    assert answer.headers["location"] == f"/farm/demo/batches?new={batch}"
    page = browser.get(answer.headers["location"]).text
    assert "820.5 kg recorded and signed." in page
    assert f"/farm/demo/batches/{batch}/code.svg" in page


def test_what_was_typed_stays_and_the_error_stands_beside_its_field(
    world: World, browser: httpx.Client, csrf: str
) -> None:
    answer = send(browser, "/farm/demo/harvest", filled(csrf, weight="<b>viel", product="Süßmais & mehr"))
    assert answer.status_code == 422
    page = answer.text
    assert 'value="&lt;b&gt;viel" aria-invalid="true" aria-describedby="weight-error"' in page
    assert 'id="weight-error"' in page
    assert 'value="Süßmais &amp; mehr"' in page
    assert 'value="2026-11-10"' in page
    assert 'value="410"' in page
    assert 'value="jin" checked' in page
    assert f'name="key" value="{KEY}"' in page
    assert "<b>viel" not in page
    assert world.books.kept == {}


def test_a_ledger_that_refuses_is_told_and_nothing_is_lost(world: World, browser: httpx.Client, csrf: str) -> None:
    world.books.fail = {"harvest"}
    answer = send(browser, "/farm/demo/harvest", filled(csrf))
    assert answer.status_code == 503
    assert "harvest does not work just now. Try again." in answer.text
    assert 'value="1641"' in answer.text
    world.books.fail = set()
    assert send(browser, "/farm/demo/harvest", filled(csrf)).status_code == 303
    assert len(world.books.kept["demo"]) == 1


def test_a_changed_form_that_was_recorded_comes_back_with_a_new_key(
    world: World, browser: httpx.Client, csrf: str
) -> None:
    send(browser, "/farm/demo/harvest", filled(csrf))
    answer = send(browser, "/farm/demo/harvest", filled(csrf, weight="2000"))
    assert answer.status_code == 409
    assert "already recorded" in answer.text
    assert f'value="{KEY}"' not in answer.text
    assert len(world.books.kept["demo"]) == 1


def test_an_unpublished_batch_is_published_by_its_button(world: World, browser: httpx.Client, csrf: str) -> None:
    world.books.fail = {"publish"}
    where = send(browser, "/farm/demo/harvest", filled(csrf)).headers["location"]
    page = browser.get(where).text
    assert "Nothing is lost" in page
    batch = world.books.kept["demo"][0].batch
    assert f'action="/farm/demo/batches/{batch}/publish"' in page
    assert browser.get(f"/farm/demo/batches/{batch}/code.svg").status_code == 404
    world.books.fail = set()
    assert send(browser, f"/farm/demo/batches/{batch}/publish", {"csrf": csrf}).status_code == 303
    assert browser.get(f"/farm/demo/batches/{batch}/code.svg").status_code == 200


def test_a_batch_without_harvest_is_not_published(world: World, browser: httpx.Client, csrf: str) -> None:
    batch = world.books.open("demo", "north", CORN)
    assert send(browser, f"/farm/demo/batches/{batch}/publish", {"csrf": csrf}).status_code == 404
    assert send(browser, "/farm/demo/batches/NOSUCHBATCH/publish", {"csrf": csrf}).status_code == 404
    assert world.books.published == 0


def test_a_batch_of_another_farm_has_no_code_here(world: World, browser: httpx.Client, csrf: str) -> None:
    assert csrf
    batch = world.books.open("other", "hostile", CORN)
    world.books.publish("other", batch)
    assert browser.get(f"/farm/demo/batches/{batch}/code.svg").status_code == 404
    assert browser.get(f"/farm/other/batches/{batch}/code.svg").status_code == 404
