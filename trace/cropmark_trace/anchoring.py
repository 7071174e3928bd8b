"""Anchoring: the log's newest checkpoint is put on a chain, and what the chain answered is remembered.

Declares the port to a chain. A chain that is down holds up nothing: there is no anchor then, and a later call makes
one. Waiting for finality and noticing a reorg are the adapter's.
"""

import contextlib
from typing import Protocol

from cropmark_trace.policy import PinnedChain
from cropmark_trace.record import NotBefore
from cropmark_trace.storage import AlteredError, AnchorFact, Head, Store


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

    def anchor(self, head: Head) -> AnchorFact | None:
        """Anchor ``head`` and return the fact once it is remembered; None when the chain cannot be had now.

        Raise :class:`AlteredError` if the chain holds another root for this size: one log has two histories then.
        """
        if self._anchors is None or head.size == 0:
            return None
        try:
            held = self._anchors.root_at(head.size)
            if held is not None and held != head.root:
                raise AlteredError(
                    f"the chain holds root {held.hex()} for size {head.size}, this log has {head.root.hex()}"
                )
            known = [fact for fact in self._store.anchors() if fact.size == head.size and self._is_there(fact)]
            if held is not None and known:
                return known[0]
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
        """Return what a record written now shows to be newer than: the largest anchored checkpoint and its block.

        A block that the chain no longer has is passed over; while the chain is silent, what is remembered counts.
        """
        facts = sorted(self._store.anchors(), key=lambda fact: (fact.size, fact.block), reverse=True)
        try:
            newest = next((fact for fact in facts if self._is_there(fact)), None)
        except AnchorError:
            newest = next(iter(facts), None)
        if newest is None:
            return None
        return NotBefore(newest.size, newest.root, newest.chain, newest.block, newest.block_hash)

    def _is_there(self, fact: AnchorFact) -> bool:
        now = self._anchors
        return (
            now is not None
            and (fact.chain, fact.contract) == (now.chain_id, now.contract)
            and now.block_hash(fact.block) == fact.block_hash
        )
