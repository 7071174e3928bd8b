"""Attacks on records: their text, signatures, keys and order."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cropmark_trace import credential, proof, record
from cropmark_trace.verdict import Name
from tests.trace import world
from tests.trace.changed import GOOD_BUNDLE, GOOD_BYTES, SEASON, case, changed, edited, made, rebuilt
from tests.trace.corpus import Case
from tests.trace.world import BEFORE, GROWER, PACKER, World, grown, harvested, key, packed, registered

_TWO = [*GROWER, *PACKER]
_NOT_LOGGED: dict[Name, str] = {"log": "record-not-in-log"}


def _world() -> World:
    return World(not_before=BEFORE)


def cases() -> Iterator[Case]:
    """Yield them."""
    yield from _texts()
    yield from _signatures()
    yield from _keys()
    yield from _order()
    yield case("other-batch", GOOD_BYTES, {"schema": "other-batch"}, batch="AAAAAAAAAAAAAAAAAAAA")
    yield case("no-batch-scanned", GOOD_BYTES, {}, batch=None)
    yield edited("batch-relabelled", {"schema": "other-batch"}, lambda said: said.update(batch="A" * 20))
    yield _mixed_field()


def _texts() -> Iterator[Case]:
    def reworded(said: Any) -> None:
        said["cropmark"]["place"]["name"]["en"] = "Willow Bend, north fielt"

    all_three: dict[Name, str] = {"signatures": "signature-wrong", "chain": "gap", **_NOT_LOGGED}
    yield edited("record-byte-changed", all_three, changed(1, reworded))
    yield edited("last-record-byte-changed", {"signatures": "signature-wrong", **_NOT_LOGGED}, changed(4, reworded))
    yield edited(
        "harvest-byte-changed", {**all_three, "evidence": "sample-missing"}, changed(3, reworded)
    )  # fmt: skip
    yield edited("demo-mark-removed", all_three, changed(0, lambda said: said["cropmark"].update(demo=None)))

    def renamed(said: Any) -> None:
        said["credentialSubject"]["party"]["name"]["en"] = "Ministry of Agriculture"

    yield edited(
        "party-renamed",
        {"signatures": "signature-wrong", "log": "key-not-in-log"},
        lambda said: renamed(said["keys"][0]["record"]),
    )


def _signatures() -> Iterator[Case]:
    two = _world()
    registered(two)
    grown(two)
    harvested(two, _TWO)
    packed(two)
    yield made("good-two-signers", {}, two)

    def one_proof(said: Any) -> None:
        said["records"][3]["record"]["proof"].pop()

    yield case(
        "signature-missing",
        editor_of(two, one_proof),
        {"signatures": "signature-missing", **_NOT_LOGGED},
        chain=two.facts(),
    )

    def two_swapped(said: Any) -> None:
        said["records"][3]["record"]["proof"].reverse()

    yield case(
        "proofs-in-another-order",
        editor_of(two, two_swapped),
        {"signatures": "signature-extra", **_NOT_LOGGED},
        chain=two.facts(),
    )
    stranger = proof.create(_plain(1), key("stranger"), created="2026-05-22T02:00:00Z")
    yield edited(
        "extra-proof",
        {"signatures": "signature-extra", **_NOT_LOGGED},
        changed(1, lambda said: said["proof"].append(stranger)),
    )
    yield edited(
        "signed-by-a-stranger",
        {"signatures": "signature-missing", **_NOT_LOGGED},
        changed(1, lambda said: said.update(proof=[stranger])),
    )
    elsewhere = SEASON.records[2][0].document["proof"]
    yield edited(
        "signature-of-another-record",
        {"signatures": "signature-wrong", **_NOT_LOGGED},
        changed(1, lambda said: said.update(proof=elsewhere)),
    )
    yield edited(
        "proof-time-changed",
        {"signatures": "signature-wrong", **_NOT_LOGGED},
        changed(1, lambda said: said["proof"][0].update(created="2026-05-22T02:00:01Z")),
    )
    again = proof.create(_plain(1), key("grower"), created="2026-05-30T00:00:00Z")
    yield edited(
        "signed-again-after-logging", _NOT_LOGGED, changed(1, lambda said: said.update(proof=[again]))
    )  # fmt: skip
    yield edited(
        "signature-is-not-64-bytes",
        {"signatures": "signature-wrong", **_NOT_LOGGED},
        changed(1, lambda said: said["proof"][0].update(proofValue="z" + "1" * 70)),
    )


def _plain(number: int) -> Any:
    return credential.without_proof(SEASON.records[number][0].document)


def editor_of(other: World, *changes: Any) -> bytes:
    """Return another world's bundle after changes to its JSON."""
    from cropmark_trace import bundle, jcs  # noqa: PLC0415 - beside their one use

    document = json.loads(bundle.build(other.bundle()))
    for change in changes:
        change(document)
    return jcs.canonical(document)


def _keys() -> Iterator[Case]:
    keys = GOOD_BUNDLE.keys
    yield rebuilt("key-not-registered", {"keys": "key-not-registered"}, keys=keys[1:])
    yield rebuilt("gateway-key-not-registered", {"keys": "key-not-registered"}, keys=keys[:2])
    yield case(
        "other-registrar",
        GOOD_BYTES,
        {"keys": "other-registrar"},
        policy=replace(world.PUBLIC, registrar=world.did("another registrar")),
    )
    yield made("own-registrar", {"keys": "other-registrar"}, _enrolled(registrar="stranger"))
    yield made("wrong-use", {"keys": "wrong-use"}, _enrolled(role="gateway", use="segment"))
    yield made("wrong-role", {"keys": "wrong-role"}, _enrolled(role="packer"))
    yield made("key-of-another-farm", {"schema": "other-farm", "keys": "wrong-farm"}, _enrolled(farm="other"))
    late = _world()
    late.register("packer", "packer", custody="operator")
    late.register("gateway", "gateway", "segment", "operator")
    late.sign(late.draft("planting", 0, world.FACTS["planting"], GROWER), ["grower"])
    late.register("grower", "grower")
    harvested(late)
    packed(late)
    yield made("key-registered-later", {"keys": "key-registered-later"}, late)
    late_gateway = _world()
    late_gateway.register("grower", "grower")
    late_gateway.register("packer", "packer", custody="operator")
    grown(late_gateway)
    harvested(late_gateway)
    late_gateway.register("gateway", "gateway", "segment", "operator")
    packed(late_gateway)
    yield made("gateway-registered-later", {"keys": "key-registered-later"}, late_gateway)
    yield made("one-custodian", {"keys": "one-custodian"}, _one_custodian())
    yield made("all-keys-self-held", {"keys": "ok"}, _self_held())
    yield case("no-policy", GOOD_BYTES, _NO_POLICY, policy=None)


_NO_POLICY: dict[Name, str] = {
    "keys": "no-policy",
    "log": "no-policy",
    "anchor": "no-policy",
    "time-window": "no-policy",
}


def _enrolled(**grower: Any) -> World:
    made_so = _world()
    made_so.register("grower", **{"role": "grower", **grower})
    made_so.register("packer", "packer", custody="operator")
    made_so.register("gateway", "gateway", "segment", "operator")
    grown(made_so)
    harvested(made_so)
    packed(made_so)
    return made_so


def _one_custodian() -> World:
    made_so = _world()
    made_so.register("grower", "grower", custody="operator")
    made_so.register("packer", "packer", custody="operator")
    made_so.register("gateway", "gateway", "segment", "operator")
    grown(made_so)
    harvested(made_so, _TWO)
    packed(made_so)
    return made_so


def _self_held() -> World:
    made_so = _world()
    made_so.register("grower", "grower")
    made_so.register("packer", "packer")
    made_so.register("gateway", "gateway", "segment", "operator")
    grown(made_so)
    harvested(made_so)
    packed(made_so)
    return made_so


def _order() -> Iterator[Case]:
    records = list(GOOD_BUNDLE.records)
    yield rebuilt("chain-gap", {"chain": "gap"}, records=[records[0], *records[2:]])
    yield rebuilt("chain-without-its-beginning", {"chain": "not-first"}, records=records[1:])
    yield rebuilt("chain-reordered", {"chain": "gap"}, records=[records[0], records[2], records[1], *records[3:]])
    yield made("chain-fork", {"chain": "fork"}, _forked())
    late = _world()
    registered(late)
    grown(late)
    harvested(late)
    packed(late)
    late.records[1], late.records[2] = _exchanged(late)
    yield made("chain-logged-in-another-order", {"chain": "order", "log": "record-not-in-log"}, late)


def _exchanged(late: World) -> tuple[tuple[record.Record, int], tuple[record.Record, int]]:
    (one, first), (two, second) = late.records[1], late.records[2]
    return (one, second), (two, first)


def _forked() -> World:
    made_so = _world()
    registered(made_so)
    grown(made_so)
    aside = replace(made_so.draft("input", 65, world.FACTS["compost"], GROWER))
    before = made_so.records[-1][0].previous
    made_so.sign(replace(aside, previous=list(before)), ["grower"])
    harvested(made_so)
    packed(made_so)
    return made_so


def _mixed_field() -> Case:
    mixed = _world()
    registered(mixed)
    grown(mixed)
    draft = replace(mixed.draft("input", 66, world.FACTS["water"], GROWER), field="south")
    mixed.sign(draft, ["grower"])
    harvested(mixed)
    packed(mixed)
    return made("record-of-another-field", {"schema": "other-farm"}, mixed)
