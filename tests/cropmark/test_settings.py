"""Settings come from the file and the environment, and a mistake is named."""

from pathlib import Path

import pytest

from cropmark import settings
from cropmark.settings import SettingsError


def test_defaults_need_no_file(tmp_path: Path) -> None:
    assert settings.load(tmp_path).web.port == 8420


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cropmark.toml").write_text("[web]\nport = 9001\nlan = true\n")
    assert settings.load(tmp_path).web == settings.Web(port=9001, lan=True)
    monkeypatch.setenv("CROPMARK_WEB__PORT", "9002")
    assert settings.load(tmp_path).web == settings.Web(port=9002, lan=True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[web]\nprt = 1\n", "web.prt"),
        ("[web]\nport = 0\n", "web.port"),
        ("[demo]\nseconds = -1\n", "demo.seconds"),
        ("[web\n", "not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "cropmark.toml").write_text(text)
    with pytest.raises(SettingsError, match=named):
        settings.load(tmp_path)
