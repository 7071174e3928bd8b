"""An Ethereum chain in this process: py-evm (the engine of eth-tester) under Cancun rules, kept in one SQLite file.

It imports py-evm, which takes more than a second: import this module inside the function that needs it. Only this
process can send transactions. There is no money on the chain: the base fee stays zero, so no account needs funds.
A block's time is the clock's; where two blocks fall into one second, the later one is dated a second ahead.
"""

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import time
from typing import Any, ClassVar, cast

from eth.abc import BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI, VirtualMachineAPI
from eth.chains.base import MiningChain
from eth.constants import CREATE_CONTRACT_ADDRESS, ZERO_ADDRESS
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.exceptions import HeaderNotFound, PyEVMError, TransactionNotFound
from eth.vm.forks.cancun import CancunVM
from eth.vm.forks.cancun.receipts import CancunReceiptBuilder
from eth.vm.forks.cancun.transactions import CancunTransactionBuilder
from eth.vm.spoof import SpoofTransaction
from eth_keys.datatypes import PrivateKey
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException  # type: ignore[import-untyped] # ships no types

from cropmark_contracts.abi import revert_reason
from cropmark_contracts.chain_file import ChainFile
from cropmark_contracts.chain_reader import Block, CallFailed, LogEntry, LogFilter, Receipt
from cropmark_contracts.chain_view import block_view, logs_view, matches, may_hold, receipts_view
from cropmark_contracts.registry import ChainUnavailable

# The number that eth-tester's chains have. No public chain uses it.
CHAIN_ID = 131277322940537
RECURSION_LIMIT = 1000
# py-evm raises the interpreter's recursion limit so far that a deeply nested JSON text, from anybody, overflows the
# stack and ends the process. The one contract that runs here calls nothing, so the usual limit is enough.
sys.setrecursionlimit(RECURSION_LIMIT)
BLOCK_GAS_LIMIT = 30_000_000
TRANSACTION_GAS = 2_000_000


@dataclass(frozen=True, slots=True)
class Transaction:
    """What to mine: the sender's 32-byte secp256k1 key, the recipient (None deploys ``data``), and the calldata."""

    key: bytes
    to: bytes | None
    data: bytes


class _Entries(BaseDB):
    """py-evm's view of the file's entries."""

    def __init__(self, file: ChainFile) -> None:
        self._file = file

    def __getitem__(self, key: bytes) -> bytes:
        value = self._file.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._file.put(key, value)

    def __delitem__(self, key: bytes) -> None:
        if not self._file.remove(key):
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._file.get(key) is not None


class _Chain(MiningChain):
    """Cancun from the first block on, a constant gas limit, and time from a given clock."""

    chain_id = CHAIN_ID
    vm_configuration = ((BlockNumber(0), CancunVM),)
    clock: ClassVar[Callable[[], float]] = staticmethod(time)

    def create_header_from_parent(self, parent_header: BlockHeaderAPI, **header_params: Any) -> BlockHeaderAPI:  # noqa: ANN401 - py-evm's
        """Return the header of the next block."""
        moment = max(parent_header.timestamp + 1, int(type(self).clock()))
        fixed = {"gas_limit": parent_header.gas_limit, "timestamp": moment}
        return super().create_header_from_parent(parent_header, **{**header_params, **fixed})


def address_of(key: bytes) -> bytes:
    """Return the 20-byte address of a secp256k1 key."""
    return PrivateKey(key).public_key.to_canonical_address()


class EmbeddedChain:
    """One chain. Every method may be called from any thread; they wait for each other. It is a ``ChainReader``."""

    def __init__(self, file: ChainFile, clock: Callable[[], float]) -> None:
        """Open the chain in ``file``, or begin one there; ``clock`` gives Unix seconds."""
        self._file = file
        self._lock = threading.RLock()
        self._class: type[_Chain] = _Chain.configure(clock=staticmethod(clock))
        with self.reading():
            if file.fact("genesis") is None:
                with file.writing():
                    self._chain = self._begin(int(clock()))
                    file.set_fact("genesis", self._chain.get_canonical_block_hash(BlockNumber(0)))
            else:
                self._chain = self._load()

    @property
    def chain_id(self) -> int:
        """EIP-155 number of the chain."""
        return CHAIN_ID

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make the blocks mined inside and all else written to the file durable together at the end, or undo all."""
        with self.reading():
            try:
                with self._file.writing():
                    yield
            except BaseException:
                # py-evm remembers blocks that have just vanished: begin again from what the file holds.
                self._chain = self._load()
                raise

    def mine(self, transactions: Sequence[Transaction]) -> tuple[Receipt, ...]:
        """Mine one block of these transactions, inside ``writing``. Raises CallFailed when one of them fails."""
        with self.reading():
            parent = self._chain.get_canonical_head()
            signed = self._signed(parent, transactions)
            result, _, computations = self._chain.mine_all(signed, parent_header=parent)
            for computation in computations:
                if computation.is_error:
                    raise CallFailed(revert_reason(computation.output), computation.output)
            return self._receipts(result.imported_block.header)

    def head_number(self) -> int:
        """Return the number of the newest block."""
        with self.reading():
            return self._chain.get_canonical_head().block_number

    def block(self, number: int) -> Block | None:
        """Return the block of that number, or None."""
        with self.reading():
            header = self._header(number)
            return None if header is None else block_view(*self._view(header))

    def block_of_hash(self, block_hash: bytes) -> Block | None:
        """Return the block with that hash, or None."""
        with self.reading():
            try:
                return block_view(*self._view(self._chain.get_block_header_by_hash(Hash32(block_hash))))
            except HeaderNotFound:
                return None

    def receipt(self, transaction: bytes) -> Receipt | None:
        """Return the receipt of a mined transaction, or None."""
        with self.reading():
            try:
                number, index = self._chain.get_canonical_transaction_index(Hash32(transaction))
            except TransactionNotFound:
                return None
            return self._receipts(self._chain.get_canonical_block_header_by_number(number))[index]

    def logs(self, wanted: LogFilter, limit: int) -> tuple[LogEntry, ...]:
        """Return at most ``limit`` matching events, oldest first. Blocks are skipped by their bloom filter."""
        found: list[LogEntry] = []
        with self.reading():
            for number in range(wanted.first, wanted.last + 1):
                header = self._header(number)
                if header is None:
                    break
                if not may_hold(header, wanted):
                    continue
                for logs in logs_view(*self._view(header), self._stored_receipts(header)):
                    found += [entry for entry in logs if matches(entry, wanted)]
                if len(found) >= limit:
                    break
        return tuple(found[:limit])

    def code(self, address: bytes, number: int) -> bytes:
        """Return the code at an address after that block: empty where there is no contract or no such block."""
        with self.reading():
            header = self._header(number)
            return b"" if header is None else self._vm(header).state.get_code(Address(address))

    def call(self, to: bytes, data: bytes, number: int, gas: int) -> bytes:
        """Run a contract's function as of that block with at most ``gas``, changing nothing. Raises CallFailed."""
        with self.reading():
            header = self._header(number)
            if header is None:
                raise CallFailed(f"there is no block {number}", b"")
            vm = self._vm(header)
            unsigned = vm.create_unsigned_transaction(nonce=0, gas_price=0, gas=gas, to=Address(to), value=0, data=data)
            call = cast("SignedTransactionAPI", SpoofTransaction(unsigned, from_=ZERO_ADDRESS))
            if unsigned.intrinsic_gas > gas:
                raise CallFailed(f"the call needs more than {gas} gas", b"")
            with vm.in_costless_state() as state:
                computation = state.costless_execute_transaction(call)
            if computation.is_error:
                raise CallFailed(revert_reason(computation.output), computation.output)
            return computation.output

    def damage(self) -> tuple[str, ...]:
        """Check every stored block, trie node and code against its digest, then every block's link to the one before.

        Returns one sentence per fault, none for a sound chain. Reads the whole file. Links are followed only if all
        digests are right.
        """
        with self.reading():
            faults = tuple(
                f"the entry {key.hex()} of the chain file was changed"
                for key, value in self._file.entries()
                # Nodes, headers and code lie under their digest; the other keys are longer and name what they lead to.
                if len(key) == 32 and keccak(value) != key
            )
            return faults or tuple(self._broken_links())

    def _broken_links(self) -> Iterator[str]:
        expected = self._file.fact("genesis")
        for number in range(self._chain.get_canonical_head().block_number + 1):
            header = self._header(number)
            if header is None:
                yield f"block {number} is missing"
                return
            if (header.parent_hash if number else header.hash) != expected:
                yield f"block {number} does not follow the block before it"
            expected = header.hash

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep other threads out, and turn any trouble with the file or the chain in it into ChainUnavailable."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, PyEVMError, ValidationError, RLPException, LookupError) as error:
                raise ChainUnavailable(
                    f"the embedded chain in {self._file.path} cannot go on ({type(error).__name__}: {error}); check "
                    "its disk's free space and restart; if that does not help restore the file from a backup"
                ) from error

    def _begin(self, now: int) -> _Chain:
        genesis: dict[str, int | BlockNumber | bytes | Address | Hash32 | None] = {
            "difficulty": 0,
            "gas_limit": BLOCK_GAS_LIMIT,
            "timestamp": now - 1,
            "base_fee_per_gas": 0,
        }
        chain = self._class.from_genesis(AtomicDB(_Entries(self._file)), genesis)
        assert isinstance(chain, _Chain)
        return chain

    def _load(self) -> _Chain:
        return self._class(AtomicDB(_Entries(self._file)))

    def _vm(self, header: BlockHeaderAPI) -> VirtualMachineAPI:
        return self._chain.get_vm(header)

    def _header(self, number: int) -> BlockHeaderAPI | None:
        try:
            return self._chain.get_canonical_block_header_by_number(BlockNumber(number))
        except HeaderNotFound:
            return None

    def _signed(self, parent: BlockHeaderAPI, transactions: Sequence[Transaction]) -> list[SignedTransactionAPI]:
        state = self._vm(parent).state
        nonces: dict[bytes, int] = {}
        signed: list[SignedTransactionAPI] = []
        for transaction in transactions:
            sender = address_of(transaction.key)
            nonce = nonces.setdefault(sender, state.get_nonce(Address(sender)))
            nonces[sender] = nonce + 1
            unsigned = CancunTransactionBuilder.new_unsigned_dynamic_fee_transaction(
                chain_id=CHAIN_ID,
                nonce=nonce,
                max_priority_fee_per_gas=0,
                max_fee_per_gas=0,
                gas=TRANSACTION_GAS,
                to=CREATE_CONTRACT_ADDRESS if transaction.to is None else Address(transaction.to),
                value=0,
                data=transaction.data,
                access_list=(),
            )
            signed.append(unsigned.as_signed_transaction(PrivateKey(transaction.key)))
        return signed

    def _view(self, header: BlockHeaderAPI) -> tuple[BlockHeaderAPI, Sequence[SignedTransactionAPI]]:
        return header, self._chain.chaindb.get_block_transactions(header, CancunTransactionBuilder)

    def _receipts(self, header: BlockHeaderAPI) -> tuple[Receipt, ...]:
        return receipts_view(*self._view(header), self._stored_receipts(header))

    def _stored_receipts(self, header: BlockHeaderAPI) -> tuple[ReceiptAPI, ...]:
        return self._chain.chaindb.get_receipts(header, CancunReceiptBuilder)
