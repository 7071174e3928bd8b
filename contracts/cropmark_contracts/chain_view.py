"""py-evm's blocks and receipts as the plain values of ``chain_reader``, and the choice of events.

It imports py-evm, as ``embedded_chain`` does.
"""

from collections.abc import Sequence

from eth.abc import BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI
from eth_bloom.bloom import BloomFilter
from eth_utils.crypto import keccak
from rlp import encode as rlp_encode  # type: ignore[import-untyped] # ships no types

from cropmark_contracts.chain_reader import Block, LogEntry, LogFilter, Receipt


def block_view(header: BlockHeaderAPI, transactions: Sequence[SignedTransactionAPI]) -> Block:
    """Return a mined block of a Cancun chain, which has every field that later forks added."""
    assert header.base_fee_per_gas is not None
    assert header.withdrawals_root is not None
    assert header.parent_beacon_block_root is not None
    return Block(
        number=header.block_number,
        hash=header.hash,
        parent_hash=header.parent_hash,
        uncles_hash=header.uncles_hash,
        miner=header.coinbase,
        state_root=header.state_root,
        transactions_root=header.transaction_root,
        receipts_root=header.receipt_root,
        bloom=header.bloom.to_bytes(256, "big"),
        difficulty=header.difficulty,
        gas_limit=header.gas_limit,
        gas_used=header.gas_used,
        time=header.timestamp,
        extra_data=header.extra_data,
        mix_hash=header.mix_hash,
        nonce=header.nonce,
        base_fee=header.base_fee_per_gas,
        withdrawals_root=header.withdrawals_root,
        blob_gas_used=header.blob_gas_used,
        excess_blob_gas=header.excess_blob_gas,
        parent_beacon_root=header.parent_beacon_block_root,
        transactions=tuple(transaction.hash for transaction in transactions),
    )


def logs_view(
    header: BlockHeaderAPI, transactions: Sequence[SignedTransactionAPI], stored: Sequence[ReceiptAPI]
) -> tuple[tuple[LogEntry, ...], ...]:
    """Return the events of each transaction of a block; the chain stores them without their place."""
    found: list[tuple[LogEntry, ...]] = []
    position = 0
    for index, (transaction, receipt) in enumerate(zip(transactions, stored, strict=True)):
        logs = tuple(
            LogEntry(
                address=entry.address,
                topics=tuple(topic.to_bytes(32, "big") for topic in entry.topics),
                data=entry.data,
                block=header.block_number,
                block_hash=header.hash,
                transaction=transaction.hash,
                transaction_index=index,
                position=place,
            )
            for place, entry in enumerate(receipt.logs, position)
        )
        position += len(logs)
        found.append(logs)
    return tuple(found)


def receipts_view(
    header: BlockHeaderAPI, transactions: Sequence[SignedTransactionAPI], stored: Sequence[ReceiptAPI]
) -> tuple[Receipt, ...]:
    """Return the receipts of a block. Slow: each sender is recovered from its signature (5 ms)."""
    receipts: list[Receipt] = []
    before = 0
    found = zip(transactions, stored, logs_view(header, transactions, stored), strict=True)
    for index, (transaction, receipt, logs) in enumerate(found):
        created = not transaction.to
        receipts.append(
            Receipt(
                transaction=transaction.hash,
                index=index,
                block=header.block_number,
                block_hash=header.hash,
                sender=transaction.sender,
                recipient=None if created else transaction.to,
                contract=created_address(transaction.sender, transaction.nonce) if created else None,
                # The chain stores gas as a running sum.
                gas_used=receipt.gas_used - before,
                gas_used_so_far=receipt.gas_used,
                gas_price=header.base_fee_per_gas or 0,
                succeeded=receipt.state_root == b"\x01",
                bloom=receipt.bloom.to_bytes(256, "big"),
                logs=logs,
            )
        )
        before = receipt.gas_used
    return tuple(receipts)


def may_hold(header: BlockHeaderAPI, wanted: LogFilter) -> bool:
    """Return False when the block's bloom filter rules out that it holds a wanted event."""
    bloom = BloomFilter(header.bloom)
    choices = (wanted.addresses, *wanted.topics)
    return all(not choice or any(item in bloom for item in choice) for choice in choices)


def matches(entry: LogEntry, wanted: LogFilter) -> bool:
    """Return True when an event is one of the wanted."""
    if wanted.addresses and entry.address not in wanted.addresses:
        return False
    if len(wanted.topics) > len(entry.topics):
        return False
    return all(not choice or topic in choice for choice, topic in zip(wanted.topics, entry.topics, strict=False))


def created_address(sender: bytes, nonce: int) -> bytes:
    """Return the address of the contract that a sender's transaction of that nonce creates (Yellow Paper, §7)."""
    return keccak(rlp_encode([sender, nonce]))[12:]
