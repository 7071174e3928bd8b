"""Merkle tree hashes and proofs of RFC 6962 §2.1 and RFC 9162 §2.1, with SHA-256.

Pure functions over lists of leaf hashes. Trees that live on disk and grow keep their own nodes (``cropmark_trace``);
they are checked against these. Verifiers refuse hashes that are not 32 bytes and consistency from an empty tree.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """Return the leaf hash of each of ``leaves``."""
    return [sha256(b"\x00" + data).digest() for data in leaves]


def _level_up(level: list[bytes]) -> list[bytes]:
    parents = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    if len(level) % 2:
        parents.append(level[-1])
    return parents


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the tree's root over ``hashes`` (leaf hashes, in order)."""
    level = list(hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        level = _level_up(level)
    return level[0]


def inclusion_path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path for leaf ``index``, from the leaf upwards; raise :class:`IndexError` outside the tree."""
    if not 0 <= index < len(hashes):
        raise IndexError(f"leaf {index} of a tree of {len(hashes)}")
    path = []
    level = list(hashes)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _level_up(level)
        index >>= 1
    return path


def consistency_path(hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the RFC 6962 §2.1.2 proof that the first ``old_size`` of ``hashes`` are a prefix of them all."""
    if not 0 < old_size <= len(hashes):
        raise IndexError(f"no consistency proof from {old_size} to {len(hashes)}")
    return _subproof(hashes, old_size, whole=True)


def _subproof(hashes: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    size = len(hashes)
    if old_size == size:
        return [] if whole else [root(hashes)]
    split = 1 << ((size - 1).bit_length() - 1)
    if old_size <= split:
        return [*_subproof(hashes[:split], old_size, whole=whole), root(hashes[split:])]
    return [*_subproof(hashes[split:], old_size - split, whole=False), root(hashes[:split])]


def _all_hashes(*groups: Sequence[bytes]) -> bool:
    return all(len(value) == 32 for group in groups for value in group)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Tell whether leaf hash ``leaf`` is number ``index`` of ``size`` under ``expected_root`` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size or not _all_hashes(path, (leaf, expected_root)):
        return False
    position, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and result == expected_root


def verify_consistency(old_size: int, new_size: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Tell whether the tree under ``new_root`` extends the one under ``old_root`` (RFC 9162 §2.1.4.2)."""
    if not 0 < old_size <= new_size or not _all_hashes(path, (old_root, new_root)):
        return False
    if old_size == new_size:
        return not path and old_root == new_root
    proof = list(path)
    if old_size & (old_size - 1) == 0:
        proof.insert(0, old_root)
    if not proof:
        return False
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and old == old_root and new == new_root
