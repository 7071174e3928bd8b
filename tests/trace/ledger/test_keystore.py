"""Signing keys survive a restart, and a key file that others could have read or changed is refused."""

from pathlib import Path

import pytest

from cropmark_ingest.cose import public_bytes
from cropmark_trace.keystore import FileKeys, KeystoreError


@pytest.mark.parametrize("passphrase", [None, "weed", ""])
def test_a_key_is_the_same_after_a_restart(tmp_path: Path, passphrase: str | None) -> None:
    made = FileKeys(tmp_path / "keys", passphrase).make("party-demo.grower")
    found = FileKeys(tmp_path / "keys", passphrase).get("party-demo.grower")
    assert found is not None
    assert public_bytes(found) == public_bytes(made)


def test_a_key_that_was_never_made_is_none(tmp_path: Path) -> None:
    assert FileKeys(tmp_path).get("log") is None


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path)
    first = keys.make("log")
    with pytest.raises(KeystoreError, match="never replaced"):
        keys.make("log")
    again = keys.get("log")
    assert again is not None
    assert public_bytes(again) == public_bytes(first)


def test_what_a_dead_process_left_half_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / ".log.pem.new").write_bytes(b"-----BEGIN")
    FileKeys(tmp_path).make("log")
    assert [path.name for path in tmp_path.iterdir()] == ["log.pem"]


def test_a_file_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    FileKeys(tmp_path).make("log")
    (tmp_path / "log.pem").chmod(0o640)
    with pytest.raises(KeystoreError, match="chmod 600"):
        FileKeys(tmp_path).get("log")


def test_a_link_to_another_file_is_not_followed(tmp_path: Path) -> None:
    FileKeys(tmp_path).make("log")
    (tmp_path / "registrar.pem").symlink_to(tmp_path / "log.pem")
    with pytest.raises(KeystoreError, match="cannot be opened"):
        FileKeys(tmp_path).get("registrar")


def test_with_a_passphrase_the_file_does_not_open_without_it_or_with_another(tmp_path: Path) -> None:
    FileKeys(tmp_path, "weed").make("log")
    assert b"ENCRYPTED" in (tmp_path / "log.pem").read_bytes()
    with pytest.raises(KeystoreError, match="Set CROPMARK_KEY_PASSPHRASE"):
        FileKeys(tmp_path).get("log")
    with pytest.raises(KeystoreError, match="not a private key that opens"):
        FileKeys(tmp_path, "tare").get("log")


def test_a_passphrase_for_a_plain_file_says_so(tmp_path: Path) -> None:
    FileKeys(tmp_path).make("log")
    with pytest.raises(KeystoreError, match="Unset CROPMARK_KEY_PASSPHRASE"):
        FileKeys(tmp_path, "weed").get("log")


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log.pem").write_bytes(content)
    (tmp_path / "log.pem").chmod(0o600)
    with pytest.raises(KeystoreError, match=r"log\.pem"):
        FileKeys(tmp_path).get("log")


@pytest.mark.parametrize("name", ["", "../log", "a/b", "LOG", ".hidden"])
def test_a_name_that_would_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeystoreError, match="not a key's name"):
        FileKeys(tmp_path).get(name)
