"""What a newcomer sees: the demo, both pages on a phone in both languages, and what happens when a byte is changed."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.journeys.conftest import Installation, cropmark

pytestmark = [pytest.mark.journey, pytest.mark.system("chromium")]

EXPECTED = {
    "schema": "pass", "signatures": "pass", "keys": "pass", "chain": "pass", "log": "pass", "witnesses": "warn",
    "anchor": "warn", "time-window": "warn", "mass-balance": "not-checked", "evidence": "warn", "status": "not-checked",
}  # fmt: skip
PHONE = {"width": 390, "height": 844}


def results(page: Page) -> dict[str, str]:
    """Return what the page says of each check, once it has said so of all."""
    page.wait_for_selector("#main:not([data-state=unchecked]):not([data-state=checking])")
    found = page.eval_on_selector_all(
        ".checks > li", "items => items.map(item => [item.id.slice(6), item.dataset.result])"
    )
    return dict(found)


def told(installation: Installation, bundle: Path, policy: Path, rpc: str | None = None) -> tuple[dict[str, str], int]:
    """Return what ``cropmark verify`` says of each check, and its exit code."""
    done = cropmark(
        "verify", str(bundle), "--policy", str(policy), "--batch", installation.batch,
        "--rpc", rpc or f"{installation.url}/rpc", "--json",
    )  # fmt: skip
    return {check["name"]: check["result"] for check in json.loads(done.stdout)["checks"]}, done.returncode


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.mark.parametrize(("language", "product"), [("zh", "甜玉米"), ("en", "Sweet corn")])
def test_a_shoppers_phone_checks_the_batch(
    installation: Installation, phone: Page, language: str, product: str
) -> None:
    phone.goto(f"{installation.url}/b/{installation.batch}?lang={language}")
    assert results(phone) == EXPECTED
    assert product in phone.inner_text("h1")
    assert phone.eval_on_selector("html", "html => html.lang").startswith(language)
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_cropmark_verify_says_the_same_as_the_phone(installation: Installation, policy: Path, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(installation.bundle())
    assert told(installation, file, policy) == (EXPECTED, 0)
    assert len(installation.bundle()) < 64 * 1024


def test_with_the_segments_the_season_is_added_up_again(
    installation: Installation, policy: Path, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(installation.bundle())
    archive = installation.data / "ingest" / "archive"
    done = cropmark("verify", str(file), "--policy", str(policy), "--evidence", str(archive), "--json")
    checks = {check["name"]: check["result"] for check in json.loads(done.stdout)["checks"]}
    assert checks["evidence"] == "pass", done.stdout


def changed_place(data: bytes) -> bytes:
    return data.replace(b'"en":"North field"', b'"en":"Nprth field"', 1)


def changed_reading(data: bytes) -> bytes:
    leaf = json.loads(data)["readings"][0]["leaf"]
    other = leaf[:-6] + ("A" if leaf[-6] != "A" else "B") + leaf[-5:]
    return data.replace(leaf.encode(), other.encode(), 1)


def changed_checkpoint(data: bytes) -> bytes:
    root = json.loads(data)["checkpoint"].split("\n")[2]
    other = ("A" if root[0] != "A" else "B") + root[1:]
    return data.replace(root.encode(), other.encode(), 1)


@pytest.mark.parametrize(
    ("change", "check"),
    [(changed_place, "signatures"), (changed_reading, "evidence"), (changed_checkpoint, "log")],
)
def test_one_changed_byte_fails_the_right_check_in_the_browser_and_on_the_command_line(
    installation: Installation, phone: Page, policy: Path, tmp_path: Path, change: object, check: str
) -> None:
    assert callable(change)
    good = installation.bundle()
    bad = change(good)
    assert len(bad) == len(good)
    assert sum(a != b for a, b in zip(good, bad, strict=True)) == 1

    def serve(route: Route) -> None:
        route.fulfill(body=bad, content_type="application/json")

    phone.route("**/bundles/*.json", serve)
    phone.goto(f"{installation.url}/b/{installation.batch}?lang=en")
    assert results(phone)[check] == "fail"
    assert phone.eval_on_selector("#main", "main => main.dataset.state") == "fail"
    file = tmp_path / "bundle.json"
    file.write_bytes(bad)
    said, code = told(installation, file, policy)
    assert said[check] == "fail"
    assert code == 1


def lie(url: str, body: bytes) -> bytes:
    """Ask the true chain, and change one digit of the roots that it returns."""
    with urlopen(Request(url, data=body, headers={"Content-Type": "application/json"})) as answer:
        said = json.loads(answer.read())
    asked = json.loads(body)
    calls = asked if isinstance(asked, list) else [asked]
    answers = said if isinstance(said, list) else [said]
    for call, one in zip(calls, answers, strict=True):
        if call["method"] == "eth_call":
            one["result"] = one["result"][:-1] + ("0" if one["result"][-1] != "0" else "1")
    return json.dumps(said).encode()


@contextmanager
def liar(url: str) -> Iterator[str]:
    """Run a node that lies about roots."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = lie(url, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_changed_root_on_the_chain_fails_the_anchor(
    installation: Installation, phone: Page, policy: Path, tmp_path: Path
) -> None:
    def serve(route: Route) -> None:
        body = route.request.post_data_buffer
        assert body is not None
        route.fulfill(body=lie(f"{installation.url}/rpc", body), content_type="application/json")

    phone.route("**/rpc", serve)
    phone.goto(f"{installation.url}/b/{installation.batch}?lang=en")
    assert results(phone)["anchor"] == "fail"
    file = tmp_path / "bundle.json"
    file.write_bytes(installation.bundle())
    with liar(f"{installation.url}/rpc") as rpc:
        said, code = told(installation, file, policy, rpc)
    assert said["anchor"] == "fail"
    assert code == 1


def test_a_farmer_signs_in_sees_the_fields_and_records_a_harvest(installation: Installation, phone: Page) -> None:
    phone.goto(installation.sign_in())
    phone.click("form button")
    phone.wait_for_url("**/farm/**")
    phone.goto(f"{installation.url}/farm/demo?lang=en")
    assert "North field" in phone.inner_text("main")
    assert "Demo" in phone.inner_text("body")
    phone.goto(f"{installation.url}/farm/demo/fields/north?lang=zh")
    phone.wait_for_selector("canvas")
    phone.goto(f"{installation.url}/farm/demo/batches?lang=en")
    assert installation.batch[:4] in phone.inner_text("main")
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_nobody_sees_the_farm_or_writes_without_signing_in(installation: Installation, phone: Page) -> None:
    phone.goto(f"{installation.url}/farm/demo")
    assert "/signin" in phone.url
    for path in ("/api/v1/farms/demo/batches", "/api/v1/farms/demo/telemetry/status", "/api/v1/fsck"):
        answer = phone.request.post(f"{installation.url}{path}", data={})
        assert answer.status in {401, 405}, path
        assert phone.request.get(f"{installation.url}{path}").status in {401, 405}, path


def test_commands_on_a_running_installation_are_answered_by_it(installation: Installation) -> None:
    data = str(installation.data)
    status = cropmark("ingest", "status", "--data", data, "--json")
    assert status.returncode == 0, status.stderr
    said = json.loads(status.stdout)
    assert said["readings_archived"] >= said["readings_stored"] > 0
    for command in (("notices",), ("quarantine", "list")):
        done = cropmark("ingest", *command, "--data", data, "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, [])
    refused = cropmark("ingest", "rebuild", "--data", data)
    assert refused.returncode == 2
    assert "Stop the running Cropmark first" in refused.stderr
    whole = cropmark("fsck", "--data", data, "--json")
    assert (whole.returncode, json.loads(whole.stdout)) == (0, {"findings": []})
