"""Data altered behind Cropmark's back: fsck names it, and no new bundle is issued from it."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from cropmark.api_client import Api
from cropmark.calls import ApiError
from cropmark.datadir import DataDir
from cropmark.network import free_port
from tests.journeys.conftest import cropmark, end, play

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished demo's data folder, stopped."""
    data = tmp_path_factory.mktemp("altered") / "data"
    run, _ = play(data, free_port())
    end(run)
    assert cropmark("fsck", "--data", str(data)).returncode == 0
    return data


def copied(season: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(season, tmp_path / "data"))


def named_and_not_issued(data: Path, words: str) -> None:
    done = cropmark("fsck", "--data", str(data), "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    assert words in done.stdout
    port = free_port()
    run, _ = play(data, port)
    try:
        api = Api(f"http://127.0.0.1:{port}", DataDir(data).api_token())
        batch = api.get("/api/v1/farms/demo/batches")["batches"][0]["batch"]
        with pytest.raises(ApiError):
            api.post(f"/api/v1/farms/demo/batches/{batch}/publish", {})
    finally:
        end(run)


def test_a_record_changed_in_the_database(season: Path, tmp_path: Path) -> None:
    data = copied(season, tmp_path)
    with sqlite3.connect(data / "trace" / "records.sqlite") as database:
        number, record = database.execute("SELECT number, data FROM record WHERE step = 'harvest'").fetchone()
        changed = record.replace(b"North field", b"Nprth field", 1)
        assert changed != record
        database.execute("UPDATE record SET data = ? WHERE number = ?", (changed, number))
    database.close()
    named_and_not_issued(data, "record")


def test_a_reading_changed_in_the_archive(season: Path, tmp_path: Path) -> None:
    data = copied(season, tmp_path)
    (file,) = (data / "ingest" / "archive" / "demo" / "gw-1").glob("*.seg")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    named_and_not_issued(data, file.name)


def test_a_season_tells_all_that_it_should_in_one_json_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROPMARK_DEMO__DAYS", "3")
    monkeypatch.setenv("CROPMARK_DEMO__SECONDS", "2")
    done = cropmark("up", "--demo", "--once", "--json", "--data", str(tmp_path / "data"), "--port", str(free_port()))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said) == {
        "url", "batch", "bundle", "readings_sent", "readings_stored", "segments", "anchor", "verdict", "checks",
        "seconds",
    }  # fmt: skip
    assert said["readings_sent"] == said["readings_stored"] > 0
    assert said["verdict"] == "warn"
    assert said["anchor"]["transaction"].startswith("0x")
    assert said["anchor"]["block"] >= 1
    assert Path(said["bundle"]).is_file()
    assert {check["name"] for check in said["checks"] if check["result"] == "pass"} == {
        "schema", "signatures", "keys", "chain", "log",
    }  # fmt: skip
