"""COSE_Sign1, read by another CBOR library and another path to the signature; and the official Ed25519 cases."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cropmark_ingest import cbor, cose

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_the_structure_is_rfc_9052s_as_another_library_reads_it() -> None:
    data = cose.sign1(b"payload", "some/domain", KEY)
    protected, unprotected, payload, signature = cbor2.loads(data)
    assert unprotected == {}
    assert payload == b"payload"
    assert cbor2.loads(protected) == {1: -8, 4: KEY.public_key().public_bytes_raw()}
    # RFC 9052 §4.4: what is signed is the encoded array of context, protected header, external data and payload.
    signed = cbor2.dumps(["Signature1", protected, b"some/domain", payload])
    KEY.public_key().verify(signature, signed)
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(signature, signed + b"\0")


def test_it_verifies_under_its_own_domain_only() -> None:
    data = cose.sign1(b"payload", "one/domain", KEY)
    assert cose.verify1(data, "one/domain") == cose.Signed(cose.public_bytes(KEY), b"payload")
    with pytest.raises(cose.CoseError, match="signature"):
        cose.verify1(data, "another/domain")


def test_every_flipped_bit_is_refused() -> None:
    data = cose.sign1(b"payload", "d", KEY)
    for at in range(len(data) * 8):
        bad = bytearray(data)
        bad[at // 8] ^= 1 << at % 8
        with pytest.raises(cose.CoseError):
            cose.verify1(bytes(bad), "d")


def signed_as(protected: bytes, unprotected: cbor.Value = None) -> bytes:
    to_sign = cbor.encode(["Signature1", protected, b"d", b"p"])
    return cbor.encode([protected, {} if unprotected is None else unprotected, b"p", KEY.sign(to_sign)])


def test_a_header_of_another_shape_is_refused_even_when_its_signature_is_right() -> None:
    key = cose.public_bytes(KEY)
    assert cose.verify1(signed_as(cbor.encode({1: -8, 4: key})), "d").payload == b"p"
    shapes = {
        "another algorithm": signed_as(cbor.encode({1: -7, 4: key})),
        "no algorithm": signed_as(cbor.encode({4: key})),
        "no key": signed_as(cbor.encode({1: -8})),
        "a short key": signed_as(cbor.encode({1: -8, 4: key[:31]})),
        "one member more": signed_as(cbor.encode({1: -8, 4: key, 5: 0})),
        "an empty header": signed_as(b""),
        "an unprotected member": signed_as(cbor.encode({1: -8, 4: key}), {4: key}),
    }
    for shape, data in shapes.items():
        with pytest.raises(cose.CoseError):
            pytest.fail(f"{shape} was taken: {cose.verify1(data, 'd')}")


def cases(shared: Path) -> list[tuple[bytes, dict[str, Any]]]:
    groups = json.loads((shared / "vectors/wycheproof/ed25519_test.json").read_text())["testGroups"]
    return [(bytes.fromhex(group["publicKey"]["pk"]), case) for group in groups for case in group["tests"]]


def test_the_signature_check_agrees_with_the_official_cases(shared: Path) -> None:
    # The library under COSE, held to Wycheproof: malleated and truncated signatures among them.
    results = []
    for key, case in cases(shared):
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            verdict = "valid"
        except InvalidSignature:
            verdict = "invalid"
        results.append((case["tcId"], case["result"], verdict))
    assert len(results) == 151
    assert [row for row in results if row[1] != row[2]] == []
