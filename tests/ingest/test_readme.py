"""The component's page says what the code does."""

import re
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from cropmark_ingest.cli import app
from cropmark_ingest.metric import table
from cropmark_ingest.notices import Kind

README = Path(__file__).resolve().parents[2] / "ingest" / "README.md"
PACKAGE = README.parent / "cropmark_ingest"
TEXT = README.read_text()


def test_the_table_of_metrics_is_the_catalogues() -> None:
    shown = TEXT.partition("<!-- metrics -->\n")[2].partition("<!-- /metrics -->")[0]
    assert shown == table()


def test_the_command_that_makes_the_table_prints_it() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "cropmark_ingest.metric"], capture_output=True, text=True, check=True
    ).stdout
    assert printed == table()


def test_every_notice_and_every_quarantine_reason_is_explained() -> None:
    for kind in Kind:
        assert f"| `{kind.value}` |" in TEXT, kind
    source = (PACKAGE / "receive.py").read_text()
    reasons = set(re.findall(r'_UntrustedError\(\s*"([a-z-]+)"', source))
    assert len(reasons) >= 6
    for reason in reasons:
        assert f"| `{reason}` |" in TEXT, reason


def test_every_finding_of_the_audit_is_explained() -> None:
    kinds = set(re.findall(r'Finding\(\s*"([a-z-]+)"', (PACKAGE / "audit.py").read_text()))
    assert len(kinds) >= 8
    for kind in kinds:
        assert f"| `{kind}` |" in TEXT, kind


def test_every_command_is_named() -> None:
    listed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout
    for command in ("rebuild", "status", "notices", "quarantine"):
        assert command in listed
        assert f"cropmark ingest {command}" in TEXT


def test_every_module_stands_on_a_floor() -> None:
    for module in PACKAGE.glob("*.py"):
        if module.stem != "__init__":
            assert f"`{module.stem}`" in TEXT, module.stem
