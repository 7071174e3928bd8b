"""What a verifier asks a chain, and what an RPC outside the bundle answered; as values (docs/formats.md §10).

``rpc_http`` asks; ``check_anchor`` judges. Hashes and addresses are 0x and lower-case hex, times Unix seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cropmark_trace import shape
from cropmark_trace.jcs import JsonValue
from cropmark_trace.shape import ShapeError, closed, integer, nullable


@dataclass(frozen=True, slots=True)
class ChainQuestion:
    """What to ask: the root that ``contract`` holds for this log and size, its events in ``block``, and ``blocks``."""

    chain: int
    contract: str
    log_id: str
    size: int
    block: int
    blocks: Sequence[int]


@dataclass(frozen=True, slots=True)
class Block:
    """A block's hash and time."""

    hash: str
    time: int


@dataclass(frozen=True, slots=True)
class Event:
    """The contract's word in the asked block: it anchored ``root`` for the asked log and size in this transaction."""

    root: str
    transaction: str
    block_hash: str


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """The answers of ``source`` (an RPC's address, for people). ``root`` is None where the contract holds none."""

    source: str
    chain: int
    root: str | None
    blocks: Mapping[int, Block]
    events: Sequence[Event]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the facts as JSON."""
        return {
            "source": self.source,
            "chain": self.chain,
            "root": self.root,
            "blocks": {str(number): {"hash": block.hash, "time": block.time} for number, block in self.blocks.items()},
            "events": [
                {"root": event.root, "transaction": event.transaction, "blockHash": event.block_hash}
                for event in self.events
            ],
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> "ChainFacts":
        """Read facts back; raise :class:`ShapeError`."""
        _SHAPE(value, "chain")
        match value:
            case {
                "source": str() as source, "chain": int() as chain, "root": (str() | None) as root,
                "blocks": dict() as blocks, "events": list() as events,
            }:  # fmt: skip
                return cls(
                    source,
                    chain,
                    root,
                    {int(number): _block(block) for number, block in blocks.items()},
                    [_event(event) for event in events],
                )
            case _:
                raise ShapeError("chain", "is not what an RPC answered")


def _block(value: JsonValue) -> Block:
    assert isinstance(value, dict)
    return Block(str(value["hash"]), int(str(value["time"])))


def _event(value: JsonValue) -> Event:
    assert isinstance(value, dict)
    return Event(str(value["root"]), str(value["transaction"]), str(value["blockHash"]))


_SHAPE = closed(
    {
        "source": shape.text,
        "chain": integer(),
        "root": nullable(shape.CHAIN_HASH),
        "blocks": shape.mapping(
            shape.pattern("0|[1-9][0-9]{0,15}"), closed({"hash": shape.CHAIN_HASH, "time": integer()}), 128
        ),
        "events": shape.array(
            closed({"root": shape.CHAIN_HASH, "transaction": shape.CHAIN_HASH, "blockHash": shape.CHAIN_HASH}), 0, 64
        ),
    }
)
