"""What can be read from a chain, as plain values, and the port that a read-only JSON-RPC endpoint asks for it.

Pure: no chain library. Digests are 32 bytes, addresses 20, times Unix seconds, amounts of money wei.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class CallFailed(Exception):  # noqa: N818 - says what happened
    """A call without a transaction did not finish: the contract refused, or the gas did not suffice."""

    def __init__(self, reason: str, output: bytes) -> None:
        super().__init__(reason)
        self.output = output


@dataclass(frozen=True, slots=True)
class Block:
    """A mined block: all fields of a Cancun header, so that its hash can be computed anew, and its transactions."""

    number: int
    hash: bytes
    parent_hash: bytes
    uncles_hash: bytes
    miner: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes
    difficulty: int
    gas_limit: int
    gas_used: int
    time: int
    extra_data: bytes
    mix_hash: bytes
    nonce: bytes
    base_fee: int
    withdrawals_root: bytes
    blob_gas_used: int
    excess_blob_gas: int
    parent_beacon_root: bytes
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event of a mined transaction. ``position`` counts the events of the block from 0."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    block_hash: bytes
    transaction: bytes
    transaction_index: int
    position: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a mined transaction did. ``recipient`` is None when it created ``contract``."""

    transaction: bytes
    index: int
    block: int
    block_hash: bytes
    sender: bytes
    recipient: bytes | None
    contract: bytes | None
    gas_used: int
    gas_used_so_far: int
    gas_price: int
    succeeded: bool
    bloom: bytes
    logs: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which events to list: blocks ``first`` to ``last`` (both included), any of ``addresses`` (empty: every one).

    ``topics`` is by position; an empty tuple there takes any topic, else the topic must be one of those given.
    """

    first: int
    last: int
    addresses: tuple[bytes, ...]
    topics: tuple[tuple[bytes, ...], ...]


class ChainReader(Protocol):
    """Read access to one chain. Only mined, durable blocks are seen. Every method may raise ChainUnavailable."""

    @property
    def chain_id(self) -> int:
        """EIP-155 number of the chain."""
        ...

    def head_number(self) -> int:
        """Return the number of the newest block."""
        ...

    def block(self, number: int) -> Block | None:
        """Return the block of that number, or None."""
        ...

    def block_of_hash(self, block_hash: bytes) -> Block | None:
        """Return the block with that hash, or None."""
        ...

    def receipt(self, transaction: bytes) -> Receipt | None:
        """Return the receipt of a mined transaction, or None."""
        ...

    def logs(self, wanted: LogFilter, limit: int) -> Sequence[LogEntry]:
        """Return at most ``limit`` matching events, oldest first."""
        ...

    def code(self, address: bytes, number: int) -> bytes:
        """Return the code at an address after that block: empty where there is no contract."""
        ...

    def call(self, to: bytes, data: bytes, number: int, gas: int) -> bytes:
        """Run a contract's function as of that block with at most ``gas``, changing nothing. Raises CallFailed."""
        ...
