"""A Merkle tree that grows on a disk: which stored nodes a root or a proof needs, and how they fold (RFC 9162 §2.1).

Stored are the hashes of *perfect* subtrees only, at ``(level, index)``: the hash over the leaves
``index x 2^level`` up to ``(index + 1) x 2^level``. They never change once written, so any earlier root can be had
again. Pure but for the one port, :class:`Nodes`; every proof takes O(log n) nodes, read in one call.
What the hashes are is ``cropmark_ingest.merkle``'s; the tests hold the two against each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from cropmark_ingest import merkle

Place = tuple[int, int]
"""Level (0 for leaf hashes) and index within the level."""
Range = tuple[int, int]
"""Leaves from the first, included, to the second, not included."""


class Nodes(Protocol):
    """Where the stored hashes are."""

    def nodes(self, places: Sequence[Place]) -> Mapping[Place, bytes]:
        """Return the hash at each of ``places``; those that are not stored are left out."""
        ...


class MissingNodeError(LookupError):
    """A hash that the tree must have is not stored: the log is damaged. Next: ``cropmark fsck``, then a backup."""


def cover(start: int, end: int) -> list[Place]:
    """Return the perfect subtrees, largest first, that make up the leaves ``start`` to ``end``.

    ``start`` must be a multiple of the largest power of two below the length, as it is in every RFC 9162 split.
    """
    places = []
    while start < end:
        level = (end - start).bit_length() - 1
        places.append((level, start >> level))
        start += 1 << level
    return places


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges whose hashes are the audit path of leaf ``index`` in a tree of ``size``, leaf upwards."""
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of a tree of {size}")
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, size: int) -> list[Range]:
    """Return the ranges whose hashes prove that the tree of ``old_size`` is a prefix of that of ``size``."""
    if not 0 < old_size <= size:
        raise IndexError(f"no consistency proof from {old_size} to {size}")
    ranges: list[Range] = []
    start, end = 0, size
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        ranges.append((start, end))
    return ranges[::-1]


def _fold(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return merkle.EMPTY_ROOT
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = merkle.node_hash(left, result)
    return result


def hashes_of(nodes: Nodes, ranges: Sequence[Range]) -> list[bytes]:
    """Return the tree hash over each range of leaves; raise :class:`MissingNodeError` for a damaged tree."""
    covers = [cover(start, end) for start, end in ranges]
    found = nodes.nodes([place for places in covers for place in places])
    try:
        return [_fold([found[place] for place in places]) for places in covers]
    except KeyError as error:
        raise _missing(error.args[0]) from error


def _missing(place: Place) -> MissingNodeError:
    level, index = place
    return MissingNodeError(
        f"the log's node {index} of level {level} is not stored. Run `cropmark fsck`, then restore a backup."
    )


def root(nodes: Nodes, size: int) -> bytes:
    """Return the root of the tree when it had ``size`` leaves."""
    return hashes_of(nodes, [(0, size)])[0]


def inclusion_path(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf ``index`` in the tree of ``size``; raise :class:`IndexError` outside of it."""
    return hashes_of(nodes, inclusion_ranges(index, size))


def consistency_path(nodes: Nodes, old_size: int, size: int) -> list[bytes]:
    """Return the proof that the tree of ``size`` extends that of ``old_size``; raise :class:`IndexError` from 0."""
    return hashes_of(nodes, consistency_ranges(old_size, size))


def grow(edge: Mapping[Place, bytes], size: int, leaf_hashes: Iterable[bytes]) -> dict[Place, bytes]:
    """Return the nodes to store when ``leaf_hashes`` are appended; ``edge`` holds those of ``cover(0, size)``."""
    new: dict[Place, bytes] = {}
    for number, leaf in enumerate(leaf_hashes, start=size):
        level, index, value = 0, number, leaf
        new[level, index] = value
        while index & 1:
            left = (level, index - 1)
            sibling = new.get(left) or edge.get(left)
            if sibling is None:
                raise _missing(left)
            value = merkle.node_hash(sibling, value)
            level, index = level + 1, index >> 1
            new[level, index] = value
    return new


class Rising:
    """The root of a tree while its leaves pass by one at a time, in O(log n) memory."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf_hash: bytes) -> None:
        """Take the next leaf hash."""
        value, number = leaf_hash, self.size
        while number & 1:
            value = merkle.node_hash(self._peaks.pop(), value)
            number >>= 1
        self._peaks.append(value)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over what was added."""
        return _fold(self._peaks)
