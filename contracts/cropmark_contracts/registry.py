"""The port to an anchor registry: what a chain must promise, whoever runs it, and the values that cross the line.

Pure: this module knows no chain library. Sizes and roots are an RFC 6962 log's; what the log holds is not known here.
"""

from dataclasses import dataclass
from typing import Protocol

DIGEST_LENGTH = 32
LARGEST_SIZE = 2**64 - 1


class ChainUnavailable(Exception):  # noqa: N818 - says what happened
    """The chain cannot be asked or written now. Nothing was anchored; the same call may be made again later."""


class AnchorConflict(Exception):  # noqa: N818 - the same
    """The chain already holds another root for this size: one of the two logs is not ours, or the log was rewritten."""


class AnchorRejected(Exception):  # noqa: N818 - the same
    """The contract, or the check before it, refuses this anchor for ever: sending it again cannot help."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """One root that the chain holds.

    ``contract`` is ``0x`` and 40 lower-case hex digits; ``log_id``, ``root``, ``block_hash`` and ``transaction`` are 32
    bytes; ``time`` is the block's, Unix seconds.
    """

    chain_id: int
    contract: str
    log_id: bytes
    size: int
    root: bytes
    block: int
    block_hash: bytes
    transaction: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block: its number, its 32-byte hash and its time in Unix seconds."""

    block: int
    block_hash: bytes
    time: int


class AnchorRegistry(Protocol):
    """A deployed AnchorRegistry contract on some chain. Every method may be called from any thread."""

    @property
    def chain_id(self) -> int:
        """EIP-155 number of the chain."""
        ...

    @property
    def contract(self) -> str:
        """Address of the contract: ``0x`` and 40 lower-case hex digits."""
        ...

    @property
    def operator_run(self) -> bool:
        """True for a chain that the log's operator runs: it proves nothing to others."""
        ...

    def anchor(self, log_id: bytes, size: int, root: bytes) -> Anchored:
        """Put a root on the chain and wait until it is there.

        Durable: once this returns, the block with the anchor survives a kill or a loss of power. Calling again with
        the same three values gives the stored anchor and sends nothing.

        Raises AnchorConflict when the size has another root, AnchorRejected when the contract refuses (the size does
        not grow, zero size or root, not a publisher), ChainUnavailable when it cannot be told whether it was written.
        """
        ...

    def root_of(self, log_id: bytes, size: int) -> bytes | None:
        """Ask the contract, at the newest block: the root of that size, or None. Raises ChainUnavailable."""
        ...

    def latest(self, log_id: bytes) -> Anchored | None:
        """Return the log's anchor of greatest size, or None. Only what is durable is told. Raises ChainUnavailable."""
        ...

    def find(self, log_id: bytes, size: int) -> Anchored | None:
        """Return the log's anchor of this very size, or None. Only what is durable is told. Raises ChainUnavailable."""
        ...

    def head(self) -> Head:
        """Return the newest block. It is durable: a restart never shows an older one. Raises ChainUnavailable."""
        ...


def check_anchor(log_id: bytes, size: int, root: bytes) -> None:
    """Refuse what no contract would take: raises AnchorRejected with the reason."""
    if len(log_id) != DIGEST_LENGTH:
        raise AnchorRejected(f"a log id has {DIGEST_LENGTH} bytes, not {len(log_id)}")
    if len(root) != DIGEST_LENGTH or not any(root):
        raise AnchorRejected(f"a root has {DIGEST_LENGTH} bytes that are not all zero; an empty log is not anchored")
    if not 0 < size <= LARGEST_SIZE:
        raise AnchorRejected(f"size {size} cannot be anchored: sizes are 1 to 2^64 - 1")
