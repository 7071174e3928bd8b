"""The command line on a stopped installation, and its refusal while one runs."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cropmark_ingest.cli import app
from cropmark_ingest.notices import Kind, Note
from cropmark_ingest.service import Files
from tests.ingest.conftest import NOW
from tests.ingest.samples import FARM, Chain, headed


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with three archived segments, one notice, one quarantined payload and an empty store."""
    with Files(tmp_path / "ingest", lambda: NOW) as files:
        files.archive.append(headed(Chain().season(3)))
        files.notices.note(Note(Kind.CHAIN_GAP, FARM, "gw-1/9", "segment 8 has not arrived"))
        files.quarantine.keep("cropmark/v1/demo/gw-1/segment", "bad-segment", "not a segment", b"poison\x00\xff")
    return tmp_path


def run(data: Path, *words: str) -> Result:
    result: Any = CliRunner().invoke(app, [*words, "--data", str(data)])
    return result  # type: ignore[no-any-return]  # typer's own copy of the class


def told(data: Path, *words: str) -> Any:
    result = run(data, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_rebuild_fills_the_store_and_status_counts(data: Path) -> None:
    before = told(data, "status")
    assert (before["segments"], before["readings_archived"], before["readings_stored"]) == (3, 12, 0)
    assert before["segments_behind"] == 3
    assert told(data, "rebuild") == {"readings_stored": 12}
    assert "12 readings" in run(data, "rebuild").stdout
    after = told(data, "status")
    assert (after["readings_stored"], after["segments_behind"], after["quarantined"], after["notices"]) == (12, 0, 1, 1)
    assert "readings_stored" in run(data, "status").stdout


def test_notices_are_listed(data: Path) -> None:
    (notice,) = told(data, "notices")
    assert (notice["kind"], notice["farm"], notice["subject"], notice["count"]) == ("chain-gap", FARM, "gw-1/9", 1)
    assert "segment 8 has not arrived" in run(data, "notices").stdout


def test_quarantine_is_listed_shown_and_released(data: Path) -> None:
    (entry,) = told(data, "quarantine", "list")
    assert (entry["reason"], entry["bytes"]) == ("bad-segment", 8)
    number = str(entry["number"])
    shown = told(data, "quarantine", "show", number)
    assert base64.b64decode(shown["data"]) == b"poison\x00\xff"
    assert "70 6f 69 73 6f 6e 00 ff" in run(data, "quarantine", "show", number).stdout
    assert "poison.." in run(data, "quarantine", "show", number).stdout
    assert told(data, "quarantine", "release", number) == {"released": int(number)}
    assert told(data, "quarantine", "list") == []
    for word in ("show", "release"):
        gone = run(data, "quarantine", word, number)
        assert gone.exit_code == 2
        assert "quarantine list" in gone.stderr


def test_a_folder_in_use_is_refused_and_left_alone(data: Path) -> None:
    with Files(data / "ingest", lambda: NOW) as files:
        for words in (["status"], ["notices"], ["rebuild"], ["quarantine", "list"]):
            refused = run(data, *words)
            assert refused.exit_code == 2
            assert f"in use by process {os.getpid()}" in refused.stderr
            assert refused.stdout == ""
        assert files.archive.counts() == (3, 12)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused = run(tmp_path / "nowhere", "status")
    assert refused.exit_code == 2
    assert "--data" in refused.stderr
    assert not (tmp_path / "nowhere").exists()


def test_every_command_has_help_and_json() -> None:
    for words in (["rebuild"], ["status"], ["notices"], ["quarantine", "list"], ["quarantine", "show"]):
        help_text = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout
        assert "--json" in help_text
        assert "--data" in help_text
