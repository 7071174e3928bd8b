"""The supervisor keeps its children running, and takes them along when it goes."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cropmark import supervise
from cropmark.supervise import ChildFellError, Program, Supervisor

DEADLINE = 20.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited {DEADLINE:.0f} s for {what}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").is_dir() else True


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a module that children can run, and return its name."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(source: str) -> str:
        (tmp_path / "some_child.py").write_text(textwrap.dedent(source))
        return "some_child"

    return write


STAYS = """
    import signal, sys, time
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("up", flush=True)
    while True:
        time.sleep(60)
"""


def test_a_child_killed_with_9_is_started_again(tmp_path: Path, module: Callable[[str], str]) -> None:
    lines: list[str] = []
    failed = threading.Event()
    supervisor = Supervisor(tmp_path / "logs", failed)
    child = supervisor.start(Program("some", module(STAYS), on_line=lines.append))
    try:
        wait_for(lambda: lines == ["up"], "the first start")
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: lines == ["up", "up"], "the second start")
        assert child.pid != first
    finally:
        supervisor.stop()
    assert child.pid is None


def test_a_child_that_falls_again_and_again_ends_the_run_with_its_last_words(
    tmp_path: Path, module: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(supervise, "MAX_PAUSE_SECONDS", 0.001)
    failed = threading.Event()
    supervisor = Supervisor(tmp_path / "logs", failed)
    supervisor.start(Program("some", module("raise SystemExit('the field is flooded')")))
    try:
        assert failed.wait(DEADLINE)
    finally:
        supervisor.stop()
    assert isinstance(supervisor.failure, ChildFellError)
    assert "the field is flooded" in str(supervisor.failure)
    assert "some.log" in str(supervisor.failure)


def test_a_program_that_may_end_is_not_started_again(tmp_path: Path, module: Callable[[str], str]) -> None:
    lines: list[str] = []
    failed = threading.Event()
    supervisor = Supervisor(tmp_path / "logs", failed)
    child = supervisor.start(Program("some", module("print('done')"), on_line=lines.append, may_end=True))
    wait_for(lambda: child.ended, "the end of the child")
    supervisor.stop()
    assert lines == ["done"]


def test_children_end_when_their_supervisor_is_killed_with_9(tmp_path: Path, module: Callable[[str], str]) -> None:
    name = module(STAYS)
    script = f"""
import threading, time
from pathlib import Path
from cropmark.supervise import Program, Supervisor
supervisor = Supervisor(Path({str(tmp_path / "logs")!r}), threading.Event())
child = supervisor.start(Program("some", {name!r}, on_line=lambda line: print(child.pid, flush=True)))
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        child = int(run.stdout.readline())
        assert alive(child)
        run.kill()
        run.wait()
    wait_for(lambda: not alive(child), "the child's end")


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path, module: Callable[[str], str]) -> None:
    deaf = module(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
    )
    lines: list[str] = []
    failed = threading.Event()
    supervisor = Supervisor(tmp_path / "logs", failed)
    child = supervisor.start(Program("some", deaf, on_line=lines.append))
    wait_for(lambda: lines == ["up"], "the start")
    assert child.stop(seconds=0.1) == -signal.SIGKILL
    supervisor.stop()
