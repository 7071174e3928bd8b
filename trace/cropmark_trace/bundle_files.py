"""Issued bundles as files named by their SHA-256: written once, whole and flushed, never changed.

A reader never sees half a file: it is written under another name, flushed, and renamed. Reading checks the digest, so a
changed file is an error and is not served.
"""

import contextlib
import os
import re
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from cropmark_trace.storage import AlteredError, StorageError

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class BundleFiles:
    """The bundles in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        """Return where the bundle with this SHA-256 (hex) is or would be; raise :class:`LookupError` for other text."""
        if _DIGEST.fullmatch(digest) is None:
            raise LookupError("a bundle is named by 64 lower-case hex digits")
        return self._folder / f"{digest}.json"

    def location(self, digest: str) -> str:
        """Return where the bundle is kept, for people."""
        return str(self.path(digest))

    def write(self, data: bytes) -> str:
        """Store a bundle and return its SHA-256 in hex, once it is on the disk; raise :class:`StorageError`."""
        digest = sha256(data).hexdigest()
        path = self.path(digest)
        scratch = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, scratch = tempfile.mkstemp(prefix=".", suffix=".new", dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(scratch).replace(path)
            scratch = None
            _sync_folder(self._folder)
        except OSError as error:
            raise StorageError(
                f"the bundle {path} cannot be written: {error.strerror}. "
                "Check the disk's space and rights, then try again."
            ) from error
        finally:
            if scratch is not None:
                with contextlib.suppress(OSError):
                    Path(scratch).unlink()
        return digest

    def read(self, digest: str) -> bytes:
        """Return a bundle; raise :class:`LookupError` if there is none, :class:`AlteredError` if it was changed."""
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise LookupError(f"no bundle {digest}") from error
        if sha256(data).hexdigest() != digest:
            raise AlteredError(f"the bundle file {path} was changed. Publish its batch again, or restore a backup.")
        return data


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
