"""The growing tree gives what the plain one gives, from stored nodes and few of them."""

from collections.abc import Mapping, Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cropmark_ingest import merkle
from cropmark_trace import tree
from cropmark_trace.tree import MissingNodeError, Place, Rising


class Kept:
    """Nodes in a dictionary, counting what is read."""

    def __init__(self) -> None:
        self.kept: dict[Place, bytes] = {}
        self.reads = 0

    def nodes(self, places: Sequence[Place]) -> Mapping[Place, bytes]:
        self.reads += len(places)
        return {place: self.kept[place] for place in places if place in self.kept}

    def grow(self, size: int, hashes: Sequence[bytes]) -> None:
        new = tree.grow(self.nodes(tree.cover(0, size)), size, hashes)
        assert not new.keys() & self.kept.keys(), "a node is written once"
        self.kept.update(new)


def leaves(count: int) -> list[bytes]:
    return merkle.leaf_hashes(number.to_bytes(4, "big") for number in range(count))


@cache
def grown(count: int) -> Kept:
    kept = Kept()
    kept.grow(0, leaves(count))
    return kept


@settings(deadline=None)
@given(st.lists(st.integers(0, 25), max_size=6))
def test_it_grows_in_batches_of_any_size_to_the_same_roots(batches: list[int]) -> None:
    all_leaves = leaves(sum(batches))
    kept, size = Kept(), 0
    for count in batches:
        kept.grow(size, all_leaves[size : size + count])
        size += count
    for earlier in range(size + 1):
        assert tree.root(kept, earlier) == merkle.root(all_leaves[:earlier])


@settings(deadline=None)
@given(st.integers(1, 300).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_an_inclusion_path_is_the_plain_trees(case: tuple[int, int]) -> None:
    size, index = case
    all_leaves = leaves(300)
    path = tree.inclusion_path(grown(300), index, size)
    assert path == merkle.inclusion_path(all_leaves[:size], index)
    assert merkle.verify_inclusion(all_leaves[index], index, size, path, merkle.root(all_leaves[:size]))


@settings(deadline=None)
@given(st.integers(1, 300).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size))))
def test_a_consistency_path_is_the_plain_trees(case: tuple[int, int]) -> None:
    size, old = case
    all_leaves = leaves(300)
    path = tree.consistency_path(grown(300), old, size)
    assert path == merkle.consistency_path(all_leaves[:size], old)
    assert merkle.verify_consistency(old, size, path, merkle.root(all_leaves[:old]), merkle.root(all_leaves[:size]))


def test_paths_read_few_nodes() -> None:
    kept = grown(10_000)
    kept.reads = 0
    tree.inclusion_path(kept, 137, 9_999)
    tree.consistency_path(kept, 5_001, 9_999)
    assert kept.reads <= 4 * 14


@settings(deadline=None)
@given(st.integers(0, 300))
def test_the_rising_root_is_the_plain_trees(size: int) -> None:
    rising = Rising()
    for leaf in leaves(size):
        rising.add(leaf)
    assert rising.root() == merkle.root(leaves(size))


def test_a_lost_node_is_an_error_that_names_it() -> None:
    kept = Kept()
    kept.grow(0, leaves(8))
    del kept.kept[2, 0]
    with pytest.raises(MissingNodeError, match="node 0 of level 2"):
        tree.inclusion_path(kept, 6, 8)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_there_is_no_path_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(IndexError):
        tree.inclusion_path(grown(3), index, size)


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3)])
def test_there_is_no_consistency_from_nothing_or_from_later(old: int, size: int) -> None:
    with pytest.raises(IndexError):
        tree.consistency_path(grown(3), old, size)
