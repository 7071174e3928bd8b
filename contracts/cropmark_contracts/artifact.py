"""The compiled contract that the package carries: what ``contracts/build.py`` wrote."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Artifact:
    """The contract's ABI (parsed JSON), the bytes that deploy it, those that stand on the chain, and their origin."""

    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    runtime: bytes
    compiler: str
    source_sha256: str


@cache
def artifact() -> Artifact:
    """Return the compiled AnchorRegistry."""
    text = resources.files("cropmark_contracts").joinpath("anchor_registry.json").read_text(encoding="utf-8")
    made = json.loads(text)
    return Artifact(
        abi=tuple(made["abi"]),
        bytecode=bytes.fromhex(made["bytecode"].removeprefix("0x")),
        runtime=bytes.fromhex(made["runtime"].removeprefix("0x")),
        compiler=made["compiler"],
        source_sha256=made["source_sha256"],
    )
