"""Take the README's pictures from a running demo: ``python scripts/screenshots.py cropmark-data``. Needs Chromium."""

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "img"
PHONE = (390, 844)


def main() -> None:
    """Sign in, visit each page on a phone-sized screen, write the pictures."""
    data = sys.argv[1]
    link = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "cropmark", "sign-in", "--data", data], capture_output=True, text=True, check=True
    ).stdout.strip()
    base = link.partition("/signin")[0]
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        width, height = PHONE
        page = browser.new_page(viewport={"width": width, "height": height}, locale="en")
        page.goto(link)
        page.click("form button")
        page.wait_for_url("**/farm/**")
        take(page, f"{base}/farm/demo?lang=en", "farm")
        take(page, f"{base}/farm/demo/fields/north?lang=zh", "field")
        take(page, f"{base}/farm/demo/batches?lang=en", "batches")
        found = re.search(r"/b/[A-Z2-7]{20}", page.content())
        if found is None:
            sys.exit("the demo has no published batch yet: wait until the terminal shows the code")
        page.goto(f"{base}{found[0]}?lang=zh")
        page.wait_for_selector("#main:not([data-state=unchecked]):not([data-state=checking])")
        page.screenshot(path=IMAGES / "shopper.png")
        browser.close()


def take(page: Page, address: str, name: str) -> None:
    """Write one picture of what is seen first."""
    page.goto(address, wait_until="networkidle")
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
