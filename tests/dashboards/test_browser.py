"""The pages in a real browser: phone and desktop, Chinese and English, and nothing for axe-core to complain about."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, sync_playwright

from cropmark_ingest.principal import Principal
from tests.dashboards import world as worlds
from tests.dashboards.serving import serving
from tests.dashboards.world import World

CHROMIUM = "/usr/bin/chromium"
AXE = Path(__file__).resolve().parents[2] / "dashboards" / "web" / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 640}
EVERY_PAGE = (
    "/farm/demo", "/farm/demo/fields/north?metric=soil_moisture_10cm", "/farm/demo/fields/north?metric=rainfall",
    "/farm/demo/fields/south", "/farm/demo/fields/west", "/farm/demo/batches", "/farm/demo/harvest",
    "/farm/demo/harvest?field=north", "/farm/nowhere", "/signin", "/farm",
)  # fmt: skip


def need(what: str, there: object) -> None:
    if not there:
        if os.environ.get("CI") == "true":
            pytest.fail(what)
        pytest.skip(what)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    need(f"{CHROMIUM} is not installed; as root: make test SYSTEM=1", shutil.which(CHROMIUM))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Site:
    world: World
    base: str


@contextmanager
def made(folder: Path) -> Iterator[Site]:
    world = worlds.build(folder, days=30)
    worlds.season(world)
    with serving(world.app) as base:
        yield Site(world, base)
    world.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site of one's own, to change."""
    with made(tmp_path) as mine:
        yield mine


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site to look at."""
    with made(tmp_path_factory.mktemp("shown")) as all_of_us:
        yield all_of_us


def opened(chromium: Browser, size: Any = None, locale: str = "en-GB", **more: Any) -> tuple[Page, list[str]]:
    """Return a page that collects what goes wrong in it."""
    context = chromium.new_context(viewport=cast("ViewportSize", size or PHONE), locale=locale, **more)
    page = context.new_page()
    page.set_default_timeout(15_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    return page, wrong


def enter(site: Site, page: Page) -> None:
    """Follow a one-time link and press its button."""
    link = site.world.signin.make_link(Principal("李娜", frozenset({"demo", "other"})))
    page.goto(f"{site.base}/signin/{link}")
    page.click("main button")
    page.wait_for_url("**/farm")


def settled(page: Page) -> None:
    """Wait until the page shows what it has to show."""
    page.wait_for_load_state("load")
    if page.locator("#chart").count():
        page.wait_for_selector("#chart.ready")


def violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [f"{item['id']}: {[node['html'][:120] for node in item['nodes']]}" for item in found["violations"]]


@pytest.mark.parametrize(
    ("size", "locale", "scheme"), [(PHONE, "zh-CN", "light"), (DESKTOP, "en-GB", "light"), (PHONE, "en-GB", "dark")]
)
def test_every_page_is_accessible_and_fits_the_screen(
    shown: Site, chromium: Browser, size: Any, locale: str, scheme: Any
) -> None:
    need("axe-core is missing; run: cd dashboards/web && npm ci", AXE.is_file())
    page, wrong = opened(chromium, size, locale, color_scheme=scheme)
    enter(shown, page)
    for path in EVERY_PAGE:
        page.goto(shown.base + path)
        settled(page)
        for details in page.locator("details:not([open]) > summary").all():
            details.click()
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
        assert page.evaluate("document.documentElement.lang") == ("zh-Hans" if locale == "zh-CN" else "en")
    page.goto(shown.base + "/farm/demo/harvest?field=north")
    page.fill("#weight", "?")
    page.click("form.form button")
    page.wait_for_selector("#errors")
    assert violations(page) == []
    assert [text for text in wrong if "404" not in text and "422" not in text] == []
    page.context.close()


def test_nothing_is_cut_off_on_the_narrowest_phone(shown: Site, chromium: Browser) -> None:
    page, _ = opened(chromium, NARROW)
    enter(shown, page)
    for path in EVERY_PAGE:
        page.goto(shown.base + path)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
    page.context.close()


def test_what_a_finger_has_to_hit_is_large_enough(shown: Site, chromium: Browser) -> None:
    page, _ = opened(chromium)
    enter(shown, page)
    for path in EVERY_PAGE:
        page.goto(shown.base + path)
        settled(page)
        small = page.evaluate("""
            [...document.querySelectorAll('a[href], button, summary, input:not([type=hidden])')]
              .map(e => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
              .filter(([_, r]) => r.width && r.bottom > 0 && (r.width < 24 || r.height < 24)).map(([h]) => h)""")
        assert small == [], path
    page.context.close()


def test_the_chart_draws_the_season_under_the_content_policy(shown: Site, chromium: Browser) -> None:
    page, wrong = opened(chromium)
    enter(shown, page)
    page.goto(shown.base + "/farm/demo/fields/north?metric=soil_moisture_10cm")
    settled(page)
    ink = page.evaluate("""() => {
        const canvas = document.querySelector('#chart canvas');
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        let inked = 0;
        for (let i = 3; i < data.length; i += 4) if (data[i]) inked += 1;
        return inked / (data.length / 4);
    }""")
    assert ink > 0.05
    readout = page.inner_text("#chart .readout")
    assert readout.startswith("10 Nov: lowest ")
    assert readout.count("%") == 3
    assert page.locator("details.table").get_attribute("open") is None
    box = page.locator("#chart .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 50)
    page.wait_for_selector(".readout:not(:has-text('10 Nov'))")
    assert wrong == []
    page.context.close()


def test_a_chart_that_cannot_be_loaded_leaves_the_table(shown: Site, chromium: Browser) -> None:
    page, _ = opened(chromium)
    enter(shown, page)
    page.route("**/season?*", lambda route: route.fulfill(status=500, body="{}"))
    page.goto(shown.base + "/farm/demo/fields/north")
    page.wait_for_selector("#chart.failed")
    assert page.inner_text("#chart figcaption").startswith("The chart could not be loaded.")
    assert page.locator("table tbody tr").first.is_visible()
    page.context.close()


def test_while_the_chart_is_loaded_the_page_says_so(shown: Site, chromium: Browser) -> None:
    page, _ = opened(chromium)
    enter(shown, page)
    held: list[Route] = []
    page.route("**/season?*", lambda route: held.append(route))  # noqa: PLW0108 - playwright wants a function
    page.goto(shown.base + "/farm/demo/fields/north")
    page.wait_for_selector("#chart figcaption:has-text('Drawing the chart')")
    assert page.locator("table tbody tr").first.is_visible()
    held[0].continue_()
    page.wait_for_selector("#chart.ready")
    page.context.close()


def test_a_visit_is_under_120_kilobytes(shown: Site, chromium: Browser) -> None:
    page, _ = opened(chromium)
    enter(shown, page)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    received: list[float] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.goto(shown.base + "/farm/demo/fields/north")
    settled(page)
    assert 20_000 < sum(received) < 120_000
    page.context.close()


@pytest.mark.parametrize("script", [True, False])
def test_a_harvest_is_recorded_on_a_phone_with_and_without_scripts(
    site: Site, chromium: Browser, *, script: bool
) -> None:
    page, wrong = opened(chromium, java_script_enabled=script)
    enter(site, page)
    page.goto(site.base + "/farm/demo")
    page.click("nav >> text=Record a harvest")
    page.click("main >> text=South field")
    page.fill("#weight", "1641")
    page.check("input[value=jin]", force=True)
    page.click("summary")
    page.fill("#units", "10000")
    page.fill("#unit_weight", "4")
    page.click("form.form button")
    page.wait_for_selector("#units-error")
    assert page.input_value("#weight") == "1641"
    assert page.is_checked("input[value=jin]")
    page.fill("#units", "410")
    page.click("form.form button")
    page.wait_for_url("**/batches?new=*")
    assert "820.5 kg recorded and signed." in page.inner_text("main")
    assert page.locator("img.qr").first.evaluate("e => e.naturalWidth" if script else "e => 1")
    assert [item.steps for item in site.world.books.kept["demo"] if item.field == "south"] == [
        ("planting", "input", "harvest", "packing")
    ]
    assert [text for text in wrong if "422" not in text] == []
    page.context.close()


def test_an_impatient_double_click_records_one_harvest(site: Site, chromium: Browser) -> None:
    page, _ = opened(chromium)
    enter(site, page)
    before = len(site.world.books.kept["demo"])
    page.goto(site.base + "/farm/demo/harvest?field=north")
    page.fill("#weight", "5")
    page.dblclick("form.form button")
    page.wait_for_url("**/batches?new=*")
    page.go_back()
    page.wait_for_selector("#weight")
    page.fill("#weight", "5")
    page.click("form.form button")
    page.wait_for_url("**/batches?new=*")
    assert len(site.world.books.kept["demo"]) == before + 1
    page.context.close()


def test_newest_values_come_in_by_themselves_and_a_lost_connection_is_said(site: Site, chromium: Browser) -> None:
    page, _ = opened(chromium)
    page.clock.install()
    enter(site, page)
    page.goto(site.base + "/farm/demo")
    assert "1 minute ago" in page.inner_text("article >> nth=0")
    site.world.clock.now += 7 * 60_000
    page.clock.run_for(61_000)
    page.wait_for_selector("article:has-text('8 minutes ago')")
    page.context.set_offline(True)
    page.wait_for_selector("#offline:visible")
    assert "No connection" in page.inner_text("#offline")
    page.context.set_offline(False)
    page.clock.run_for(61_000)
    page.wait_for_selector("#offline", state="hidden")
    page.context.close()


def test_a_link_in_a_messenger_opens_the_page_after_one_tap_although_the_cookie_is_strict(
    shown: Site, chromium: Browser
) -> None:
    page, _ = opened(chromium)
    enter(shown, page)
    elsewhere = shown.base.replace("127.0.0.1", "localhost")
    page.route(
        f"{elsewhere}/**",
        lambda route: route.fulfill(body=f'<a href="{shown.base}/farm/demo">x</a>', content_type="text/html"),
    )
    page.goto(f"{elsewhere}/chat")
    page.click("a")
    page.wait_for_load_state()
    assert "/signin?next=" in page.url, page.url
    page.click("main a.button")
    page.wait_for_url("**/farm/demo")
    page.context.close()


def test_the_language_is_one_tap_away(shown: Site, chromium: Browser) -> None:
    page, _ = opened(chromium)
    enter(shown, page)
    page.goto(shown.base + "/farm/demo/batches")
    page.click("text=中文")
    page.wait_for_selector("h1:has-text('批次')")
    page.goto(shown.base + "/farm/demo")
    assert "示范农场" in page.inner_text("header")
    cookies = {item["name"]: item for item in json.loads(json.dumps(page.context.cookies()))}
    assert cookies["lang"]["value"] == "zh"
    assert cookies["cropmark_session"]["httpOnly"]
    assert cookies["cropmark_session"]["sameSite"] == "Strict"
    page.context.close()
