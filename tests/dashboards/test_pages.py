"""The pages over real stores, without scripts: what is on them, in whose language, with which headers."""

import gzip
import re

import httpx
import pytest
import zxingcpp
from PIL import Image

from cropmark_dashboards import assets, qr
from cropmark_ingest.principal import Principal
from cropmark_ingest.registry import Text
from tests.dashboards import world as worlds
from tests.dashboards.conftest import sign_in
from tests.dashboards.world import HOSTILE, NOW, World

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
PAGES = (
    "/farm/demo", "/farm/demo/fields/north", "/farm/demo/fields/west", "/farm/demo/batches", "/farm/demo/harvest",
    "/farm/demo/harvest?field=north", "/farm/nowhere", "/signin",
)  # fmt: skip


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&nbsp;", "").split())


def test_one_farm_opens_at_once_and_several_are_listed(world: World, browser: httpx.Client, csrf: str) -> None:
    assert csrf
    assert browser.get("/farm").headers["location"] == "/farm/demo"
    sign_in(world, browser, Principal("Agronomist", None))
    page = browser.get("/farm").text
    assert 'href="/farm/demo"' in page
    assert 'href="/farm/other"' in page
    sign_in(world, browser, Principal("Nobody", frozenset()))
    assert "No farm yet" in browser.get("/farm").text


def test_a_field_shows_live_values_with_their_age(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    text = plain(browser.get("/farm/demo").text)
    assert "North field Sweet corn · day 120 1 minute ago" in text
    assert re.search(r"Soil moisture, 10 cm \d\d\.\d %", text)
    assert re.search(r"Rain, last 24 h [\d.]+ mm", text)
    assert "Battery low: 3.27 V" in text


def test_a_silent_field_is_grey_and_says_since_when(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    page = browser.get("/farm/demo").text
    (card,) = re.findall(r'<article class="card stale">.*?</article>', page, re.DOTALL)
    assert "South field" in card
    assert "No news since yesterday 20:12 (9 hours ago)" in plain(card)
    assert "No news since yesterday 20:12." in plain(browser.get("/farm/demo/fields/south").text)


def test_a_field_without_readings_and_a_farm_without_fields_say_what_comes_next(
    world: World, browser: httpx.Client, csrf: str
) -> None:
    assert csrf
    assert "1 sensor stands here and has not reported yet" in plain(browser.get("/farm/demo").text)
    assert "No readings yet" in browser.get("/farm/demo/fields/west").text
    assert "No batch yet" in browser.get("/farm/demo/batches").text
    sign_in(world, browser, Principal("New", frozenset({"bare"})))
    for path in ("/farm/bare", "/farm/bare/harvest"):
        assert "No fields yet" in browser.get(path).text
    assert "Nothing. Every sensor reports" in browser.get("/farm/bare").text


def test_problems_come_in_plain_words_with_the_next_step(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    text = plain(browser.get("/farm/demo").text)
    for words in (
        "Data that could not be trusted", "Readings are missing", "soil-99 · 3 times · 05:12",
        "A sensor is silent", "soil-3 · yesterday 20:12", "A sensor has never reported", "new-1",
        "A battery is nearly empty", "3.27 V", "A value is doubtful", "Leaf wetness", "7 things to look at",
    ):  # fmt: skip
        assert words in text
    assert "gw-8" not in text


def test_a_doubtful_value_is_marked_and_not_hidden(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    assert re.search(r"Leaf wetness 6,554 % doubtful", plain(browser.get("/farm/demo").text))


def test_the_season_is_a_table_where_no_script_runs(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    page = browser.get("/farm/demo/fields/north?metric=soil_moisture_10cm").text
    assert '<details class="table" open>' in page
    assert page.count('<th scope="row">') == 6
    numbers = browser.get("/api/v1/farms/demo/fields/north/season?metric=soil_moisture_10cm").json()
    text = plain(page)
    assert f"{round(numbers['max'][-2] * 100, 1):.1f}" in text
    assert f"{round(numbers['min'][-2] * 100, 1):.1f}" in text


def test_an_unknown_metric_shows_the_first_one(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    assert "Air temperature by day" in browser.get("/farm/demo/fields/north?metric=happiness").text


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_small_demo_marked_and_locked_down(
    world: World, browser: httpx.Client, csrf: str, path: str
) -> None:
    assert csrf
    worlds.season(world)
    answer = browser.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert ("Demo: simulated sensors. Nothing was grown." in answer.text) == ("/demo" in path)
    total = len(gzip.compress(answer.content))
    for url in re.findall(r'(?:src|href)="(/farm-assets/[^"]+)"', answer.text):
        with browser.stream("GET", url, headers={"accept-encoding": "gzip"}) as part:
            assert part.status_code == 200
            total += len(b"".join(part.iter_raw()))
    assert total < 40_000


@pytest.mark.parametrize(
    ("asked", "accepts", "cookie", "language"),
    [
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "", "zh-Hans"),
        ("", "de,en;q=0.5", "", "en"),
        ("", "en;q=0.3,zh;q=0.7", "", "zh-Hans"),
        ("", "zh;q=x, en", "", "en"),
        ("", "", "", "en"),
        ("", "en", "zh", "zh-Hans"),
        ("", "en", "xx", "en"),
        ("?lang=zh", "en", "en", "zh-Hans"),
        ("?lang=../zh", "en", "", "en"),
    ],
)
def test_the_language_is_the_readers(
    browser: httpx.Client, asked: str, accepts: str, cookie: str, language: str
) -> None:
    headers = {"accept-language": accepts} | ({"cookie": f"lang={cookie}"} if cookie else {})
    assert f'<html lang="{language}">' in browser.get(f"/signin{asked}", headers=headers).text


def test_a_chosen_language_stays(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    page = browser.get("/farm/demo/fields/north?metric=rainfall").text
    (switch,) = re.findall(r'href="([^"]+lang=zh)"', page)
    assert "每日降雨量" in browser.get(switch.replace("&amp;", "&")).text
    text = browser.get("/farm/demo").text
    assert "示范农场" in text
    assert "演示数据" in text
    assert "Demo" not in text


def test_hostile_names_are_only_text(world: World, browser: httpx.Client) -> None:
    sign_in(world, browser, Principal(HOSTILE, frozenset({"other"})))
    for path in ("/farm/other", "/farm/other/fields/hostile", "/farm/other/harvest?field=hostile"):
        page = browser.get(path).text
        assert "<img src=x" not in page
        assert "&lt;img src=x onerror=" in page
        assert "&#39;{{7*7}}" in page


def test_a_batch_shows_its_code_and_each_check_in_plain_words(world: World, browser: httpx.Client, csrf: str) -> None:
    assert csrf
    worlds.season(world)
    text = plain(browser.get("/farm/demo/batches").text)
    assert "Sweet corn 820.5 kg" in text
    assert "North field · 1,641 jin" in text
    assert "K5QW Z2M7 RTA4 CXE6 AANI" in text
    assert "Checked, with remarks 5 of 11 passed" in text
    assert "Yes, but on a chain that we run ourselves. That proves little to others." in text
    assert "Recorded and signed, but not published yet" in text
    assert "nothing harvested yet. planting input" in text


def test_older_batches_are_on_further_pages(world: World, browser: httpx.Client, csrf: str) -> None:
    assert csrf
    for number in range(45):
        world.clock.now = NOW + number
        world.books.record(
            "demo",
            world.books.open("demo", "north", Text("Corn", "玉米")),
            "harvest",
            {"weightKilograms": 1},
            NOW,
        )
    seen, address = [], "/farm/demo/batches"
    while True:
        page = browser.get(address).text
        seen += re.findall(r'<article class="card batch" id="(\w+)">', page)
        older = re.search(r'href="(\?skip=\d+)">Older', page)
        if older is None:
            break
        address = "/farm/demo/batches" + older[1]
    assert len(seen) == len(set(seen)) == 45


def test_the_code_is_level_q_with_a_quiet_zone_and_leads_to_the_shoppers_page(
    world: World, browser: httpx.Client, csrf: str
) -> None:
    assert csrf
    worlds.season(world)
    url = world.books.kept["demo"][0].url
    answer = browser.get(f"/farm/demo/batches/{world.books.kept['demo'][0].batch}/code.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert url is not None
    (read,) = zxingcpp.read_barcodes(raster(answer.text))
    assert read.text == url
    assert read.ec_level == "Q"
    assert "style=" not in answer.text


def raster(svg: str, scale: int = 6) -> Image.Image:
    """Draw the strokes of segno's SVG: rows of dark modules from ``M`` and ``m`` moves with ``h`` lines."""
    size = int(re.findall(r'viewBox="0 0 (\d+)', svg)[0])
    path = re.findall(r'd="(M[^"]*)"', svg)[-1]
    image = Image.new("L", (size * scale, size * scale), 255)
    x = y = 0.0
    for command, first, _, second in re.findall(r"([Mmh])(-?[\d.]+)(?:([ ,])?(-?[\d.]+))?", path):
        if command == "h":
            box = (int(x * scale), int((y - 0.5) * scale), int((x + float(first)) * scale), int((y + 0.5) * scale))
            image.paste(0, box)
            x += float(first)
        elif command == "M":
            x, y = float(first), float(second)
        else:
            x, y = x + float(first), y + float(second)
    quiet = qr.QUIET_ZONE * scale
    assert image.crop((0, 0, size * scale, quiet)).getextrema() == (255, 255)
    return image


def test_files_are_kept_for_ever_and_only_under_their_digest(browser: httpx.Client) -> None:
    url = assets.url("farm.css")
    answer = browser.get(url)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert browser.get(url, headers={"accept-encoding": "identity"}).content == answer.content
    for wrong in (
        url.replace("farm.css", "farm.js"),
        "/farm-assets/0000000000000000/farm.css",
        "/farm-assets/x/..%2fx",
    ):
        assert browser.get(wrong).status_code == 404


def test_an_error_of_ours_tells_nothing_of_the_inside(world: World, browser: httpx.Client, csrf: str) -> None:
    assert csrf
    world.store.close()
    answer = browser.get("/farm/demo")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "Traceback" not in answer.text
    assert "store" not in plain(answer.text)


def test_a_missing_page_says_so_in_the_readers_language(browser: httpx.Client) -> None:
    answer = browser.get("/farm/demo/nothing/here", headers={"accept-language": "zh"})
    assert answer.status_code == 404
    assert "这里什么也没有" in answer.text
    assert browser.get("/api/v1/nothing", headers={"accept": "application/json"}).json()["error"] == "Not Found"
