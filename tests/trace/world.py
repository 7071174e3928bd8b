"""A small farm with a whole season, made the same on every run: keys, segments, log, records, chain, bundle.

What the corpus changes one thing at a time. Everything is derived from names, nothing is drawn; sizes are those of a
real batch: two fields, 120 days, one gateway with 20 segments, five records.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest import merkle
from cropmark_ingest.cose import public_bytes
from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.reading import Reading, leaf
from cropmark_ingest.registry import Text
from cropmark_ingest.segment import (
    NO_PREVIOUS,
    Gap,
    Header,
    Segment,
    header_digest,
    in_order,
    leaves,
    open_header,
    seal,
)  # fmt: skip
from cropmark_trace import bundle, checkpoint, credential, entry, evidence, key_record, multikey, record, sample
from cropmark_trace.bundle import Anchor, Bundle, LoggedKey, LoggedRecord, LoggedTree, ShownHeader, ShownReading
from cropmark_trace.chain_facts import Block, ChainFacts, Event
from cropmark_trace.checkpoint import Checkpoint
from cropmark_trace.credential import Signer
from cropmark_trace.epcis import Step
from cropmark_trace.evidence import Evidence, Stay, Tree
from cropmark_trace.jcs import JsonValue
from cropmark_trace.key_record import Custody, KeyDraft, KeyRecord, Role, Use
from cropmark_trace.policy import PinnedChain, Policy, Witness
from cropmark_trace.record import Draft, NotBefore, Place, Record

FARM = "demo"
BATCH = "K5QWZ2M7RTA4CXE6OBNI"
ORIGIN = "log.cropmark.example/demo"
OFFSET = 480
DAY = 86_400_000
START = 1_777_651_200_000  # 2026-05-02T00:00:00+08:00
DAYS = 120
STOP = START + DAYS * DAY
CHAIN = 131_277_322_940_537
CONTRACT = "0x" + sha256(b"contract").hexdigest()[:40]
LOG_ID = "0x" + sha256(ORIGIN.encode()).hexdigest()
DEMO = Text("Demonstration: no such field exists.", "演示数据：此地块并不存在。")
PLACE = Place(Text("Willow Bend, north field", "柳湾村北地"), "CN", 36.07, 120.38)
CORN = {"en": "Sweet corn", "zh": "甜玉米"}

DEVICES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "air-1": ("north", ("air_temperature", "air_humidity", "rainfall")),
    "soil-1": ("north", ("soil_moisture_10cm", "soil_temperature_10cm")),
    "soil-2": ("south", ("soil_moisture_10cm", "soil_temperature_10cm")),
}
BASE = {
    "air_temperature": (2100, 700), "air_humidity": (620, 250), "rainfall": (40, 40),
    "soil_moisture_10cm": (2700, 600), "soil_temperature_10cm": (1900, 400),
}  # fmt: skip
"""Middle and swing of each metric, as mantissas."""
INTERVAL = 3 * 3_600_000
PER_SEGMENT = 6 * DAY


def key(name: str) -> Ed25519PrivateKey:
    """Return the one key of this name."""
    return Ed25519PrivateKey.from_private_bytes(sha256(f"cropmark test key {name}".encode()).digest())


def did(name: str) -> str:
    return multikey.did(public_bytes(key(name)))


def chain_hash(what: str) -> str:
    return "0x" + sha256(what.encode()).hexdigest()


def nonce(what: str) -> bytes:
    return sha256(f"nonce {what}".encode()).digest()[:16]


def _wave(time: int, period: int) -> int:
    """Return a triangle between -1000 and 1000, in integers: the same on every machine."""
    place = time % period * 4000 // period
    return place - 1000 if place < 2000 else 3000 - place


def _value(device: str, metric: str, time: int) -> int:
    middle, swing = BASE[metric]
    return middle + swing * (_wave(time, DAY) * 6 + _wave(time + len(device) * DAY, 17 * DAY) * 4) // 10_000


@cache
def segments() -> tuple[tuple[Segment, ...], tuple[tuple[Reading, ...], ...]]:
    """Return the gateway's segments and what is in each, in its order. One pack is lost and said to be so."""
    sealed: list[Segment] = []
    inside: list[tuple[Reading, ...]] = []
    counter = 0
    for begin in range(START, STOP, PER_SEGMENT):
        readings = []
        for time in range(begin, begin + PER_SEGMENT, INTERVAL):
            counter += 1
            for device, (_, metrics) in DEVICES.items():
                if device == "soil-1" and counter == 100:
                    continue
                readings += [
                    Reading(
                        FARM, device, sha256(device.encode()).hexdigest()[:16], counter, index, metric, time,
                        _value(device, metric, time), CATALOGUE[metric].decimals, 0, time - 40, time + 900,
                    )
                    for index, metric in enumerate(metrics)
                ]  # fmt: skip
        lost = [Gap("spool-full", "soil-1", sha256(b"soil-1").hexdigest()[:16], 100, 100)] if len(sealed) == 2 else []
        prev = header_digest(sealed[-1].header) if sealed else NO_PREVIOUS
        ordered = in_order(readings)
        sealed.append(
            seal(
                ordered, farm=FARM, gateway="gw-1", seq=len(sealed), prev=prev,
                sealed_at=begin + PER_SEGMENT, gaps=lost, key=key("gateway"),
            )
        )  # fmt: skip
        inside.append(tuple(ordered))
    return tuple(sealed), tuple(inside)


@cache
def headers() -> tuple[Header, ...]:
    return tuple(open_header(item.header) for item in segments()[0])


@cache
def _gathered(place: str, tree: Tree) -> tuple[Evidence, str]:
    """Return the evidence of a field, and its summary as JSON text."""
    stays = [Stay(device, START, STOP) for device, (field, _) in sorted(DEVICES.items()) if field == place]
    found, season = evidence.gather(
        (reading for inside in segments()[1] for reading in inside),
        field=place, start=START, stop=STOP, utc_offset=OFFSET, gateways=[tree], devices=stays,
        expected=DAYS * 8 * 5, gaps=evidence.lost(headers(), stays, START, STOP),
    )  # fmt: skip
    return found, json.dumps(season)


@cache
def _places() -> Mapping[str, tuple[int, int]]:
    """Return where each reading stands, by its leaf hash in hex."""
    return {
        merkle.leaf_hash(leaf(reading)).hex(): (seq, index)
        for seq, inside in enumerate(segments()[1])
        for index, reading in enumerate(inside)
    }


@cache
def _leaf_hashes(seq: int) -> list[bytes]:
    return merkle.leaf_hashes(leaves(segments()[1][seq]))


@dataclass
class World:
    """The log as it grows, and what goes into the bundle. Attacks call its methods in another way than they should."""

    leaves: list[bytes] = field(default_factory=list)
    keys: list[tuple[KeyRecord, int]] = field(default_factory=list)
    records: list[tuple[Record, int]] = field(default_factory=list)
    tree: tuple[Tree, int] | None = None
    summary: dict[str, JsonValue] | None = None
    not_before: NotBefore | None = None

    def log(self, data: bytes) -> int:
        self.leaves.append(data)
        return len(self.leaves) - 1

    def noise(self, count: int) -> None:
        """Log what belongs to others."""
        for number in range(count):
            name = f"other {len(self.leaves)} {number}"
            self.log(entry.record_entry(sha256(name.encode()).digest(), sha256(b"bytes of " + name.encode()).digest()))

    def register(
        self, name: str, role: Role, use: Use = "record", custody: Custody = "self", farm: str = FARM,
        registrar: str = "registrar",
    ) -> None:  # fmt: skip
        draft = KeyDraft(
            did(name), did(registrar), farm, {"gateway": "gw-1"}.get(name, name),
            Text(f"{name.capitalize()} of Willow Bend", f"柳湾村（{name}）"), role, use, custody,
            START - 30 * DAY, nonce(f"key {name}"), DEMO,
        )  # fmt: skip
        document = key_record.build_key_registration(draft)
        signers = [key(registrar), key(name)] if use == "record" else [key(registrar)]
        made = key_record.parse(credential.sign(document, signers))
        self.keys.append((made, self.log(entry.record_entry(made.id, sha256(made.data).digest()))))

    def cite(self, size: int | None = None) -> Tree:
        """Log the gateway's header tree."""
        raw = [item.header for item in segments()[0]][:size]
        tree = Tree(public_bytes(key("gateway")), len(raw), merkle.root(merkle.leaf_hashes(raw)))
        self.tree = tree, self.log(entry.segments_entry(tree.key, tree.size, tree.root))
        return tree

    def evidence(self, place: str = "north") -> Evidence:
        """Return what the harvest cites of a field."""
        assert self.tree is not None
        found, season = _gathered(place, self.tree[0])
        self.summary = json.loads(season)
        return found

    def draft(self, step: Step, day: int, facts: dict[str, JsonValue], signers: Sequence[tuple[str, str]]) -> Draft:
        """Return the draft of the batch's next record; ``signers`` are names and roles."""
        time = START + day * DAY + 9 * 3_600_000
        return Draft(
            step=step, farm=FARM, field="north", batch=BATCH, place=PLACE, facts=facts,
            signers=[Signer(did(name), role) for name, role in signers],
            previous=[self.records[-1][0].id] if self.records else [],
            written_at=time + 1_800_000, event_time=time, utc_offset=OFFSET, nonce=nonce(f"{step} {day}"),
            not_before=self.not_before, demo=DEMO, id_base="https://cropmark.example",
        )  # fmt: skip

    def sign(self, draft: Draft, names: Sequence[str]) -> Record:
        """Sign a record and log it."""
        made = record.parse(credential.sign(record.build(draft), [key(name) for name in names]))
        self.records.append((made, self.log(entry.record_entry(made.id, sha256(made.data).digest()))))
        return made

    # -- what is shown ----------------------------------------------------------------------------------------------

    def shown(self, wanted: Sequence[tuple[int, int, bundle.Why]]) -> tuple[list[ShownHeader], list[ShownReading]]:
        """Return headers and readings, with their paths, for (segment, index, why)."""
        assert self.tree is not None
        raw = [item.header for item in segments()[0]][: self.tree[0].size]
        hashes = merkle.leaf_hashes(raw)
        order = sorted({seq for seq, _, _ in wanted})
        made = []
        for seq, index, why in wanted:
            data = leaves(segments()[1][seq])
            path = tuple(merkle.inclusion_path(_leaf_hashes(seq), index))
            made.append(ShownReading(order.index(seq), index, data[index], path, why))
        return [ShownHeader(0, raw[seq], tuple(merkle.inclusion_path(hashes, seq))) for seq in order], made

    def wanted(self) -> list[tuple[int, int, bundle.Why]]:
        """Return the sample of the record with evidence, and the extremes."""
        cited = next((item for item, _ in self.records if item.evidence is not None), None)
        if cited is None or self.tree is None or self.summary is None:
            return []
        drawn = sample.choices(cited.id, [self.tree[0].size], lambda _, seq: headers()[seq].count)
        ends = self.summary["extremes"]
        assert isinstance(ends, dict)
        named = [text for both in ends.values() if isinstance(both, dict) for text in both.values()]
        extremes = [_places()[str(text)] for text in sorted({str(text) for text in named})]
        return [(seq, index, "sample") for _, seq, index in drawn] + [
            (seq, index, "extreme") for seq, index in extremes
        ]

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(ORIGIN, len(self.leaves), merkle.root(merkle.leaf_hashes(self.leaves)))

    def bundle(self, *, anchored: bool = True) -> Bundle:
        """Return the honest bundle of all this."""
        hashes = merkle.leaf_hashes(self.leaves)

        def path(index: int) -> tuple[bytes, ...]:
            return tuple(merkle.inclusion_path(hashes, index))

        shown_headers, shown_readings = self.shown(self.wanted()) if self.summary else ([], [])
        return Bundle(
            batch=self.records[0][0].batch,
            origin=ORIGIN,
            records=[LoggedRecord(item, index, path(index)) for item, index in self.records],
            keys=[LoggedKey(item, index, path(index)) for item, index in self.keys],
            checkpoint=checkpoint.sign(self.checkpoint(), ORIGIN, key("log")),
            anchor=ANCHOR if anchored else None,
            segments=[LoggedTree(self.tree[0], self.tree[1], path(self.tree[1]))] if self.tree and self.summary else [],
            summary=self.summary,
            headers=shown_headers,
            readings=shown_readings,
            hints={"cooperative": "Willow Bend"},
        )

    def facts(self, blocks: Mapping[int, Block] | None = None) -> ChainFacts:
        """Return what an honest RPC says."""
        root = "0x" + self.checkpoint().root.hex()
        known = {ANCHOR.block: Block(ANCHOR.block_hash, ANCHOR.time), BEFORE.block: Block(BEFORE.block_hash, EARLY)}
        return ChainFacts(
            "http://127.0.0.1:8420/rpc", CHAIN, root, {**known, **(blocks or {})},
            [Event(root, ANCHOR.transaction, ANCHOR.block_hash)],
        )  # fmt: skip


ANCHOR = Anchor(
    CHAIN, CONTRACT, LOG_ID, 42, chain_hash("block 42"), chain_hash("transaction 42"), (STOP + 3 * DAY) // 1000
)  # fmt: skip
BEFORE = NotBefore(1, sha256(b"an earlier root").digest(), CHAIN, 7, chain_hash("block 7"))
EARLY = (START - 20 * DAY) // 1000
WITNESSES = (
    Witness("Orchard University", checkpoint.vkey("witness.example/a", public_bytes(key("witness a")), kind=4)),
    Witness("Food Council", checkpoint.vkey("witness.example/b", public_bytes(key("witness b")), kind=4)),
)
POLICY = Policy(
    ORIGIN, checkpoint.vkey(ORIGIN, public_bytes(key("log"))), did("registrar"),
    chains=(PinnedChain(CHAIN, CONTRACT, LOG_ID, operator=True),),
)  # fmt: skip
PUBLIC = replace(POLICY, chains=(PinnedChain(CHAIN, CONTRACT, LOG_ID, operator=False),))

FACTS: dict[str, dict[str, JsonValue]] = {
    "planting": {"crop": dict(CORN), "variety": "Jinyin 801", "areaSquareMetres": 12_600.5},
    "compost": {"kind": "fertiliser", "what": {"en": "Compost", "zh": "堆肥"}, "amount": 1_200, "unit": "kg"},
    "water": {"kind": "irrigation", "what": {"en": "Drip irrigation", "zh": "滴灌"}, "amount": 25.5, "unit": "mm"},
    "harvest": {"product": dict(CORN), "weightKilograms": 820.125},
    "packing": {"product": dict(CORN), "units": 410, "unitWeightKilograms": 2},
}
GROWER = [("grower", "grower")]
PACKER = [("packer", "packer")]


def registered(world: World) -> None:
    """Log the keys that a season needs."""
    world.register("grower", "grower")
    world.register("packer", "packer", custody="operator")
    world.register("gateway", "gateway", "segment", "operator")


def grown(world: World) -> None:
    """Log planting and two inputs."""
    world.sign(world.draft("planting", 0, FACTS["planting"], GROWER), ["grower"])
    world.noise(3)
    world.sign(world.draft("input", 20, FACTS["compost"], GROWER), ["grower"])
    world.noise(4)
    world.sign(world.draft("input", 64, FACTS["water"], GROWER), ["grower"])


def harvested(world: World, signers: Sequence[tuple[str, str]] = GROWER) -> None:
    """Log the header tree and the harvest that cites it."""
    world.cite()
    draft = replace(world.draft("harvest", DAYS, FACTS["harvest"], signers), evidence=world.evidence())
    world.sign(draft, [name for name, _ in signers])


def packed(world: World, signers: Sequence[tuple[str, str]] = PACKER) -> None:
    world.sign(world.draft("packing", DAYS + 1, FACTS["packing"], signers), [name for name, _ in signers])
    world.noise(2)


def season(*, not_before: NotBefore | None = None) -> World:
    """Return the honest world."""
    world = World(not_before=not_before)
    world.noise(2)
    registered(world)
    grown(world)
    harvested(world)
    packed(world)
    return world
