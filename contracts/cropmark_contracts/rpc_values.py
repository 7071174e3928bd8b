"""The values of Ethereum JSON-RPC: strict reading of parameters, and blocks, receipts and events as JSON.

After the execution-apis specification: quantities are ``0x`` and hex digits without leading zeros, data is ``0x`` and
two digits for each byte. What does not fit raises RpcError, whose text names the parameter.
"""

import re
from collections.abc import Mapping

from cropmark_contracts.chain_reader import Block, LogEntry, Receipt

INVALID_PARAMS = -32602

_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,15})", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)


class RpcError(Exception):
    """A request that gets a JSON-RPC error object: its code, its message, and what a reverted call returned."""

    def __init__(self, code: int, message: str, data: bytes | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def read_quantity(value: object, name: str) -> int:
    """Return a number of at most 64 bits."""
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    raise RpcError(INVALID_PARAMS, f"{name} must be a quantity: 0x and at most 16 hex digits without leading zeros")


def read_data(value: object, name: str, *, length: int | None = None, limit: int | None = None) -> bytes:
    """Return bytes of exactly ``length``, or of at most ``limit``."""
    if isinstance(value, str) and _DATA.fullmatch(value):
        data = bytes.fromhex(value[2:])
        if length is not None and len(data) != length:
            raise RpcError(INVALID_PARAMS, f"{name} must have {length} bytes, not {len(data)}")
        if limit is not None and len(data) > limit:
            raise RpcError(INVALID_PARAMS, f"{name} may have at most {limit} bytes, not {len(data)}")
        return data
    raise RpcError(INVALID_PARAMS, f"{name} must be 0x and an even number of hex digits")


def read_object(value: object, name: str, keys: frozenset[str]) -> Mapping[str, object]:
    """Return an object that has no other keys than these; keys that are null count as absent."""
    if not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"{name} must be an object")
    unknown = sorted(set(value) - keys)
    if unknown:
        raise RpcError(INVALID_PARAMS, f"{name} may not have {unknown[0][:40]!r}, only {', '.join(sorted(keys))}")
    return {key: item for key, item in value.items() if item is not None}


def read_choice(value: object, name: str, *, length: int, limit: int) -> tuple[bytes, ...]:
    """Return the values of which any will do: none for null, else one, or a list of at most ``limit``."""
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    if not 0 < len(items) <= limit:
        raise RpcError(INVALID_PARAMS, f"{name} may list 1 to {limit} values")
    return tuple(read_data(item, name, length=length) for item in items)


def quantity(value: int) -> str:
    """Return a number as JSON-RPC writes it."""
    return hex(value)


def data(value: bytes) -> str:
    """Return bytes as JSON-RPC writes them."""
    return "0x" + value.hex()


def block_json(block: Block) -> dict[str, object]:
    """Return a block with the hashes of its transactions."""
    return {
        "number": quantity(block.number),
        "hash": data(block.hash),
        "parentHash": data(block.parent_hash),
        "sha3Uncles": data(block.uncles_hash),
        "miner": data(block.miner),
        "stateRoot": data(block.state_root),
        "transactionsRoot": data(block.transactions_root),
        "receiptsRoot": data(block.receipts_root),
        "logsBloom": data(block.bloom),
        "difficulty": quantity(block.difficulty),
        "gasLimit": quantity(block.gas_limit),
        "gasUsed": quantity(block.gas_used),
        "timestamp": quantity(block.time),
        "extraData": data(block.extra_data),
        "mixHash": data(block.mix_hash),
        "nonce": data(block.nonce),
        "baseFeePerGas": quantity(block.base_fee),
        "withdrawalsRoot": data(block.withdrawals_root),
        "blobGasUsed": quantity(block.blob_gas_used),
        "excessBlobGas": quantity(block.excess_blob_gas),
        "parentBeaconBlockRoot": data(block.parent_beacon_root),
        "transactions": [data(transaction) for transaction in block.transactions],
        "uncles": [],
        "withdrawals": [],
    }


def receipt_json(receipt: Receipt) -> dict[str, object]:
    """Return a transaction's receipt. All transactions of the embedded chain are of type 2 (EIP-1559)."""
    return {
        "type": "0x2",
        "status": quantity(int(receipt.succeeded)),
        "transactionHash": data(receipt.transaction),
        "transactionIndex": quantity(receipt.index),
        "blockNumber": quantity(receipt.block),
        "blockHash": data(receipt.block_hash),
        "from": data(receipt.sender),
        "to": None if receipt.recipient is None else data(receipt.recipient),
        "contractAddress": None if receipt.contract is None else data(receipt.contract),
        "gasUsed": quantity(receipt.gas_used),
        "cumulativeGasUsed": quantity(receipt.gas_used_so_far),
        "effectiveGasPrice": quantity(receipt.gas_price),
        "logsBloom": data(receipt.bloom),
        "logs": [log_json(entry) for entry in receipt.logs],
    }


def log_json(entry: LogEntry) -> dict[str, object]:
    """Return one event. Nothing is ever removed from the embedded chain."""
    return {
        "address": data(entry.address),
        "topics": [data(topic) for topic in entry.topics],
        "data": data(entry.data),
        "blockNumber": quantity(entry.block),
        "blockHash": data(entry.block_hash),
        "transactionHash": data(entry.transaction),
        "transactionIndex": quantity(entry.transaction_index),
        "logIndex": quantity(entry.position),
        "removed": False,
    }
