"""Attacks on the log's proofs, its checkpoint, the witnesses, the anchor and the time window."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from cropmark_trace import bundle, checkpoint
from cropmark_trace.chain_facts import Block, ChainFacts, Event
from cropmark_trace.checkpoint import Checkpoint
from cropmark_trace.verdict import Name
from tests.trace import world
from tests.trace.changed import GOOD_BUNDLE, GOOD_BYTES, GOOD_FACTS, SEASON, case, edited, made, rebuilt
from tests.trace.corpus import Case
from tests.trace.world import ANCHOR, BEFORE, ORIGIN, POLICY, PUBLIC, key

_WITNESSED = replace(PUBLIC, witnesses=world.WITNESSES, quorum=2)
_OTHER = "0x" + sha256(b"another").hexdigest()
_HASH = b64encode(sha256(b"another").digest()).decode()


def cases() -> Iterator[Case]:
    """Yield them."""
    yield from _inclusion()
    yield from _checkpoints()
    yield from _witnesses()
    yield from _anchors()
    yield from _chain_says()
    yield from _window()


def _inclusion() -> Iterator[Case]:
    def path(part: str) -> Any:
        return lambda said: said[part][0]["path"].__setitem__(0, _HASH)

    yield edited("inclusion-wrong", {"log": "record-not-in-log"}, path("records"))
    yield edited("inclusion-of-a-key-wrong", {"log": "key-not-in-log"}, path("keys"))
    yield edited("inclusion-of-segments-wrong", {"log": "segments-not-in-log"}, path("segments"))
    yield edited(
        "inclusion-path-too-short", {"log": "record-not-in-log"}, lambda said: said["records"][0]["path"].pop()
    )  # fmt: skip
    yield edited(
        "inclusion-path-too-long",
        {"log": "record-not-in-log"},
        lambda said: said["records"][0]["path"].append(_HASH),
    )
    yield edited(
        "index-changed", {"log": "record-not-in-log"}, lambda said: said["records"][4].update(index=18)
    )  # fmt: skip
    yield edited(
        "index-beyond-the-tree", {"log": "record-not-in-log"}, lambda said: said["records"][4].update(index=2**53 - 1)
    )


def _note(said: Checkpoint, name: str = ORIGIN, signer: str = "log") -> str:
    return checkpoint.sign(said, name, key(signer))


def _checkpoints() -> Iterator[Case]:
    good = SEASON.checkpoint()
    forged = GOOD_BUNDLE.checkpoint.replace(b64encode(good.root).decode(), _HASH)
    yield rebuilt(
        "checkpoint-forged", {"log": "checkpoint-forged", "anchor": "root-differs"}, checkpoint=forged
    )  # fmt: skip
    yield rebuilt("checkpoint-signature-changed", {"log": "checkpoint-forged"}, checkpoint=_one_bit(GOOD_BUNDLE))
    yield rebuilt("checkpoint-other-key", {"log": "checkpoint-not-signed"}, checkpoint=_note(good, signer="stranger"))
    yield rebuilt("checkpoint-other-name", {"log": "checkpoint-not-signed"}, checkpoint=_note(good, name="log.example"))
    other = Checkpoint("log.cropmark.example/other", good.size, good.root)
    yield rebuilt("checkpoint-other-origin", {"log": "other-origin"}, checkpoint=_note(other))
    yield rebuilt("bundle-names-another-origin", {"log": "other-origin"}, origin="log.cropmark.example/other")
    malformed: dict[Name, str] = {"log": "checkpoint-malformed", "anchor": "not-anchored"}
    text = good.text() + "an extension line\n"
    line = checkpoint.signature_line(ORIGIN, 1, _public("log"), key("log").sign(text.encode()))
    yield rebuilt("checkpoint-with-an-extension-line", malformed, checkpoint=f"{text}\n{line}")
    yield rebuilt("checkpoint-without-a-signature", malformed, checkpoint=good.text())
    yield rebuilt("checkpoint-empty", malformed, checkpoint="")
    yield rebuilt(
        "checkpoint-size-with-a-zero", malformed, checkpoint=GOOD_BUNDLE.checkpoint.replace("\n20\n", "\n020\n")
    )  # fmt: skip
    earlier = world.season(not_before=BEFORE)
    earlier.leaves = earlier.leaves[: earlier.records[-1][1]]
    size = replace(GOOD_BUNDLE, checkpoint=_note(earlier.checkpoint()))
    yield made("checkpoint-of-an-earlier-log", {"log": "record-not-in-log"}, earlier, size)


def _public(name: str) -> bytes:
    return key(name).public_key().public_bytes_raw()


def _one_bit(good: bundle.Bundle) -> str:
    note = good.checkpoint
    at = len(note) - 12
    return note[:at] + ("A" if note[at] != "A" else "B") + note[at + 1 :]


def _witnesses() -> Iterator[Case]:
    one = checkpoint.cosign(GOOD_BUNDLE.checkpoint, "witness.example/a", key("witness a"), time=1_788_000_000)
    both = checkpoint.cosign(one, "witness.example/b", key("witness b"), time=1_788_000_005)
    stranger = checkpoint.cosign(one, "witness.example/c", key("witness c"), time=1_788_000_005)

    def cosigned(name: str, note: str, code: str, policy: Any = _WITNESSED) -> Case:
        return case(name, bundle.build(replace(GOOD_BUNDLE, checkpoint=note)), {"witnesses": code}, policy=policy)

    yield cosigned("good-cosigned", both, "ok")
    yield cosigned("cosigned-by-too-few", one, "too-few")
    yield cosigned("cosigned-by-a-stranger", stranger, "too-few")
    yield cosigned("cosigned-by-nobody", GOOD_BUNDLE.checkpoint, "too-few")
    wrong = checkpoint.cosign(GOOD_BUNDLE.checkpoint, "witness.example/a", key("witness a"), time=1)
    mixed = wrong.replace(wrong.splitlines()[-1], _renamed(one.splitlines()[-1]))
    yield cosigned("cosignature-forged", mixed, "forged")
    together = tuple(replace(item, operator="Orchard University") for item in world.WITNESSES)
    yield cosigned("two-witnesses-of-one-operator", both, "too-few", replace(_WITNESSED, witnesses=together))


def _renamed(line: str) -> str:
    """Return a signature line with its last signature byte changed."""
    return line[:-4] + ("A" if line[-4] != "A" else "B") + line[-3:]


def _anchors() -> Iterator[Case]:
    none: dict[Name, str] = {"anchor": "not-anchored", "time-window": "not-anchored"}
    yield rebuilt("not-anchored", none, anchor=None)
    yield case(
        "operator-chain", GOOD_BYTES, {"anchor": "operator-chain", "time-window": "operator-chain"}, policy=POLICY
    )  # fmt: skip
    yield case("no-rpc", GOOD_BYTES, {"anchor": "no-rpc", "time-window": "no-rpc"}, chain=None)
    by_hand: dict[Name, str] = {"anchor": "block-hash-only", "time-window": "block-hash-only"}
    yield case("block-hash-only", GOOD_BYTES, by_hand, chain=None, block_hash=ANCHOR.block_hash)
    differs: dict[Name, str] = {"anchor": "block-differs", "time-window": "block-differs"}
    yield case("block-hash-differs", GOOD_BYTES, differs, chain=None, block_hash=_OTHER)
    yield case("block-hash-differs-from-the-rpc", GOOD_BYTES, differs, block_hash=_OTHER)
    yield case("block-hash-and-rpc", GOOD_BYTES, {}, block_hash=ANCHOR.block_hash)
    contract: dict[Name, str] = {"anchor": "other-contract"}
    yield rebuilt("other-contract", contract, anchor=replace(ANCHOR, contract="0x" + "ab" * 20))
    yield rebuilt("other-log-id", contract, anchor=replace(ANCHOR, log_id=_OTHER))
    yield case("contract-not-in-policy", GOOD_BYTES, contract, policy=replace(PUBLIC, chains=()))
    yield rebuilt("anchor-time-changed", differs, anchor=replace(ANCHOR, time=ANCHOR.time - 5))
    yield rebuilt("anchor-block-changed", differs, anchor=replace(ANCHOR, block=ANCHOR.block - 1))
    yield rebuilt("anchor-transaction-changed", {"anchor": "not-in-block"}, anchor=replace(ANCHOR, transaction=_OTHER))


def _chain_says() -> Iterator[Case]:
    def told(name: str, differs: dict[Name, str], **members: Any) -> Case:
        facts: ChainFacts = replace(GOOD_FACTS, **members)
        return case(name, GOOD_BYTES, differs, chain=facts)

    other: dict[Name, str] = {"anchor": "other-chain", "time-window": "other-chain"}
    yield told("rpc-of-another-chain", other, chain=1)
    yield told("rpc-has-another-root", {"anchor": "root-differs"}, root=_OTHER)
    yield told("rpc-has-no-root", {"anchor": "root-missing"}, root=None)
    yield told("rpc-has-no-event", {"anchor": "not-in-block"}, events=())
    event = GOOD_FACTS.events[0]
    yield told("rpc-has-an-event-of-another-root", {"anchor": "not-in-block"}, events=[replace(event, root=_OTHER)])
    elsewhere = Event(event.root, event.transaction, _OTHER)
    yield told("rpc-has-the-event-in-another-block", {"anchor": "not-in-block"}, events=[elsewhere])
    blocks: Mapping[int, Block] = GOOD_FACTS.blocks
    differs: dict[Name, str] = {"anchor": "block-differs", "time-window": "block-differs"}
    yield told("rpc-has-no-such-block", differs, blocks={BEFORE.block: blocks[BEFORE.block]})
    yield told(
        "rpc-has-another-block", differs, blocks={**blocks, ANCHOR.block: Block(_OTHER, ANCHOR.time)}
    )  # fmt: skip
    lower: dict[Name, str] = {"time-window": "block-differs"}
    yield told("rpc-has-another-earlier-block", lower, blocks={**blocks, BEFORE.block: Block(_OTHER, world.EARLY)})


def _window() -> Iterator[Case]:
    yield made("no-lower-bound", {"time-window": "no-lower-bound"}, world.season())
    yield made("demo", {"anchor": "ok", "time-window": "no-lower-bound"}, world.season())
    late = world.season(not_before=replace(BEFORE, size=12))
    yield made("not-before-a-larger-log", {"time-window": "before-it-could"}, late)
    later = world.season(not_before=replace(BEFORE, block=43))
    yield made("not-before-a-later-block", {"time-window": "before-it-could"}, later)
    early = replace(ANCHOR, time=ANCHOR.time - 10 * 86_400)
    facts = replace(GOOD_FACTS, blocks={**GOOD_FACTS.blocks, ANCHOR.block: Block(ANCHOR.block_hash, early.time)})
    data = bundle.build(replace(GOOD_BUNDLE, anchor=early))
    yield case("records-from-after-the-anchor", data, {"time-window": "after-the-anchor"}, chain=facts)
