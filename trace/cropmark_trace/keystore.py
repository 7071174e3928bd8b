"""Private signing keys as files: Ed25519, PKCS #8 PEM (RFC 8410), one file a key, readable by the owner only.

With a passphrase the files are encrypted (PBES2, as ``cryptography`` writes it). A key is made once and never
replaced; rotation makes another name. Hardware keys and remote signers would be other adapters.
"""

import os
import re
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

PASSPHRASE_VARIABLE: Final = "CROPMARK_KEY_PASSPHRASE"  # noqa: S105 - the variable's name
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
_PRIVATE: Final = 0o600
_FOLDER: Final = 0o700
_MAX_BYTES: Final = 16_384


class KeystoreError(RuntimeError):
    """A key file that cannot be used; the text names it and says what to do."""


class FileKeys:
    """The keys in ``folder``. ``passphrase`` encrypts new ones and opens old ones; None or empty leaves them plain."""

    def __init__(self, folder: Path, passphrase: str | None = None) -> None:
        self._folder = folder
        self._passphrase = passphrase.encode() if passphrase else None

    def get(self, name: str) -> Ed25519PrivateKey | None:
        """Return the key, or None if there is none; raise :class:`KeystoreError` if its file cannot be trusted."""
        path = self._path(name)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeystoreError(f"{path} cannot be opened: {error.strerror}. Check who owns it.") from error
        with os.fdopen(handle, "rb") as file:
            mode = stat.S_IMODE(os.fstat(handle).st_mode)
            if mode & ~_PRIVATE:
                raise KeystoreError(f"{path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}")
            pem = file.read(_MAX_BYTES)
        return self._read(path, pem)

    def make(self, name: str) -> Ed25519PrivateKey:
        """Draw a key and return it once its file is on the disk; raise :class:`KeystoreError` if the name is taken."""
        path = self._path(name)
        key = Ed25519PrivateKey.generate()
        encryption: KeySerializationEncryption = (
            NoEncryption() if self._passphrase is None else BestAvailableEncryption(self._passphrase)
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        scratch = path.with_name(f".{path.name}.new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER)
            scratch.unlink(missing_ok=True)  # left by a process that died: it was never a key of ours
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            os.link(scratch, path)  # unlike a rename it never replaces a key
            scratch.unlink()
            _sync_folder(self._folder)
        except FileExistsError as error:
            raise KeystoreError(f"{path} exists already; a key is never replaced. Use another name.") from error
        except OSError as error:
            raise KeystoreError(
                f"{path} cannot be written: {error.strerror}. Check the disk and its rights."
            ) from error
        return key

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise KeystoreError(f"{name[:40]!r} is not a key's name: use a-z, 0-9, '.' and '-'")
        return self._folder / f"{name}.pem"

    def _read(self, path: Path, pem: bytes) -> Ed25519PrivateKey:
        try:
            key = load_pem_private_key(pem, self._passphrase)
        except TypeError as error:
            step = f"Unset {PASSPHRASE_VARIABLE}." if self._passphrase else f"Set {PASSPHRASE_VARIABLE}."
            raise KeystoreError(f"{path}: {error}. {step}") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeystoreError(
                f"{path} is not a private key that opens with this passphrase. "
                f"Check {PASSPHRASE_VARIABLE}, or restore the file from a backup."
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeystoreError(f"{path} is not an Ed25519 key. Restore it from a backup.")
        return key


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
