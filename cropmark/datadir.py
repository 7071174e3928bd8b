"""The data folder of one installation: where each part keeps its files, and who is using it.

One process at a time runs on a data folder; the lock is the kernel's, so a killed process never leaves it locked.
"""

import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_PRIVATE: Final = 0o600


class InUseError(RuntimeError):
    """Another process is running on this data folder."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a running installation tells other commands: its process id and where its API answers."""

    pid: int
    url: str


@dataclass(frozen=True, slots=True)
class DataDir:
    """Paths inside one data folder."""

    root: Path

    @property
    def clock(self) -> Path:
        """Return the farm's clock, shared by devices, gateway and core."""
        return self.root / "clock.json"

    @property
    def logs(self) -> Path:
        """Return the folder of the children's logs."""
        return self.root / "logs"

    @property
    def keys(self) -> Path:
        """Return the folder of signing keys."""
        return self.root / "keys"

    @property
    def devices(self) -> Path:
        """Return the simulated devices' folder."""
        return self.root / "devices"

    @property
    def gateway(self) -> Path:
        """Return the gateway's folder: key, spool, configuration."""
        return self.root / "gateway"

    @property
    def ingest(self) -> Path:
        """Return ingest's folder: archive, registry, store, quarantine."""
        return self.root / "ingest"

    @property
    def trace(self) -> Path:
        """Return the folder of records, log and bundles."""
        return self.root / "trace"

    @property
    def chain(self) -> Path:
        """Return the embedded chain's file."""
        return self.root / "chain" / "chain.sqlite"

    @property
    def web(self) -> Path:
        """Return the database of sign-ins."""
        return self.root / "web" / "signin.sqlite"

    @property
    def _lock(self) -> Path:
        return self.root / "lock"

    @property
    def _running(self) -> Path:
        return self.root / "running.json"

    @property
    def _token(self) -> Path:
        return self.root / "api-token"

    def lock(self) -> "Lock":
        """Take the folder for this process; raise :class:`InUseError` if another one has it."""
        self.root.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT, _PRIVATE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise InUseError(
                f"{self.root} is in use by a running Cropmark. Stop it first (Ctrl-C where it runs), "
                "or name another folder with --data."
            ) from error
        return Lock(handle)

    def say_running(self, running: Running | None) -> None:
        """Write down, or forget, where the running installation answers."""
        if running is None:
            self._running.unlink(missing_ok=True)
        else:
            write_whole(self._running, json.dumps({"pid": running.pid, "url": running.url}))

    def running(self) -> Running | None:
        """Return where the running installation answers, or None when the folder is free."""
        if not self._lock.exists():
            return None
        try:
            self.lock().release()
        except InUseError:
            try:
                data = json.loads(self._running.read_text())
                return Running(int(data["pid"]), str(data["url"]))
            except (OSError, ValueError, KeyError) as error:
                raise InUseError(f"{self.root} is being started or stopped; try again in a moment") from error
        return None

    def api_token(self) -> str:
        """Return the token with which commands on this machine call the API; made at first use, for its owner only."""
        if not self._token.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            write_whole(self._token, secrets.token_urlsafe(32))
        return self._token.read_text().strip()


class Lock:
    """The hold on a data folder."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def release(self) -> None:
        """Give the folder free. The kernel does it too when the process ends."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def write_whole(path: Path, text: str) -> None:
    """Replace a small private file so that a reader sees the old one or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    with os.fdopen(handle, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    scratch.replace(path)
