"""One demo season, played once for all journeys, and a browser on a phone-sized screen."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from cropmark.network import free_port

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SHORT = {"CROPMARK_DEMO__DAYS": "12", "CROPMARK_DEMO__SECONDS": "6"}


@dataclass(frozen=True)
class Installation:
    """A running demo."""

    data: Path
    url: str
    batch: str

    def sign_in(self) -> str:
        """Return a fresh one-time link."""
        return cropmark("sign-in", "--data", str(self.data)).stdout.strip()

    def bundle(self) -> bytes:
        """Return the newest bundle's bytes."""
        (file,) = (self.data / "trace" / "bundles").glob("*.json")
        return file.read_bytes()


def cropmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "cropmark", *arguments], capture_output=True, text=True, check=False, timeout=180
    )


def play(data: Path, port: int) -> tuple[subprocess.Popen[str], list[str]]:
    """Start the demo and wait until it has said all that it says."""
    run = subprocess.Popen(
        [sys.executable, "-m", "cropmark", "up", "--demo", "--data", str(data), "--port", str(port)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **SHORT},
    )
    assert run.stderr is not None
    said = []
    for line in run.stderr:
        said.append(line)
        if "Press Ctrl-C" in line:
            break
    return run, said


def end(run: subprocess.Popen[str]) -> None:
    """Press Ctrl-C and wait."""
    assert run.stderr is not None
    with run.stderr:
        run.send_signal(signal.SIGINT)
        last = run.stderr.read()
        assert run.wait(60) == 0, last


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A demo that runs."""
    data = tmp_path_factory.mktemp("journey") / "data"
    port = free_port()
    run, said = play(data, port)
    found = re.search(r"/b/([A-Z2-7]{20})", "".join(said))
    assert found is not None, "".join(said)
    yield Installation(data, f"http://127.0.0.1:{port}", found[1])
    end(run)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The one Playwright of all journeys: two cannot run in one process."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium."""
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(QUIET))
    yield browser
    browser.close()


@pytest.fixture
def policy(installation: Installation, tmp_path: Path) -> Path:
    """The installation's policy as a file, for ``cropmark verify``."""
    import urllib.request  # noqa: PLC0415

    file = tmp_path / "policy.json"
    with urllib.request.urlopen(f"{installation.url}/policy.json") as answer:
        file.write_bytes(answer.read())
    assert json.loads(file.read_bytes())["origin"]
    return file
