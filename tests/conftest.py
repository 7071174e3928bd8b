"""What every test may use: the official vectors, and programs of the system where they are installed."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cropmark.network import free_port

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


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait for a condition, and say what was waited for when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.01)


def answers(port: int) -> bool:
    """Tell whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def broker() -> Iterator[int]:
    """Run the embedded broker in a process of its own; gives its port."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "cropmark.broker", str(port)]) as process:
        wait_until(lambda: answers(port), "the broker")
        yield port
        process.kill()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[int]:
    """Run Mosquitto; the test must carry ``system("mosquitto")``. Gives its port."""
    port = free_port()
    user = "user root\n" if os.geteuid() == 0 else ""
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"{user}listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 2000\n")
    program = shutil.which("mosquitto")
    assert program is not None, "mark the test with system('mosquitto')"
    with subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: answers(port), "Mosquitto")
        yield port
        process.kill()
