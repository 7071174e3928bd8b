"""The paths and bodies of C2SP tlog-tiles: which stored nodes and leaves a tile or an entry bundle holds.

Pure. A tile is 256 hashes wide and stands for 8 levels of the tree; a partial one is told from the same nodes, so
tiles are not stored a second time. Pruning, compression and caching are not this module's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cropmark_trace.tree import Place

WIDTH: Final = 256
MAX_LEVEL: Final = 63
MAX_ENTRY_BYTES: Final = 0xFFFF
_PATH: Final = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_LEVEL: Final = re.compile(r"0|[1-9][0-9]?")


class NoSuchTileError(LookupError):
    """A path that is no tile's, or a tile that this tree does not have (yet)."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Tile ``number`` of ``level``, the first ``width`` hashes of it."""

    level: int
    number: int
    width: int

    def places(self) -> list[Place]:
        """Return where its hashes are stored."""
        first = self.number * WIDTH
        return [(self.level * 8, index) for index in range(first, first + self.width)]

    def needs(self) -> int:
        """Return the least size of a tree that has all of it."""
        return (self.number * WIDTH + self.width) << (8 * self.level)


def number_path(number: int) -> str:
    """Return tile number ``number`` as the path has it: ``x001/x234/067``."""
    digits = f"{number:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])


def parse(level: str, path: str) -> Tile:
    """Read ``/tile/{level}/{path}``; raise :class:`NoSuchTileError` unless it is spelt as the standard has it.

    ``level`` is ``entries`` for entry bundles, which read as level 0.
    """
    match = _PATH.fullmatch(path)
    plain = "0" if level == "entries" else level
    if match is None or _LEVEL.fullmatch(plain) is None or int(plain) > MAX_LEVEL:
        raise NoSuchTileError("not the path of a tile: expected /tile/LEVEL/NUMBER or /tile/LEVEL/NUMBER.p/WIDTH")
    number = int(match[1].replace("x", "").replace("/", ""))
    width = int(match[2]) if match[2] else WIDTH
    if number_path(number) != match[1] or width > (WIDTH - 1 if match[2] else WIDTH):
        raise NoSuchTileError("not the path of a tile: a number or width is written in another way than the standard's")
    return Tile(int(plain), number, width)


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the body of an entry bundle: each entry behind its length as a big-endian u16."""
    out = bytearray()
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise ValueError(f"an entry of {len(entry)} bytes is more than the {MAX_ENTRY_BYTES} of a bundle")
        out += len(entry).to_bytes(2, "big") + entry
    return bytes(out)
