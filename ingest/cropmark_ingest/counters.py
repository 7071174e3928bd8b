"""Sets of counters as inclusive ranges: what a gateway holds, what ingest has stored (docs/formats.md §2)."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Counters:
    """A growing set of non-negative integers, kept as sorted, disjoint, inclusive ranges."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for first, last in ranges:
            self.add_range(first, last)

    def __contains__(self, counter: int) -> bool:
        at = bisect_right(self._starts, counter) - 1
        return at >= 0 and counter <= self._ends[at]

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counters) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return f"Counters({list(self)})"

    @property
    def highest(self) -> int:
        """Return the highest counter in the set, or -1."""
        return self._ends[-1] if self._ends else -1

    def add(self, counter: int) -> bool:
        """Add one counter and tell whether it was new."""
        if counter in self:
            return False
        self.add_range(counter, counter)
        return True

    def add_range(self, first: int, last: int) -> None:
        """Add ``first`` to ``last``, both included; raise :class:`ValueError` for an empty or negative range."""
        if not 0 <= first <= last:
            raise ValueError(f"{first}..{last} is not a range of counters")
        if not self._ends or first > self._ends[-1] + 1:
            self._starts.append(first)
            self._ends.append(last)
            return
        left = bisect_right(self._ends, first - 2)
        right = bisect_right(self._starts, last + 1)
        if left < right:
            first = min(first, self._starts[left])
            last = max(last, self._ends[right - 1])
        self._starts[left:right] = [first]
        self._ends[left:right] = [last]

    def gaps(self) -> list[tuple[int, int]]:
        """Return the ranges that are missing below :attr:`highest`, from 0 on."""
        missing = []
        expected = 0
        for first, last in self:
            if first > expected:
                missing.append((expected, first - 1))
            expected = last + 1
        return missing
