"""One process at a time in a folder: a lock of the kernel's, so that a killed process never leaves it locked.

Opening the archive takes in, or moves aside, what a crash left at the end of its files; done beside a process that is
writing there, it would cut off what that one is about to acknowledge.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from cropmark_ingest.storage import StorageError

_PRIVATE: Final = 0o600


class InUseError(StorageError):
    """Another process is at work in the folder."""


class FolderLock:
    """The hold on a folder, from its making to :meth:`release`. The file holds the process id, for people."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._handle: int | None = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._handle, 20, 0).decode(errors="replace").strip() or "unknown"
            self.release()
            raise InUseError(
                f"{folder} is in use by process {holder}. Ask the running Cropmark, or stop it first."
            ) from error
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give the folder free."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
