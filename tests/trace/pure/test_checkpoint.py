"""Checkpoints and notes are C2SP's: their vectors verify, and a forged line spoils the note."""

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cropmark_ingest import merkle
from cropmark_trace import checkpoint
from cropmark_trace.checkpoint import COSIGNATURE, Checkpoint, NoteError, VkeyError
from tests.trace.world import key

POINT = Checkpoint("log.example/a", 12, sha256(b"root").digest())


def _vector(shared: Path, name: str) -> Any:
    return json.loads((shared / "vectors" / "signed-note" / name).read_bytes())


def _public(name: str) -> bytes:
    return key(name).public_key().public_bytes_raw()


NOTE = checkpoint.sign(POINT, POINT.origin, key("log"))
VKEY = checkpoint.vkey(POINT.origin, _public("log"))


def test_the_specifications_example_verifies(shared: Path) -> None:
    example = _vector(shared, "c2sp_example.json")
    opened = checkpoint.open_note(example["note"], [example["vkey"]])
    assert opened.text == "This is an example message.\n"
    assert str(opened.signed[0]) == example["vkey"]


def test_real_checkpoints_of_the_go_checksum_database_verify(shared: Path) -> None:
    real = _vector(shared, "sumdb_real_checkpoints.json")
    for item in real["checkpoints"]:
        opened = checkpoint.open_note(item["note"], [real["vkey"]])
        assert checkpoint.parse_text(opened.text).origin == "go.sum database tree"


def test_verifier_keys_are_judged_as_the_official_cases_say(shared: Path) -> None:
    for item in _vector(shared, "vkeys_and_cosig_timestamps.json")["vkeys"]:
        if item["valid"]:
            assert str(checkpoint.parse_vkey(item["vkey"])) == item["vkey"]
        else:
            with pytest.raises(VkeyError):
                checkpoint.parse_vkey(item["vkey"])


def test_cosignatures_by_published_keys_verify_and_tell_their_time(shared: Path) -> None:
    cosigned = _vector(shared, "cosigned_checkpoint_generated.json")
    witnesses = {item["vkey_0x04"]: item["unix"] for item in cosigned["witnesses"]}
    opened = checkpoint.open_note(cosigned["cosigned_checkpoint"], witnesses)
    assert {str(found): time for found, time in opened.cosigned} == witnesses


def test_all_checkpoints_of_a_tiled_log_verify_and_match_its_tiles(shared: Path) -> None:
    folder = shared / "vectors" / "tlog-tiles-tessera"
    keys = json.loads((folder / "keys.json").read_bytes())
    log = folder / "testdata" / "log"
    for size in range(16):
        note = (log / f"checkpoint.{size}").read_text(encoding="utf-8")
        said = checkpoint.parse_text(checkpoint.open_note(note, [keys["vkey"]]).text)
        tile = (log / "tile" / "0" / f"000.p/{size}").read_bytes() if size else b""
        hashes = [tile[at : at + 32] for at in range(0, len(tile), 32)]
        assert said == Checkpoint(keys["origin"], size, merkle.root(hashes))


def test_what_is_signed_is_read_back() -> None:
    assert checkpoint.parse_text(checkpoint.open_note(NOTE, [VKEY]).text) == POINT


def test_the_empty_logs_size_is_zero() -> None:
    empty = Checkpoint("log.example/a", 0, merkle.EMPTY_ROOT)
    assert checkpoint.parse_text(empty.text()) == empty


@pytest.mark.parametrize(
    ("note", "defect"),
    [
        ("", "malformed"),
        (POINT.text(), "malformed"),
        (POINT.text() + "\n", "malformed"),
        (NOTE[:-1], "malformed"),
        (NOTE + "\n", "malformed"),
        (NOTE + "not a line\n", "malformed"),
        (NOTE.replace("\n", "\r\n"), "malformed"),
        (NOTE + "\u2014 a AAAA\n", "malformed"),
        (NOTE + "\u2014 a AAAAA\n", "malformed"),
        (POINT.text() + "\n" + NOTE.splitlines()[-1].replace("log.example/a", "log") + "\n", "not-signed"),
        (NOTE.replace("\n12\n", "\n13\n"), "forged"),
        (NOTE + "\u2014 x AAAAAAA=\n" * 64, "malformed"),
        ("x" * 20_000 + NOTE, "malformed"),
    ],
)
def test_a_note_that_cannot_be_believed_says_why(note: str, defect: str) -> None:
    with pytest.raises(NoteError) as caught:
        checkpoint.open_note(note, [VKEY])
    assert caught.value.defect == defect


def test_lines_of_unknown_keys_are_passed_over_and_known_ones_are_not() -> None:
    stranger = checkpoint.cosign(NOTE, "witness.example", key("w"), time=1)
    assert checkpoint.open_note(stranger, [VKEY]).cosigned == ()
    witness = checkpoint.vkey("witness.example", _public("w"), kind=COSIGNATURE)
    assert checkpoint.open_note(stranger, [VKEY, witness]).cosigned[0][1] == 1
    line = stranger.splitlines()[-1]
    forged = stranger.replace(line, line[:-4] + "AAA=")
    assert checkpoint.open_note(forged, [VKEY]).signed
    with pytest.raises(NoteError, match="does not verify"):
        checkpoint.open_note(forged, [VKEY, witness])


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "a\n01\n{}\n",
        "a\n-1\n{}\n",
        "\n1\n{}\n",
        "a\n1\n{}\nextension\n",
        "a\n1\nAAAA\n",
        "a\n1\n{}",
        "a\n1\n!\n",
    ],
)
def test_other_texts_are_no_checkpoints(text: str) -> None:
    root = POINT.text().splitlines()[2]
    assert len(b64decode(root)) == 32
    with pytest.raises(NoteError):
        checkpoint.parse_text(text.format(root))


@pytest.mark.parametrize("name", ["", "two words", "plus+sign", "tab\tbed"])
def test_a_key_name_has_no_spaces_and_no_plus(name: str) -> None:
    with pytest.raises(VkeyError):
        checkpoint.vkey(name, _public("log"))
