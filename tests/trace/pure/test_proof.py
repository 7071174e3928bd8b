"""Proofs are W3C's eddsa-jcs-2022, step by step, and verify only as they were made."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cropmark_ingest.cose import public_bytes
from cropmark_trace import jcs, multikey, proof
from cropmark_trace.multikey import MultikeyError
from tests.trace.world import key

DOCUMENT: dict[str, Any] = {"@context": ["https://example.org/a"], "says": "it is so"}


@pytest.fixture
def vectors(shared: Path) -> Path:
    return shared / "vectors" / "vc-di-eddsa" / "TestVectors"


def _json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def test_every_step_of_the_official_vector_is_reproduced(vectors: Path) -> None:
    folder = vectors / "eddsa-jcs-2022"
    signed = _json(folder / "signedJCS.json")
    made = signed.pop("proof")
    options = _json(folder / "proofConfigJCS.json")
    canonical = jcs.canonical(signed)
    assert canonical == (folder / "canonDocJCS.txt").read_bytes().strip()
    assert jcs.canonical(options) == (folder / "proofCanonJCS.txt").read_bytes().strip()
    assert sha256(canonical).hexdigest() == (folder / "docHashJCS.txt").read_text().strip()
    assert sha256(jcs.canonical(options)).hexdigest() == (folder / "proofHashJCS.txt").read_text().strip()
    assert proof.signing_input(signed, options).hex() == (folder / "combinedHashJCS.txt").read_text().strip()
    pair = _json(vectors / "keyPair.json")
    seed = multikey.base58_decode(pair["privateKeyMultibase"], 34)[2:]
    private = Ed25519PrivateKey.from_private_bytes(seed)
    assert multikey.encode(public_bytes(private)) == pair["publicKeyMultibase"]
    again = proof.create(signed, private, created=made["created"])
    assert again == made
    assert multikey.base58_decode(made["proofValue"], 64).hex() == (folder / "sigHexJCS.txt").read_text().strip()
    assert made["proofValue"] == (folder / "sigBTC58JCS.txt").read_text().strip()
    assert proof.verify(signed, made)


def test_another_suite_is_refused_even_if_genuine(vectors: Path) -> None:
    signed = _json(vectors / "eddsa-rdfc-2022" / "signedDataInt.json")
    made = signed.pop("proof")
    assert not proof.verify(signed, made)


def _wycheproof(shared: Path) -> list[tuple[str, bytes, Mapping[str, Any]]]:
    suite = _json(shared / "vectors" / "wycheproof" / "ed25519_test.json")
    return [
        (f"{test['tcId']} {test['comment']}", bytes.fromhex(group["publicKey"]["pk"]), test)
        for group in suite["testGroups"]
        for test in group["tests"]
    ]


def test_signatures_are_judged_as_wycheproof_says(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = _wycheproof(shared)
    assert len(cases) == 151
    for name, public, test in cases:
        monkeypatch.setattr(proof, "signing_input", lambda *_, test=test: bytes.fromhex(test["msg"]))
        did = multikey.did(public)
        made = {
            "type": proof.TYPE,
            "cryptosuite": proof.SUITE,
            "created": "2026-01-01T00:00:00Z",
            "verificationMethod": multikey.verification_method(did),
            "proofPurpose": proof.PURPOSE,
            "proofValue": multikey.base58_encode(bytes.fromhex(test["sig"])),
        }
        assert proof.verify({}, made) == (test["result"] == "valid"), name


def test_each_proof_of_a_set_stands_alone_over_the_document() -> None:
    proofs = [proof.create(DOCUMENT, key(name), created="2026-01-01T00:00:00Z") for name in ("a", "b")]
    assert [proof.signer(item) for item in proofs] == [multikey.did(public_bytes(key(name))) for name in ("a", "b")]
    assert all(proof.verify(DOCUMENT, item) for item in proofs)
    assert not proof.verify({**DOCUMENT, "says": "it is not so"}, proofs[0])


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Ed25519Signature2020"},
        {"cryptosuite": "eddsa-rdfc-2022"},
        {"proofPurpose": "authentication"},
        {"created": "2026-01-01T00:00:01Z"},
        {"created": 5},
        {"expires": "2027-01-01T00:00:00Z"},
        {"domain": "example.org"},
        {"@context": ["https://example.org/b"]},
        {"verificationMethod": "did:key:z6Mk"},
        {"verificationMethod": None},
        {"proofValue": "z" + "1" * 64},
        {"proofValue": None},
        {"proofValue": "m" + "A" * 86},
    ],
)
def test_a_proof_with_anything_else_in_it_does_not_verify(change: dict[str, Any]) -> None:
    made = proof.create(DOCUMENT, key("a"), created="2026-01-01T00:00:00Z")
    assert proof.verify(DOCUMENT, made)
    assert not proof.verify(DOCUMENT, {**made, **change})


@pytest.mark.parametrize("name", ["type", "created", "@context", "proofValue"])
def test_a_proof_without_a_member_does_not_verify(name: str) -> None:
    made = proof.create(DOCUMENT, key("a"), created="2026-01-01T00:00:00Z")
    del made[name]
    assert not proof.verify(DOCUMENT, made)


@given(st.binary(min_size=32, max_size=32))
def test_a_did_says_its_key_and_one_method(public: bytes) -> None:
    did = multikey.did(public)
    assert multikey.public_of(did) == public
    assert proof.signer({"verificationMethod": multikey.verification_method(did)}) == did


@pytest.mark.parametrize(
    "text",
    [
        "",
        "did:key:",
        "did:web:example.org",
        "did:key:z6Mk",
        "did:key:u7QEcxO",
        "did:key:z" + "1" * 48,
        "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
        "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ20",
        "did:key:z" + "2" * 5_000,
    ],
)
def test_what_is_not_an_ed25519_did_is_refused(text: str) -> None:
    with pytest.raises(MultikeyError):
        multikey.public_of(text)
