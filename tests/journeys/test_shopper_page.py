"""The shopper's page on less friendly phones: no secure origin, no JavaScript, a screen reader, a thin wire."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.journeys.conftest import QUIET, Installation
from tests.journeys.test_demo import EXPECTED, results

pytestmark = [pytest.mark.journey, pytest.mark.system("chromium")]

AXE = Path(__file__).resolve().parents[2] / "trace" / "web" / "node_modules" / "axe-core" / "axe.min.js"
MOST_BYTES = 60_000


@pytest.fixture
def insecure(playwright: Playwright) -> Iterator[Browser]:
    """A browser for which ``farm.test`` is this computer: an origin without ``crypto.subtle``."""
    arguments = [*QUIET, "--host-resolver-rules=MAP farm.test 127.0.0.1"]
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
    yield browser
    browser.close()


def test_without_a_secure_origin_the_bundled_fallback_checks_it(installation: Installation, insecure: Browser) -> None:
    page = insecure.new_page(viewport={"width": 390, "height": 844})
    port = installation.url.rpartition(":")[2]
    page.goto(f"http://farm.test:{port}/b/{installation.batch}?lang=en")
    assert page.evaluate("window.isSecureContext") is False
    assert page.evaluate("'subtle' in crypto") is False
    assert results(page) == EXPECTED


def test_without_javascript_the_facts_are_there_and_nothing_claims_to_be_checked(
    installation: Installation, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{installation.url}/b/{installation.batch}?lang=en")
    text = page.inner_text("main")
    assert "Sweet corn" in text
    assert "Demo grower" in text
    assert page.get_attribute("#main", "data-state") == "unchecked"
    assert page.locator("[data-result=pass]").count() == 0
    assert "Your phone has not checked this" in text
    context.close()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_to_complain_about(
    installation: Installation, browser: Browser, language: str, width: int
) -> None:
    # The rules run inside the page, which its Content-Security-Policy would forbid.
    context = browser.new_context(viewport={"width": width, "height": 844}, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{installation.url}/b/{installation.batch}?lang={language}")
    results(page)
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run().then(result => result.violations.map(item => [item.id, item.nodes.length]))")
    assert found == []
    context.close()


def weigh(page: Page, address: str) -> dict[str, int]:
    """Return how many compressed bytes each answer of a visit has."""
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.__setitem__(answer.url, answer.request.sizes()["responseBodySize"]))
    page.goto(address)
    results(page)
    return sizes


def test_a_visit_weighs_less_than_60_kb_without_the_bundle(installation: Installation, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    sizes = weigh(context.new_page(), f"{installation.url}/b/{installation.batch}?lang=zh")
    bundle = [size for url, size in sizes.items() if "/bundles/" in url]
    page = [size for url, size in sizes.items() if "/bundles/" not in url]
    context.close()
    assert len(bundle) == 1
    assert bundle[0] <= len(gzip.compress(installation.bundle())) * 1.1, "the bundle is served compressed"
    assert sum(page) < MOST_BYTES, json.dumps(sizes, indent=1)


def test_a_code_that_nobody_knows_is_said_to_be_unknown(installation: Installation, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    answer = page.goto(f"{installation.url}/b/{'A' * 20}?lang=en")
    assert answer is not None
    assert answer.status == 404
    assert page.locator("h1").count() == 1
    assert page.locator("[data-result=pass]").count() == 0
    page.close()
