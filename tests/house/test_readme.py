"""What the README and the docs promise is there."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSES = ("contracts", "cropmark", "dashboards", "firmware_sim", "gateway", "ingest", "trace")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / house / "README.md" for house in HOUSES),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_command_in_the_table_exists() -> None:
    wanted = re.findall(r"^\| `cropmark ([a-z-]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {"up", "verify", "fsck"} <= set(wanted)
    helped = subprocess.run([sys.executable, "-m", "cropmark", "--help"], capture_output=True, text=True, check=True)
    for command in wanted:
        assert re.search(rf"\b{command}\b", helped.stdout), command
        done = subprocess.run(
            [sys.executable, "-m", "cropmark", command, "--help"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, command


@pytest.mark.parametrize("target", ["run", "test", "check", "fix", "bench", "lock", "web", "contract"])
def test_every_make_target_that_is_named_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_settings_shown_are_the_defaults() -> None:
    from cropmark.settings import Settings  # noqa: PLC0415

    shown = re.search(r"```toml\n(.*?)```", (ROOT / "docs" / "operating.md").read_text(), re.DOTALL)
    assert shown is not None
    said = tomllib.loads(shown[1])
    defaults = Settings().model_dump()
    assert said == {name: defaults[name] for name in said}


def test_the_lock_names_no_address_and_pins_every_package() -> None:
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert "://" not in line
        assert re.match(r"^[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==[^ ]+( ;.*)?$", line, re.IGNORECASE), line


def test_the_light_commands_load_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['cropmark', 'verify', '--help']\n"
        "from cropmark.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'web3', 'eth', 'duckdb', 'fastapi', 'sqlalchemy', 'numpy', 'paho'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_path_of_one_machine_stands_in_a_tracked_file() -> None:
    paths = r"/wor[k]/|/farm/in[c]/|/tmp/bash_job[s]"
    done = subprocess.run(["git", "grep", "-nE", paths], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_the_gateways_example_configuration_can_be_used() -> None:
    from cropmark_gateway import config  # noqa: PLC0415

    assert config.load(ROOT / "gateway" / "gateway.example.toml").seal_readings == 4096
