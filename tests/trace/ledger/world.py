"""A whole trace on a temporary folder, with a small farm, a sealed season, and a chain that tests can take down."""

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from cropmark_ingest.cose import public_bytes
from cropmark_ingest.registry import Farm, Field, Party, Placement, Text
from cropmark_trace.anchoring import AnchorError
from cropmark_trace.chain_facts import Block, ChainFacts, ChainQuestion, Event
from cropmark_trace.storage import AnchorFact
from cropmark_trace.wiring import Outside, Trace, open_trace
from tests.trace.ledger.archive import HOUR, START, Archive, key_from

GATEWAY = key_from(1)
OTHER_GATEWAY = key_from(2)
HARVEST = START + 48 * HOUR
NOW = START + 72 * HOUR
ORIGIN = "cropmark.test/log"
CORN = Text("Sweet corn", "甜玉米")
DEMO = Text("Demo", "演示")

OUTLINE: dict[str, object] = {
    "type": "Polygon",
    "coordinates": [[[-79.9520, 36.1], [-79.9498, 36.1], [-79.9498, 36.1018], [-79.9520, 36.1018], [-79.9520, 36.1]]],
}
PLANTING: dict[str, Any] = {"crop": {"en": "Corn", "zh": "玉米"}, "variety": None, "areaSquareMetres": 39_500}
INPUT: dict[str, Any] = {"kind": "irrigation", "what": {"en": "Water", "zh": "水"}, "amount": 2.5, "unit": "mm"}
HARVESTED: dict[str, Any] = {"product": {"en": "Corn", "zh": "玉米"}, "weightKilograms": 820.5}
PACKED: dict[str, Any] = {"product": {"en": "Corn", "zh": "玉米"}, "units": 410, "unitWeightKilograms": 2}


class Book:
    """Implements ``FarmBook``: farms ``demo`` and ``other``, each with the fields ``north`` and ``south``."""

    def farm(self, farm: str) -> Farm | None:
        return Farm(farm, Text("Farm", "农场"), "US", -300, DEMO) if farm in {"demo", "other"} else None

    def field(self, farm: str, field: str) -> Field | None:
        known = farm in {"demo", "other"} and field in {"north", "south"}
        return Field(farm, field, Text("Field", "田"), OUTLINE, CORN, "2026-11-01") if known else None


def _hash(*parts: object) -> str:
    return "0x" + sha256(repr(parts).encode()).hexdigest()


@dataclass
class Chain:
    """Implements ``Anchors`` as a list of blocks, one for each anchor; ``down`` makes every call fail."""

    down: bool = False
    blocks: list[tuple[int, bytes]] = field(default_factory=list)
    calls: int = 0
    fork: int = 0
    contract: str = "0x" + "ab" * 20
    log_id: str = "0x" + "cd" * 32
    operator_run: bool = True
    chain_id: int = 131_277_322_940_537

    def _up(self) -> None:
        self.calls += 1
        if self.down:
            raise AnchorError("the chain does not answer")

    def _fact(self, number: int) -> AnchorFact:
        size, root = self.blocks[number]
        return AnchorFact(
            size, root, self.chain_id, self.contract, self.log_id, number, _hash("block", self.fork, number),
            _hash("transaction", number), NOW // 1000 + number, self.operator_run,
        )  # fmt: skip

    def anchor(self, size: int, root: bytes) -> AnchorFact:
        self._up()
        if (size, root) not in self.blocks:
            self.blocks.append((size, root))
        return self._fact(self.blocks.index((size, root)))

    def head(self) -> tuple[int, str, int]:
        self._up()
        return len(self.blocks), _hash("block", self.fork, len(self.blocks)), NOW // 1000

    def root_at(self, size: int) -> bytes | None:
        self._up()
        return dict(self.blocks).get(size)

    def block_hash(self, block: int) -> str | None:
        self._up()
        return _hash("block", self.fork, block) if block < len(self.blocks) else None

    def ask(self, question: ChainQuestion) -> ChainFacts | None:
        """Answer as an RPC would."""
        root = dict(self.blocks).get(question.size)
        facts = {number: self._fact(number) for number in question.blocks if number < len(self.blocks)}
        return ChainFacts(
            "test", self.chain_id, None if root is None else "0x" + root.hex(),
            {number: Block(fact.block_hash, fact.time) for number, fact in facts.items()},
            [
                Event("0x" + fact.root.hex(), fact.transaction, fact.block_hash)
                for number, fact in facts.items() if number == question.block
            ],
        )  # fmt: skip


def placements() -> list[Placement]:
    """Return where the farm's four devices stand."""
    return [
        Placement("demo", device, field, START - HOUR)
        for device, field in (("air-1", "north"), ("soil-1", "north"), ("air-2", "south"), ("soil-2", "south"))
    ]


@dataclass
class World:
    """One installation: open it, close it, open it again on the same folder."""

    folder: Path
    archive: Archive = field(default_factory=lambda: Archive(placements()))
    chain: Chain = field(default_factory=Chain)
    now: int = NOW

    def outside(self, **changed: Any) -> Outside:
        seconds = count()
        given: dict[str, Any] = {
            "source": self.archive, "book": Book(), "clock": lambda: self.now + 1000 * next(seconds),
            "anchors": self.chain, "ask": self.chain.ask,
        }  # fmt: skip
        return Outside(**(given | changed))

    def open(self, **changed: Any) -> Trace:
        return open_trace(self.folder, origin=ORIGIN, outside=self.outside(**changed))


def season(world: World, trace: Trace) -> None:
    """Seal two days of the field's sensors and enrol everyone."""
    world.archive.fill(GATEWAY, ["air-1", "soil-1", "air-2"], 48)
    enrol(trace)


def enrol(trace: Trace) -> None:
    """Register the parties and the gateway."""
    trace.parties.register_party(Party("demo", "grower", Text("Grower", "种植户"), "grower"), DEMO)
    trace.parties.register_party(Party("demo", "cooperative", Text("Cooperative", "合作社"), "packer"), DEMO)
    trace.parties.register_gateway("demo", "gw-1", public_bytes(GATEWAY), DEMO)


def record_all(trace: Trace) -> str:
    """Open a batch and record its season; return its id."""
    batch = trace.batches.open("demo", "north", CORN)
    trace.batches.add("demo", batch, "planting", PLANTING, START)
    trace.batches.add("demo", batch, "input", INPUT, START + 24 * HOUR)
    trace.batches.add("demo", batch, "harvest", HARVESTED, HARVEST)
    trace.batches.add("demo", batch, "packing", PACKED, HARVEST + HOUR)
    return batch
