"""Bundles whose form is broken, and what is no bundle at all."""

import json
from collections.abc import Iterator
from typing import Any

from cropmark_trace.jcs import canonical
from tests.trace.changed import GOOD_BYTES, Change, case, changed, editor
from tests.trace.corpus import Case, unread


def _form(name: str, code: str, data: bytes) -> Case:
    return case(name, data, unread(code))


def _unusable(name: str, data: bytes) -> Case:
    return Case(name, data, unusable=True)


def _replaced(old: str, new: str) -> bytes:
    assert old.encode() in GOOD_BYTES, f"{old} is not in the good bundle"
    return GOOD_BYTES.replace(old.encode(), new.encode(), 1)


def cases() -> Iterator[Case]:
    """Yield them."""
    yield case("good", GOOD_BYTES, {})
    yield _unusable("empty", b"")
    yield _unusable("not-json", GOOD_BYTES[:-1])
    yield _unusable("not-utf-8", _replaced("Willow", "Will\x00w").replace(b"\x00", b"\xff"))
    yield _unusable("byte-order-mark", b"\xef\xbb\xbf" + GOOD_BYTES)
    yield _unusable("infinity", _replaced('"size":1}', '"size":Infinity}'))
    yield _unusable("two-values", GOOD_BYTES + b"{}")
    yield _unusable("somebody-elses-json", b'{"type":"EPCISDocument"}')
    yield _unusable("an-array", b"[]")
    yield _unusable("oversize", editor(lambda document: document["hints"].update(padding="x" * 1024 * 1024)))
    yield _unusable("deep", _replaced('"hints":{', '"hints":{"deep":' + "[" * 1000 + "]" * 1000 + ","))
    yield _unusable("deeper-than-a-stack", b"[" * 500_000 + b"]" * 500_000)
    yield _form("unknown-version", "unknown-version", _replaced("bundle/v1", "bundle/v2"))
    yield _form("unknown-record-version", "unknown-version", _replaced('"version":1}', '"version":2}'))
    yield _form("not-canonical-space", "not-canonical", _replaced('"batch":', '"batch": '))
    yield _form("not-canonical-order", "not-canonical", _swapped())
    yield _form("not-canonical-escape", "not-canonical", _replaced("Willow", "\\u0057illow"))
    yield _form(
        "not-canonical-number", "not-canonical", _replaced('"areaSquareMetres":12600.5', '"areaSquareMetres":12600.50')
    )
    yield _form("name-twice", "not-canonical", _replaced('"batch":', '"batch":"AAAAAAAAAAAAAAAAAAAA","batch":'))
    yield _form("float-four-decimals", "number", _replaced("12600.5", "12600.5001"))
    yield _form("float-exponent", "number", _replaced("12600.5", "1.26e4"))
    yield _form("float-too-large", "number", _replaced("12600.5", "1000000000.5"))
    yield _form("big-integer", "number", _replaced('"size":1}', '"size":9007199254740992}'))
    yield _form("huge-integer", "number", _replaced('"size":1}', '"size":' + "9" * 10_000 + "}"))
    yield _form("minus-zero", "not-canonical", _replaced('"block":7,', '"block":-0,'))
    yield _form("bidi", "text", _replaced("Willow Bend, north", "Willow \u202eBend, north"))
    yield _form("bidi-in-a-hint", "text", _replaced('"cooperative":"', '"cooperative":"\u2067'))
    yield _form("control-character", "text", _replaced("Willow Bend, north", "Willow\\nBend, north"))
    yield _form("not-nfc", "text", _replaced("Jinyin", "Jinyi\u0301n"))
    yield _form("lone-surrogate", "text", _replaced("Jinyin", "\\ud800"))
    yield from _shapes()


def _swapped() -> bytes:
    document = json.loads(GOOD_BYTES)
    pairs = list(document.items())
    return json.dumps(dict([*pairs[1:], pairs[0]]), ensure_ascii=False, separators=(",", ":")).encode()


def _shapes() -> Iterator[Case]:
    def profile(name: str, change: Change) -> Case:
        return _form(name, "profile", editor(change))

    yield profile("extra-member", lambda bundle: bundle.update(extra=1))
    yield profile("member-missing", lambda bundle: bundle.pop("anchor"))
    yield profile("extra-member-in-a-record", changed(0, lambda said: said["cropmark"].update(price=3)))
    yield profile("extra-member-in-an-event", changed(0, lambda said: said["credentialSubject"].update(ilmd={})))
    yield profile(
        "event-of-another-weight", changed(3, lambda said: said["cropmark"]["facts"].update(weightKilograms=900))
    )
    yield profile("event-true-for-one", changed(4, _units))
    yield profile("unknown-step", changed(0, lambda said: said["cropmark"].update(step="blessing")))
    yield profile("unknown-suite", changed(0, lambda said: said["proof"][0].update(cryptosuite="eddsa-rdfc-2022")))
    yield profile("proof-chain", changed(0, lambda said: said["proof"][0].update(previousProof="urn:uuid:1")))
    yield profile("no-proofs", changed(0, lambda said: said.update(proof=[])))
    yield profile("proof-not-in-a-set", changed(0, lambda said: said.update(proof=said["proof"][0])))
    yield profile("issuer-is-not-the-signer", changed(0, lambda said: said.update(issuer=GOOD_ISSUER)))
    yield profile("no-grower", changed(0, lambda said: said["cropmark"]["requiredSigners"][0].update(role="packer")))
    yield profile("day-that-is-none", changed(0, lambda said: said.update(validFrom="2026-02-30T00:00:00Z")))
    yield profile("evidence-in-planting", _evidence_moved)
    yield profile("key-twice", lambda bundle: bundle["keys"].append(bundle["keys"][0]))
    yield profile(
        "unknown-use", lambda bundle: bundle["keys"][0]["record"]["credentialSubject"].update(use="checkpoint")
    )
    yield profile("key-record-without-the-key", _lonely)
    yield profile("base64-stray-bits", _stray)
    yield profile(
        "path-hash-of-31-bytes", lambda bundle: bundle["records"][0]["path"].__setitem__(0, "A" * 40 + "AA==")
    )
    yield profile("no-records", lambda bundle: bundle.update(records=[]))
    yield profile("index-below-zero", lambda bundle: bundle["records"][0].update(index=-1))
    yield profile("summary-uneven", lambda bundle: bundle["summary"]["metrics"]["rainfall"]["sum"].pop())
    yield profile(
        "record-in-place-of-a-key", lambda bundle: bundle["keys"][0].update(record=bundle["records"][0]["record"])
    )
    yield _form("number-before-text", "number", _replaced("12600.5", "1e3").replace(b"Bend", "\u202e".encode()))
    assert canonical(json.loads(GOOD_BYTES)) == GOOD_BYTES


GOOD_ISSUER = json.loads(GOOD_BYTES)["records"][4]["record"]["issuer"]


def _units(said: Any) -> None:
    said["credentialSubject"]["outputQuantityList"][0]["quantity"] = True


def _evidence_moved(bundle: Any) -> None:
    records = bundle["records"]
    records[0]["record"]["cropmark"]["evidence"] = records[3]["record"]["cropmark"]["evidence"]


def _lonely(bundle: Any) -> None:
    bundle["keys"][0]["record"]["cropmark"]["requiredSigners"].pop()


def _stray(bundle: Any) -> None:
    """Set a bit that base64 carries and no byte has."""
    path = bundle["records"][0]["path"]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    path[0] = path[0][:-2] + letters[letters.index(path[0][-2]) + 1] + "="
