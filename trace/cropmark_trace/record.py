"""Batch records: planting, input, harvest, packing (docs/formats.md §6), as drafts and as stored.

Pure: a :class:`Draft` becomes a document, signed bytes become a :class:`Record`. Signing and identity are
``credential``'s, the EPCIS event inside is ``epcis``'s. Whether signatures hold and keys count is the verifier's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from cropmark_ingest.registry import Text
from cropmark_trace import credential, epcis, evidence, jcs, record_profile, shape
from cropmark_trace.credential import Document, RecordError, Signer
from cropmark_trace.epcis import Happening, Step
from cropmark_trace.evidence import Evidence
from cropmark_trace.jcs import JsonValue
from cropmark_trace.shape import ShapeError
from cropmark_trace.summary import iso


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field is, told to the public: name, ISO 3166-1 country, WGS-84 degrees (kept to two decimals)."""

    name: Text
    country: str
    lat: float
    lon: float

    def to_json(self) -> dict[str, JsonValue]:
        """Return the member ``place`` of a record."""
        return {
            "name": text_json(self.name),
            "country": self.country,
            "lat": _hundredths(self.lat),
            "lon": _hundredths(self.lon),
        }


@dataclass(frozen=True, slots=True)
class NotBefore:
    """The latest anchored checkpoint when a record was written; ``block_hash`` is 0x-hex."""

    size: int
    root: bytes
    chain: int
    block: int
    block_hash: str

    def to_json(self) -> dict[str, JsonValue]:
        """Return the member ``notBefore`` of a record."""
        return {
            "size": self.size,
            "root": self.root.hex(),
            "chain": self.chain,
            "block": self.block,
            "blockHash": self.block_hash,
        }


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a record says. Times are UTC milliseconds, ``previous`` record ids, ``nonce`` 16 random bytes.

    ``facts`` has the members of the step (docs/formats.md §6); ``written_at`` is when the record is written,
    ``event_time`` when the thing happened, both kept to the second.
    """

    step: Step
    farm: str
    field: str
    batch: str
    place: Place
    facts: Mapping[str, JsonValue]
    signers: Sequence[Signer]
    previous: Sequence[bytes]
    written_at: int
    event_time: int
    utc_offset: int
    nonce: bytes
    not_before: NotBefore | None = None
    evidence: Evidence | None = None
    demo: Text | None = None
    id_base: str = epcis.ID_BASE


@dataclass(frozen=True, slots=True)
class Record:
    """A record that fits the profile: its ``id`` (32 bytes), stored bytes, document with proofs, and what it says.

    ``written_at`` and ``event_time`` are UTC milliseconds as the signer told them.
    """

    id: bytes
    data: bytes
    document: Document
    farm: str
    field: str
    batch: str
    step: Step
    place: Document
    facts: Document
    previous: tuple[bytes, ...]
    signers: tuple[Signer, ...]
    not_before: NotBefore | None
    evidence: Evidence | None
    demo: Text | None
    written_at: int
    event_time: int

    @property
    def proofs(self) -> list[Document]:
        """Return the proof set."""
        return cast("list[Document]", self.document["proof"])


def text_json(text: Text) -> dict[str, JsonValue]:
    """Return a text in two languages as JSON."""
    return {"en": text.en, "zh": text.zh}


def _hundredths(degrees: float) -> int | float:
    return jcs.from_thousandths(round(degrees * 100) * 10)


def build(draft: Draft) -> Document:
    """Return the unsigned document of ``draft``; raise :class:`RecordError` if it would not fit the profile."""
    time = iso(draft.event_time)
    happening = Happening(
        draft.step, draft.farm, draft.field, draft.batch, draft.facts, time,
        epcis.offset_text(draft.utc_offset), draft.nonce.hex(), draft.id_base,
    )  # fmt: skip
    try:
        record_profile.FACTS[draft.step](dict(draft.facts), ".cropmark.facts")
    except (ShapeError, KeyError) as error:
        raise RecordError("profile", str(error)) from error
    document: Document = {
        "@context": list(credential.CONTEXTS),
        "type": ["VerifiableCredential", record_profile.KIND],
        "issuer": draft.signers[0].id if draft.signers else "",
        "validFrom": iso(draft.written_at),
        "credentialSubject": epcis.event(happening),
        "cropmark": {
            "version": credential.VERSION,
            "farm": draft.farm,
            "field": draft.field,
            "batch": draft.batch,
            "step": draft.step,
            "place": draft.place.to_json(),
            "facts": dict(draft.facts),
            "previous": [item.hex() for item in sorted(draft.previous)],
            "requiredSigners": [signer.to_json() for signer in draft.signers],
            "notBefore": draft.not_before.to_json() if draft.not_before else None,
            "evidence": draft.evidence.to_json() if draft.evidence else None,
            "demo": text_json(draft.demo) if draft.demo else None,
            "nonce": draft.nonce.hex(),
        },
    }
    normal = credential.read(jcs.canonical(document))
    record_profile.check(normal)
    return normal


def parse(data: bytes) -> Record:
    """Read stored bytes; raise :class:`RecordError` with the first defect found."""
    document = credential.read(data)
    record_profile.check(document)
    credential.check_proofs(document)
    match document:
        case {
            "validFrom": str() as written,
            "credentialSubject": {"eventTime": str() as happened},
            "cropmark": {
                "farm": str() as farm, "field": str() as field, "batch": str() as batch, "step": str() as step,
                "place": dict() as place, "facts": dict() as facts, "previous": list() as previous,
                "notBefore": not_before, "evidence": cited, "demo": demo,
            },
        }:  # fmt: skip
            pass
        case _:
            raise RecordError("profile", "the document is not a batch record")
    return Record(
        id=credential.record_id(document),
        data=data,
        document=document,
        farm=farm,
        field=field,
        batch=batch,
        step=cast("Step", step),
        place=place,
        facts=facts,
        previous=tuple(bytes.fromhex(str(item)) for item in previous),
        signers=credential.signers_of(document),
        not_before=_not_before(not_before),
        evidence=None if cited is None else evidence.from_json(cited),
        demo=text_of(demo),
        written_at=shape.time_of(written),
        event_time=shape.time_of(happened),
    )


def check(document: JsonValue) -> Record:
    """Read a document that is already parsed, as it stands in a bundle; raise :class:`RecordError`."""
    return parse(jcs.canonical(document))


def _not_before(value: JsonValue) -> NotBefore | None:
    match value:
        case {"size": int() as size, "root": str() as root, "chain": int() as chain, "block": int() as block, **rest}:
            return NotBefore(size, bytes.fromhex(root), chain, block, str(rest["blockHash"]))
        case _:
            return None


def text_of(value: JsonValue) -> Text | None:
    """Return a text in two languages, or None for anything else."""
    match value:
        case {"en": str() as en, "zh": str() as zh}:
            return Text(en, zh)
        case _:
            return None
