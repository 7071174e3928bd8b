"""Merkle trees against the official vectors, and against the definition in RFC 6962 §2.1 written once more."""

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cropmark_ingest import merkle

# Its dummy roots have 12 bytes; hashes of another length than 32 are refused here (vectors/README.md).
ODD_CASE = "sizes-are-equal-one-and-proof-is-empty.json"


def vectors(shared: Path, kind: str) -> list[tuple[Path, dict[str, Any]]]:
    files = sorted((shared / "vectors/merkle-rfc6962/testdata" / kind).rglob("*.json"))
    return [(file, json.loads(file.read_text())) for file in files]


def decoded(case: dict[str, Any]) -> list[bytes]:
    return [b64decode(item) for item in case["proof"] or ()]


def test_inclusion_proofs_agree_with_the_official_vectors(shared: Path) -> None:
    found = vectors(shared, "inclusion")
    assert len(found) == 98
    for file, case in found:
        verdict = merkle.verify_inclusion(
            b64decode(case["leafHash"]), case["leafIdx"], case["treeSize"], decoded(case), b64decode(case["root"])
        )
        assert verdict is not case["wantErr"], file.name


def test_consistency_proofs_agree_with_the_official_vectors_but_one(shared: Path) -> None:
    found = vectors(shared, "consistency")
    assert len(found) == 98
    differing = []
    for file, case in found:
        verdict = merkle.verify_consistency(
            case["size1"], case["size2"], decoded(case), b64decode(case["root1"]), b64decode(case["root2"])
        )
        # An empty old tree proves nothing; the vectors let it pass where the proof is empty.
        if verdict is case["wantErr"]:
            differing.append((file.name, case["size1"], len(b64decode(case["root1"]))))
    assert [row for row in differing if row[0] != ODD_CASE and row[1] != 0] == []
    assert ODD_CASE in {row[0] for row in differing}


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@given(st.lists(st.binary(max_size=8), max_size=40))
def test_the_root_is_the_definitions(leaves: list[bytes]) -> None:
    assert merkle.root(merkle.leaf_hashes(leaves)) == by_definition(leaves)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.data())
def test_every_leaf_is_proved_and_no_other_place_is(size: int, data: st.DataObject) -> None:
    hashes = merkle.leaf_hashes([bytes([number]) for number in range(size)])
    top = merkle.root(hashes)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(hashes, index)
    places = [at for at in range(size + 2) if merkle.verify_inclusion(hashes[index], at, size, path, top)]
    assert places == [index]
    assert not merkle.verify_inclusion(hashes[index], index, size, [*path, bytes(32)], top)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.data())
def test_a_longer_tree_is_proved_to_extend_a_shorter_one(size: int, data: st.DataObject) -> None:
    hashes = merkle.leaf_hashes([bytes([number]) for number in range(size)])
    old = data.draw(st.integers(1, size))
    path = merkle.consistency_path(hashes, old)
    roots = merkle.root(hashes[:old]), merkle.root(hashes)
    assert merkle.verify_consistency(old, size, path, *roots)
    if old != size:
        assert not merkle.verify_consistency(old, size, path, roots[1], roots[0])
        assert not merkle.verify_consistency(old, size, path[:-1], *roots)


def test_outside_the_tree_there_is_no_proof() -> None:
    hashes = merkle.leaf_hashes([b"a", b"b"])
    for index in (-1, 2):
        with pytest.raises(IndexError):
            merkle.inclusion_path(hashes, index)
    for old in (0, 3):
        with pytest.raises(IndexError):
            merkle.consistency_path(hashes, old)
    assert not merkle.verify_consistency(0, 2, [], merkle.EMPTY_ROOT, merkle.root(hashes))


def test_hashes_of_another_length_are_refused() -> None:
    hashes = merkle.leaf_hashes([b"a", b"b"])
    top = merkle.root(hashes)
    assert not merkle.verify_inclusion(hashes[0], 0, 2, [hashes[1] + b"\0"], top)
    assert not merkle.verify_inclusion(hashes[0][:31], 0, 1, [], hashes[0][:31])
