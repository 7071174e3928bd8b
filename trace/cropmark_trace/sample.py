"""Which raw readings a bundle must show: chosen by the record's id, so not by who builds the bundle (§8)."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

DOMAIN: Final = b"cropmark/sample/v1\n"
PER_GATEWAY: Final = 8

Choice = tuple[int, int, int]
"""Number of the tree, ``seq`` of the segment, index of the reading in it."""


def segments(record_id: bytes, sizes: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (tree, ``seq``, number to take modulo the segment's count) for each draw; ``sizes`` are the trees'."""
    draws = []
    for tree, size in enumerate(sizes):
        for number in range(PER_GATEWAY):
            digest = sha256(DOMAIN + record_id + bytes((tree, number))).digest()
            draws.append((tree, int.from_bytes(digest[:8], "big") % size, int.from_bytes(digest[8:16], "big")))
    return draws


def choices(record_id: bytes, trees: Sequence[int], count_of: Callable[[int, int], int]) -> list[Choice]:
    """Return the readings to show, each once, in the order drawn.

    ``record_id`` has 32 bytes, ``trees`` are the sizes of the cited header trees, ``count_of(tree, seq)`` tells how
    many readings a segment has; one without any is left out.
    """
    chosen: dict[Choice, None] = {}
    for tree, seq, number in segments(record_id, trees):
        count = count_of(tree, seq)
        if count:
            chosen[tree, seq, number % count] = None
    return list(chosen)
