"""One process at a time runs on a data folder, and other commands find out where it answers."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cropmark.datadir import DataDir, InUseError, Running


def test_a_folder_in_use_is_refused_with_what_to_do(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    with data.lock(), pytest.raises(InUseError, match="Stop it first"):
        data.lock()
    data.lock().release()


def test_the_lock_goes_with_a_killed_process(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    script = f"""
from pathlib import Path
from cropmark.datadir import DataDir
lock = DataDir(Path({str(data.root)!r})).lock()
print("locked", flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(InUseError):
            data.lock()
        holder.kill()
        holder.wait()
    data.lock().release()


def test_other_commands_learn_where_a_running_installation_answers(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    assert data.running() is None
    with data.lock():
        with pytest.raises(InUseError, match="being started"):
            data.running()
        data.say_running(Running(42, "http://127.0.0.1:8420"))
        assert data.running() == Running(42, "http://127.0.0.1:8420")
    assert data.running() is None


def test_the_api_token_stays_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    token = data.api_token()
    assert len(token) >= 40
    assert data.api_token() == token
    (file,) = [path for path in data.root.iterdir() if path.is_file()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
