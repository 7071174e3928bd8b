"""The shopper's phone judges as ``cropmark verify`` does, and the page loads what is built from its sources."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.trace import corpus

WEB = Path(__file__).resolve().parents[3] / "trace" / "web"
STATIC = WEB.parent / "cropmark_trace" / "static"

pytestmark = pytest.mark.system("node", "npm")


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    """Skip with the reason where the packages are not installed; in CI that is a failure."""
    if not (WEB / "node_modules").is_dir():
        reason = "trace/web/node_modules is missing; run: sh scripts/web-packages.sh"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def node(*arguments: str) -> Any:
    done = subprocess.run(["node", *arguments], cwd=WEB, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    corpus.write(folder, corpus.every())
    return folder


@pytest.mark.parametrize("path", ["native", "bundled"])
def test_the_phone_gives_the_expected_verdict_on_every_bundle(cases: Path, path: str) -> None:
    verdicts = node("verify-cases.mjs", str(cases), path)
    assert len(verdicts) > 150
    for name, verdict in verdicts.items():
        expected = json.loads((cases / name / "expected.json").read_text())
        assert bool(verdict.get("unusable")) == expected["unusable"], name
        said = [(check["name"], check["result"], check["code"]) for check in verdict.get("checks", ())]
        wanted = [(check["name"], check["result"], check["code"]) for check in expected.get("checks") or ()]
        assert said == wanted, name


def test_both_ways_of_checking_a_signature_agree_with_the_official_vectors(shared: Path) -> None:
    said = node("verify-vectors.mjs", str(shared / "vectors" / "wycheproof" / "ed25519_test.json"))
    assert said["tests"] >= 151
    assert said["differ"] == []


def test_building_again_gives_the_committed_bytes(tmp_path: Path) -> None:
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=WEB, check=True, timeout=300)
    built = sorted(file.name for file in tmp_path.iterdir())
    assert built == ["page.js", "verify.js"]
    for name in built:
        assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes(), f"{name}: run `make web` and commit"


@pytest.mark.parametrize("folder", ["trace/web", "dashboards/web"])
def test_lock_files_name_no_registry(folder: str) -> None:
    text = (WEB.parents[1] / folder / "package-lock.json").read_text()
    assert "resolved" not in text
    assert "://" not in "".join(line for line in text.splitlines() if '"url"' not in line)
