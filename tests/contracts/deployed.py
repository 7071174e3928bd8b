"""A deployed contract for tests, a few accounts, and calls by name, encoded by a library that is not ours."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import function_signature_to_4byte_selector

from cropmark_contracts.artifact import artifact
from cropmark_contracts.chain_file import ChainFile
from cropmark_contracts.chain_reader import Receipt
from cropmark_contracts.embedded_chain import EmbeddedChain, Transaction, address_of

OWNER, PUBLISHER, STRANGER, HEIR = (bytes([number]) * 32 for number in (1, 2, 3, 4))


def members(kind: str) -> dict[str, dict[str, Any]]:
    """Return the functions or events of the contract's ABI, by name."""
    return {entry["name"]: entry for entry in artifact().abi if entry["type"] == kind}


def types(parameters: list[dict[str, Any]]) -> list[str]:
    return [parameter["type"] for parameter in parameters]


def calldata(name: str, *arguments: object) -> bytes:
    inputs = types(members("function")[name]["inputs"])
    return function_signature_to_4byte_selector(f"{name}({','.join(inputs)})") + encode(inputs, arguments)


@dataclass(frozen=True)
class Bench:
    """A deployed contract and how to call it."""

    chain: EmbeddedChain
    contract: bytes
    deployment: Receipt

    def send(self, key: bytes, name: str, *arguments: object) -> Receipt:
        with self.chain.writing():
            (receipt,) = self.chain.mine([Transaction(key, self.contract, calldata(name, *arguments))])
        return receipt

    def ask(self, name: str, *arguments: object) -> Any:
        answer = self.chain.call(self.contract, calldata(name, *arguments), self.chain.head_number(), 1_000_000)
        values = decode(types(members("function")[name]["outputs"]), answer)
        return values[0] if len(values) == 1 else values


def deploy(path: Path, clock: Callable[[], float]) -> tuple[ChainFile, Bench]:
    file = ChainFile(path)
    chain = EmbeddedChain(file, clock)
    with chain.writing():
        (receipt,) = chain.mine([Transaction(OWNER, None, artifact().bytecode)])
    assert receipt.contract is not None
    return file, Bench(chain, receipt.contract, receipt)


def account(key: bytes) -> bytes:
    return address_of(key)


LogMaker = Callable[[], bytes]
