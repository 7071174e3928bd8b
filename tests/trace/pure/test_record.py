"""Records and key records: what a draft says comes back, and what does not fit is refused by name."""

import copy
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_ingest import cbor
from cropmark_ingest.registry import Text
from cropmark_trace import credential, entry, jcs, key_record, record
from cropmark_trace.credential import RecordError, Signer
from cropmark_trace.entry import EntryError, RecordEntry, SegmentsEntry
from cropmark_trace.key_record import KeyDraft
from cropmark_trace.record import Draft
from tests.trace import world
from tests.trace.world import GROWER, World, did, key

WORLD = world.season(not_before=world.BEFORE)
PLANTING = WORLD.records[0][0]
HARVEST = WORLD.records[3][0]


def draft() -> Draft:
    return World().draft("planting", 0, world.FACTS["planting"], GROWER)


def test_a_record_says_what_its_draft_said() -> None:
    made = draft()
    said = record.parse(credential.sign(record.build(made), [key("grower")]))
    assert (said.farm, said.field, said.batch, said.step) == ("demo", "north", world.BATCH, "planting")
    assert (said.event_time, said.written_at) == (made.event_time, made.written_at)
    assert said.facts == made.facts
    assert said.signers == (Signer(did("grower"), "grower"),)
    assert said.previous == ()
    assert (said.evidence, said.not_before, said.demo) == (None, None, world.DEMO)
    assert len(said.proofs) == 1


def test_evidence_and_not_before_come_back() -> None:
    assert HARVEST.not_before == world.BEFORE
    assert HARVEST.evidence is not None
    assert HARVEST.evidence.to_json() == HARVEST.document["cropmark"]["evidence"]  # type: ignore[index,call-overload]


def test_identity_leaves_the_proofs_out_and_nothing_else() -> None:
    plain = credential.without_proof(PLANTING.document)
    assert PLANTING.id == sha256(b"cropmark/record/v1\n" + jcs.canonical(plain)).digest()
    assert record.parse(credential.sign(plain, [key("grower")], created="2026-05-09T00:00:00Z")).id == PLANTING.id


@pytest.mark.parametrize("names", [[], ["packer"], ["grower", "packer"]])
def test_only_the_required_keys_sign(names: list[str]) -> None:
    with pytest.raises(RecordError, match="required signers"):
        credential.sign(record.build(draft()), [key(name) for name in names])


@pytest.mark.parametrize(
    "change",
    [
        {"facts": {}},
        {"facts": {**world.FACTS["planting"], "price": 3}},
        {"facts": {**world.FACTS["planting"], "areaSquareMetres": 0}},
        {"facts": {**world.FACTS["planting"], "areaSquareMetres": 1.0005}},
        {"facts": {**world.FACTS["planting"], "areaSquareMetres": 10**9}},
        {"facts": {**world.FACTS["planting"], "areaSquareMetres": True}},
        {"facts": {**world.FACTS["planting"], "variety": "x" * 201}},
        {"facts": {**world.FACTS["planting"], "variety": "hidden \u202e"}},
        {"step": "harvest"},
        {"step": "blessing"},
        {"farm": "Demo"},
        {"batch": "short"},
        {"nonce": b"\x00" * 8},
        {"signers": []},
        {"signers": [Signer(did("packer"), "packer")]},
        {"signers": [Signer(did("grower"), "grower")] * 2},
        {"signers": [Signer("did:key:z6Mk", "grower")]},
        {"previous": [b"\x00" * 31]},
        {"demo": Text("", "")},
        {"id_base": "ftp://farm.example"},
        {"utc_offset": 1_000},
        {"place": replace(world.PLACE, country="china")},
        {"place": replace(world.PLACE, lat=91)},
        {"evidence": HARVEST.evidence},
        {"not_before": replace(world.BEFORE, block_hash="0xabc")},
    ],
)
def test_a_draft_that_would_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        record.build(replace(draft(), **change))


@pytest.mark.parametrize(("degrees", "kept"), [(36.066, 36.07), (-120.004, -120), (0.0, 0), (45.5, 45.5)])
def test_places_are_kept_to_two_decimals(degrees: float, kept: float) -> None:
    place = replace(world.PLACE, lat=0, lon=degrees)
    assert place.to_json()["lon"] == kept


def _edited(change: Callable[[Any], object]) -> bytes:
    document = copy.deepcopy(HARVEST.document)
    change(document)
    return jcs.canonical(document)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["cropmark"]["evidence"].update({"from": said["cropmark"]["evidence"]["to"]}),
        lambda said: said["cropmark"]["evidence"]["devices"].reverse(),
        lambda said: said["cropmark"]["evidence"]["devices"][0].update(to=1),
        lambda said: said["cropmark"]["evidence"]["devices"].append(said["cropmark"]["evidence"]["devices"][0]),
        lambda said: said["cropmark"]["evidence"]["gateways"].append(said["cropmark"]["evidence"]["gateways"][0]),
        lambda said: said["cropmark"]["evidence"].update(field="south"),
        lambda said: said["cropmark"].update(previous=said["cropmark"]["previous"] * 2),
        lambda said: said["credentialSubject"].update(eventTime="2026-05-02T01:00:00.5Z"),
        lambda said: said["credentialSubject"].update(eventID="https://cropmark.example/event/1"),
        lambda said: said["credentialSubject"].pop("eventTimeZoneOffset"),
        lambda said: said.update(proof=said["proof"] * 9),
        lambda said: said["proof"][0].update(verificationMethod=said["issuer"]),
    ],
)
def test_a_record_that_does_not_hold_together_is_refused(change: Callable[[Any], object]) -> None:
    with pytest.raises(RecordError) as caught:
        record.parse(_edited(change))
    assert caught.value.defect == "profile"


def test_an_unknown_version_is_said_to_be_one() -> None:
    with pytest.raises(RecordError) as caught:
        record.parse(_edited(lambda said: said["cropmark"].update(version=2)))
    assert caught.value.defect == "unknown-version"


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b'"x"', PLANTING.data[:-1], PLANTING.data + b" "])
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    with pytest.raises(RecordError):
        record.parse(data)
    with pytest.raises(RecordError):
        key_record.parse(data)


def test_a_record_is_no_key_record_and_the_other_way_round() -> None:
    with pytest.raises(RecordError):
        key_record.parse(PLANTING.data)
    with pytest.raises(RecordError):
        record.parse(WORLD.keys[0][0].data)


KEY = KeyDraft(
    did("grower"), did("registrar"), "demo", "wang", Text("Wang", "王"), "grower", "record", "self", 1_777_000_000_000,
    bytes(16),
)  # fmt: skip


def test_a_key_record_says_what_its_draft_said() -> None:
    made = key_record.parse(credential.sign(key_record.build_key_registration(KEY), [key("registrar"), key("grower")]))
    assert (made.key, made.registrar, made.party, made.role, made.use) == (
        did("grower"), did("registrar"), "wang", "grower", "record",
    )  # fmt: skip
    assert (made.custody, made.written_at, made.name, made.demo) == ("self", 1_777_000_000_000, KEY.name, None)
    assert [signer.role for signer in made.signers] == ["registrar", "grower"]


@pytest.mark.parametrize(("role", "use"), [("gateway", "segment"), ("ingest", "receipt"), ("registrar", "registry")])
def test_a_key_that_signs_no_records_is_registered_by_the_registrar_alone(role: Any, use: Any) -> None:
    document = key_record.build_key_registration(replace(KEY, role=role, use=use))
    made = key_record.parse(credential.sign(document, [key("registrar")]))
    assert [signer.role for signer in made.signers] == ["registrar"]


@pytest.mark.parametrize(
    "change",
    [
        {"role": "gateway"},
        {"use": "segment"},
        {"use": "checkpoint"},
        {"custody": "nobody"},
        {"party": "Wang Wei"},
        {"key": "did:web:example.org"},
    ],
)
def test_a_key_draft_that_would_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((RecordError, KeyError)):
        key_record.build_key_registration(replace(KEY, **change))


_HASHES = st.binary(min_size=32, max_size=32)


@given(_HASHES, _HASHES, st.integers(1, 2**40))
def test_entries_come_back(one: bytes, two: bytes, size: int) -> None:
    assert entry.parse(entry.record_entry(one, two)) == RecordEntry(one, two)
    assert entry.parse(entry.segments_entry(one, size, two)) == SegmentsEntry(one, size, two)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        cbor.encode(["cropmark/entry/v2", "record", bytes(32), bytes(32)]),
        cbor.encode(["cropmark/entry/v1", "status", bytes(32)]),
        cbor.encode(["cropmark/entry/v1", "record", bytes(31), bytes(32)]),
        cbor.encode(["cropmark/entry/v1", "segments", bytes(32), 0, bytes(32)]),
    ],
)
def test_other_bytes_are_no_entries(data: bytes) -> None:
    with pytest.raises(EntryError):
        entry.parse(data)
