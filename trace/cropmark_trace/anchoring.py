"""Anchoring: the log's newest checkpoint is put on a chain, and what the chain answered is remembered.

Declares the port to a chain. A chain that is down holds up nothing: there is no anchor then, and a later call makes
one. Waiting for finality and noticing a reorg are the adapter's.
"""

import contextlib
from typing import Protocol

from cropmark_trace.policy import PinnedChain
from cropmark_trace.record import NotBefore
from cropmark_trace.storage import AnchorFact, Head, Store


class AnchorError(RuntimeError):
    """The chain could not be asked, or refused; the text says why."""


class Anchors(Protocol):
    """A contract on a chain that keeps one root for each size of one log. Every method may raise AnchorError."""

    @property
    def operator_run(self) -> bool:
        """Tell whether who runs the log runs the chain too."""
        ...

    @property
    def chain_id(self) -> int:
        """Return the chain's id (EIP-155)."""
        ...

    @property
    def contract(self) -> str:
        """Return the contract's address, 0x and 40 lower-case hex digits."""
        ...

    @property
    def log_id(self) -> str:
        """Return the log's id in the contract, 0x and 64 lower-case hex digits."""
        ...

    def anchor(self, size: int, root: bytes) -> AnchorFact:
        """Anchor ``root`` at ``size`` and return once it is final; for one that is anchored, return where it is."""
        ...

    def head(self) -> tuple[int, str, int]:
        """Return the newest block: number, hash (0x-hex), time in Unix seconds."""
        ...

    def root_at(self, size: int) -> bytes | None:
        """Return the root that the chain holds for ``size``, or None."""
        ...

    def block_hash(self, block: int) -> str | None:
        """Return the hash (0x-hex) of a block, or None if the chain does not have it."""
        ...


class Anchoring:
    """Anchors checkpoints of ``store`` through ``anchors``; None stands for an installation without a chain."""

    def __init__(self, store: Store, anchors: Anchors | None) -> None:
        self._store = store
        self._anchors = anchors

    def newest(self) -> AnchorFact | None:
        """Return the anchor of the largest checkpoint so far."""
        return max(self._store.anchors(), key=lambda fact: fact.size, default=None)

    def anchor(self, head: Head) -> AnchorFact | None:
        """Anchor ``head`` and return the fact once it is remembered; None when the chain cannot be had now."""
        if self._anchors is None or head.size == 0:
            return None
        try:
            if self._anchors.root_at(head.size) == head.root:
                for known in self._store.anchors():
                    if known.size == head.size and self._anchors.block_hash(known.block) == known.block_hash:
                        return known
            fact = self._anchors.anchor(head.size, head.root)
        except AnchorError:
            return None
        self._store.remember_anchor(fact)
        return fact

    def pinned(self) -> list[PinnedChain]:
        """Return every contract that holds anchors of this log, and the one that new ones go to."""
        pins = [PinnedChain(fact.chain, fact.contract, fact.log_id, fact.operator) for fact in self._store.anchors()]
        if self._anchors is not None:
            with contextlib.suppress(AnchorError):
                now = self._anchors
                pins.append(PinnedChain(now.chain_id, now.contract, now.log_id, now.operator_run))
        return list(dict.fromkeys(pins))

    def not_before(self) -> NotBefore | None:
        """Return what a record written now shows to be newer than: the largest anchored checkpoint and its block."""
        fact = self.newest()
        return None if fact is None else NotBefore(fact.size, fact.root, fact.chain, fact.block, fact.block_hash)
