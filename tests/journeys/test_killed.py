"""Every part is killed with -9 in the middle of the season, and in the end every reading is there, once."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import duckdb
import pytest

from cropmark.network import free_port
from tests.conftest import wait_until

pytestmark = pytest.mark.journey

DAYS = 20
SECONDS = 16


def children(parent: int) -> dict[str, int]:
    """Return the supervisor's children by the module they run."""
    lines = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in lines.splitlines():
        pid, ppid, arguments = line.split(maxsplit=2)
        if int(ppid) == parent and "cropmark.child" in arguments:
            found[arguments.split("cropmark.child ")[1].split()[0]] = int(pid)
    return found


def readings(data: Path) -> int:
    """Return how many readings the devices have taken so far."""
    command = [sys.executable, "-m", "cropmark_firmware", "stats", "--state", str(data / "devices"), "--json"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(json.loads(said.stdout)["readings"]) if said.returncode == 0 else 0


def has_readings(data: Path, wanted: int) -> bool:
    return readings(data) >= wanted


def has_restarted(parent: int, module: str, killed: int) -> bool:
    return children(parent).get(module, killed) != killed


def test_each_part_killed_in_mid_season_loses_and_doubles_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {**os.environ, "CROPMARK_DEMO__DAYS": str(DAYS), "CROPMARK_DEMO__SECONDS": str(SECONDS)}
    command = [
        sys.executable, "-m", "cropmark", "up", "--demo", "--once", "--json", "--data", str(data),
        "--port", str(free_port()),
    ]  # fmt: skip
    whole = DAYS * 24 * 60
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        try:
            for number, module in enumerate(
                ("cropmark_gateway", "cropmark.core", "cropmark.broker", "cropmark_firmware"), start=1
            ):
                wanted = whole * number // 6
                has_taken = partial(has_readings, data, wanted)
                wait_until(has_taken, f"{wanted} readings", 120)
                running = children(run.pid)
                os.kill(running[module], signal.SIGKILL)
                is_back = partial(has_restarted, run.pid, module, running[module])
                wait_until(is_back, f"{module} to be started again")
            out, _ = run.communicate(timeout=240)
        finally:
            run.kill()
    assert run.returncode == 0, out
    outcome = json.loads(out)
    assert outcome["readings_sent"] == outcome["readings_stored"] >= whole
    with duckdb.connect(str(data / "ingest" / "telemetry.duckdb"), read_only=True) as store:
        row = store.execute(
            "SELECT count(*), count(DISTINCT (device, session, counter, index)) FROM reading"
        ).fetchone()
    assert row == (outcome["readings_sent"], outcome["readings_sent"])


def test_a_second_run_goes_on_with_the_same_batch(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {**os.environ, "CROPMARK_DEMO__DAYS": "3", "CROPMARK_DEMO__SECONDS": "2"}
    port = str(free_port())
    command = [sys.executable, "-m", "cropmark", "up", "--demo", "--data", str(data), "--port", port]
    once = subprocess.run(
        [*command, "--once", "--json"], capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    assert once.returncode == 0, once.stderr
    batch = json.loads(once.stdout)["batch"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stderr is not None
        said = []
        for line in run.stderr:
            said.append(line)
            if "Press Ctrl-C" in line:
                break
        begun = time.monotonic()
        run.send_signal(signal.SIGINT)
        run.stderr.read()
        assert run.wait(30) == 0
    assert time.monotonic() - begun < 20
    assert f"/b/{batch}" in "".join(said)
    assert not any("Recorded" in line for line in said), "what was recorded is not recorded again"
    fsck = subprocess.run(
        [sys.executable, "-m", "cropmark", "fsck", "--data", str(data), "--json"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert fsck.returncode == 0, fsck.stdout
