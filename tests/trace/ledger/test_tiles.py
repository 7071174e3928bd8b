"""Tiles are laid out as C2SP tlog-tiles has them, shown on the official sample log."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cropmark_ingest import merkle
from cropmark_trace import tiles, tree
from cropmark_trace.tiles import NoSuchTileError, Tile


@settings(deadline=None)
@given(st.integers(0, 10**12), st.integers(1, 256), st.integers(0, 63))
def test_a_path_reads_back(number: int, width: int, level: int) -> None:
    path = tiles.number_path(number) + ("" if width == 256 else f".p/{width}")
    assert tiles.parse(str(level), path) == Tile(level, number, width)


def test_the_standards_own_example_is_spelt_alike() -> None:
    assert tiles.number_path(1_234_067) == "x001/x234/067"


@pytest.mark.parametrize(
    ("level", "path"),
    [
        ("0", "0"), ("0", "0000"), ("0", "x000/001"), ("0", "001.p/0"), ("0", "001.p/256"), ("0", "001.p/01"),
        ("0", "001.p/999"), ("64", "000"), ("00", "000"), ("-1", "000"), ("0", "../000"), ("0", "x001/x234/x067"),
        ("0", "001/234"), ("entry", "000"), ("0", "٠٠٠"), ("0", "000\n"),
    ],
)  # fmt: skip
def test_any_other_spelling_is_no_tile(level: str, path: str) -> None:
    with pytest.raises(NoSuchTileError):
        tiles.parse(level, path)


def test_the_official_sample_log_has_the_same_tiles_bundles_and_roots(shared: Path) -> None:
    folder = shared / "vectors" / "tlog-tiles-tessera"
    entries = [entry.encode() for entry in json.loads((folder / "keys.json").read_text())["entries_in_order"]]
    log = folder / "testdata" / "log"
    kept = tree.grow({}, 0, merkle.leaf_hashes(entries))

    class Kept:
        def nodes(self, places: Sequence[tree.Place]) -> Mapping[tree.Place, bytes]:
            return {place: kept[place] for place in places if place in kept}

    seen = 0
    for width in range(1, len(entries) + 1):
        tile = tiles.parse("0", f"000.p/{width}")
        hashes = Kept().nodes(tile.places())
        assert b"".join(hashes.values()) == (log / "tile" / "0" / "000.p" / str(width)).read_bytes()
        bundle = (log / "tile" / "entries" / "000.p" / str(width)).read_bytes()
        assert tiles.entry_bundle(entries[:width]) == bundle
        _, size, root = (log / f"checkpoint.{width}").read_text().splitlines()[:3]
        assert base64.b64encode(tree.root(Kept(), int(size))).decode() == root
        seen += 1
    assert seen == 15


def test_a_tile_of_level_one_holds_the_roots_of_full_tiles() -> None:
    leaves = merkle.leaf_hashes(number.to_bytes(2, "big") for number in range(600))
    kept = tree.grow({}, 0, leaves)
    tile = tiles.parse("1", "000.p/2")
    assert tile.needs() == 512
    assert [kept[place] for place in tile.places()] == [merkle.root(leaves[:256]), merkle.root(leaves[256:512])]


def test_an_entry_too_long_for_its_length_is_refused() -> None:
    with pytest.raises(ValueError, match="65536 bytes"):
        tiles.entry_bundle([bytes(65_536)])
