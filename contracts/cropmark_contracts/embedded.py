"""An AnchorRegistry on the embedded chain: the default of ``make run``, needing no node, no network and no money.

``open_embedded`` deploys the contract at first start and finds it again later. The operator runs this chain, so an
anchor on it proves nothing to others (``operator_run``). Only ``open_embedded`` loads py-evm.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cropmark_contracts import abi
from cropmark_contracts.artifact import artifact
from cropmark_contracts.chain_file import AnchorRow, ChainFile
from cropmark_contracts.chain_reader import Block, CallFailed
from cropmark_contracts.registry import (
    DIGEST_LENGTH,
    LARGEST_SIZE,
    AnchorConflict,
    Anchored,
    AnchorRejected,
    ChainUnavailable,
    Head,
    check_anchor,
)

if TYPE_CHECKING:
    from cropmark_contracts.embedded_chain import EmbeddedChain

CALL_GAS = 1_000_000


class EmbeddedRegistry:
    """The contract on the embedded chain, under the port ``AnchorRegistry``; ``chain`` is what JSON-RPC reads."""

    def __init__(self, file: ChainFile, chain: "EmbeddedChain", contract: bytes, key: bytes) -> None:
        self._file = file
        self.chain = chain
        self._contract = contract
        self._key = key

    @property
    def chain_id(self) -> int:
        """EIP-155 number of the chain."""
        return self.chain.chain_id

    @property
    def contract(self) -> str:
        """Address of the contract: ``0x`` and 40 lower-case hex digits."""
        return "0x" + self._contract.hex()

    @property
    def operator_run(self) -> bool:
        """Always true: nobody but this process writes the chain."""
        return True

    def anchor(self, log_id: bytes, size: int, root: bytes) -> Anchored:
        """Mine a block with the anchor; see the port. The block and its index row are durable when this returns."""
        from cropmark_contracts.embedded_chain import Transaction  # noqa: PLC0415 - loads py-evm

        check_anchor(log_id, size, root)
        with self.chain.reading():
            stored = self.find(log_id, size)
            if stored is None:
                latest = self.latest(log_id)
                if latest is not None and size < latest.size:
                    raise AnchorRejected(
                        f"size {size} cannot be anchored: the log was already anchored at {latest.size}"
                    )
            elif stored.root != root:
                raise AnchorConflict(f"size {size} is anchored with root {stored.root.hex()}, not {root.hex()}")
            else:
                return stored
            call = Transaction(self._key, self._contract, abi.anchor_call(log_id, size, root))
            try:
                with self.chain.writing():
                    (receipt,) = self.chain.mine([call])
                    moment = self._newest().time
                    row = (log_id, size, root, receipt.block, receipt.block_hash, receipt.transaction, moment)
                    self._file.add_anchor(row)
            except CallFailed as error:
                raise AnchorRejected(f"the contract refused size {size}: {error}") from error
            return self._stored(row)

    def root_of(self, log_id: bytes, size: int) -> bytes | None:
        """Ask the contract for the root of that size at the newest block; None when it holds none."""
        if len(log_id) != DIGEST_LENGTH or not 0 <= size <= LARGEST_SIZE:
            return None
        return abi.root_of_answer(self._ask(abi.root_of_call(log_id, size)))

    def latest(self, log_id: bytes) -> Anchored | None:
        """Return the log's anchor of greatest size from the index, or None."""
        with self.chain.reading():
            return self._stored_or_none(self._file.latest_anchor(log_id))

    def find(self, log_id: bytes, size: int) -> Anchored | None:
        """Return the log's anchor of exactly this size from the index, or None."""
        if not 0 <= size <= LARGEST_SIZE:
            return None
        with self.chain.reading():
            return self._stored_or_none(self._file.anchor(log_id, size))

    def history(self, log_id: bytes) -> tuple[Anchored, ...]:
        """Return all of the log's anchors from the index, smallest size first."""
        with self.chain.reading():
            return tuple(self._stored(row) for row in self._file.anchors(log_id))

    def head(self) -> Head:
        """Return the newest block."""
        with self.chain.reading():
            newest = self._newest()
            return Head(newest.number, newest.hash, newest.time)

    def allow(self, log_ids: Iterable[bytes]) -> None:
        """Make this installation a publisher of these logs (32-byte ids) where it is none yet. Durable on return."""
        from cropmark_contracts.embedded_chain import Transaction, address_of  # noqa: PLC0415 - loads py-evm

        account = address_of(self._key)
        with self.chain.reading():
            missing = [
                log_id
                for log_id in dict.fromkeys(log_ids)
                if not abi.is_publisher_answer(self._ask(abi.is_publisher_call(log_id, account)))
            ]
            if missing:
                with self.chain.writing():
                    self.chain.mine(
                        [
                            Transaction(self._key, self._contract, abi.add_publisher_call(log_id, account))
                            for log_id in missing
                        ]
                    )

    def damage(self) -> tuple[str, ...]:
        """Check the whole chain file: digests and links of its blocks and state, then the index against the contract.

        Returns one sentence per fault, none for a sound file. For ``cropmark fsck``: it reads everything, and a file
        opened without log ids is read as far as it can be. Raises ChainUnavailable where it cannot go on.
        """
        with self.chain.reading():
            faults = list(self.chain.damage())
            if faults:
                return tuple(faults)
            for row in self._file.anchors():
                log_id, size, root, number, block_hash, transaction, moment = row
                where = f"the anchor of size {size} in the index"
                if self.root_of(log_id, size) != root:
                    faults.append(f"{where} has another root than the contract")
                block = self.chain.block(number)
                if block is None or (block.hash, block.time) != (block_hash, moment):
                    faults.append(f"{where} names a block that the chain does not have")
                elif transaction not in block.transactions:
                    faults.append(f"{where} names a transaction that its block does not have")
        return tuple(faults)

    def close(self) -> None:
        """Close the file; another process may open it then."""
        with self.chain.reading():
            self._file.close()

    def _newest(self) -> Block:
        newest = self.chain.block(self.chain.head_number())
        assert newest is not None
        return newest

    def _ask(self, calldata: bytes) -> bytes:
        with self.chain.reading():
            try:
                return self.chain.call(self._contract, calldata, self.chain.head_number(), CALL_GAS)
            except CallFailed as error:
                raise ChainUnavailable(f"the contract {self.contract} does not answer: {error}") from error

    def _stored(self, row: AnchorRow) -> Anchored:
        log_id, size, root, block, block_hash, transaction, moment = row
        return Anchored(
            self.chain_id, self.contract, log_id, size, root, block, block_hash, transaction=transaction, time=moment
        )

    def _stored_or_none(self, row: AnchorRow | None) -> Anchored | None:
        return None if row is None else self._stored(row)


def open_embedded(
    path: Path,
    *,
    log_ids: Iterable[bytes],
    clock: Callable[[], float] = time.time,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> EmbeddedRegistry:
    """Open the embedded chain in a file, or begin it there, ready to anchor for the logs of these 32-byte ids.

    First start makes a key and deploys the contract; all of that is durable, or nothing is. ``clock`` gives Unix
    seconds, ``entropy`` that many random bytes. Raises ChainUnavailable when the file cannot be opened, is damaged, or
    is open in another process.
    """
    from cropmark_contracts.embedded_chain import EmbeddedChain  # noqa: PLC0415 - loads py-evm

    logs = tuple(dict.fromkeys(log_ids))
    file = ChainFile(path)
    try:
        chain = EmbeddedChain(file, clock)
        with chain.reading():
            contract, key = file.fact("contract"), file.fact("key")
            if contract is None or key is None:
                contract, key = _deploy(file, chain, _new_key(entropy), logs)
        registry = EmbeddedRegistry(file, chain, contract, key)
        registry.allow(logs)
    except BaseException:
        file.close()
        raise
    return registry


def _new_key(entropy: Callable[[int], bytes]) -> bytes:
    while True:
        key = entropy(DIGEST_LENGTH)
        # A secp256k1 key lies between 1 and the order of the group, which begins with sixteen bytes of almost all ones.
        if 0 < int.from_bytes(key, "big") < 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE << 128:
            return key


def _deploy(file: ChainFile, chain: "EmbeddedChain", key: bytes, log_ids: Iterable[bytes]) -> tuple[bytes, bytes]:
    """Deploy the contract and appoint the key as publisher, in one block: each further one would be dated ahead."""
    from cropmark_contracts.chain_view import created_address  # noqa: PLC0415 - loads py-evm
    from cropmark_contracts.embedded_chain import Transaction, address_of  # noqa: PLC0415 - loads py-evm

    account = address_of(key)
    contract = created_address(account, 0)
    calls = [Transaction(key, contract, abi.add_publisher_call(log_id, account)) for log_id in log_ids]
    with chain.writing():
        chain.mine([Transaction(key, None, artifact().bytecode), *calls])
        file.set_fact("key", key)
        file.set_fact("contract", contract)
        file.set_fact("contract_source", artifact().source_sha256.encode())
    return contract, key
