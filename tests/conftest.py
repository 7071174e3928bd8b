"""What every test may use: the official vectors, and programs of the system where they are installed."""

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of official vectors, samples and interface descriptions beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no official vectors: {SHARED.name}/ is not beside the checkout")
    return SHARED


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked ``system("program")`` where the program is missing, with the reason; in CI, fail it."""
    for mark in item.iter_markers("system"):
        for program in mark.args:
            if shutil.which(program) is not None:
                continue
            reason = f"{program} is not installed; as root: make test SYSTEM=1"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
