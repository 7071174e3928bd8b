"""The chart library that is committed is the package's own build."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cropmark_dashboards import assets

WEB = Path(__file__).resolve().parents[2] / "dashboards" / "web"


def test_the_committed_chart_library_is_the_packages(tmp_path: Path) -> None:
    if shutil.which("node") is None or not (WEB / "node_modules" / "uplot").is_dir():
        reason = f"Node or {WEB.name}/node_modules is missing; run: cd dashboards/web && npm ci"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=WEB, check=True)
    built = sorted(tmp_path.iterdir())
    assert [file.name for file in built] == ["uplot.css", "uplot.js"]
    for file in built:
        assert file.read_bytes() == (assets.FOLDER / file.name).read_bytes(), f"{file.name}: run npm run build"


def test_the_chart_library_carries_its_licence() -> None:
    for name in ("uplot.js", "uplot.css"):
        text = (assets.FOLDER / name).read_text()
        assert text.startswith("/*!\nThe MIT License (MIT)")
        assert "Leon Sorokin" in text
