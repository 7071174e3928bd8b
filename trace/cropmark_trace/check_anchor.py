"""The checks ``anchor`` and ``time-window``: does a chain hold this checkpoint, and what lies between which blocks.

Pure; ``ChainFacts`` are what an RPC outside the bundle answered. A chain that the log's operator runs proves nothing to
others, so it never passes. Light clients and proofs of a block itself are not in this version: the RPC is believed.
"""

from collections.abc import Iterator
from typing import Final

from cropmark_trace.bundle import Anchor, Bundle
from cropmark_trace.chain_facts import Block, ChainFacts, ChainQuestion
from cropmark_trace.checkpoint import Checkpoint
from cropmark_trace.jcs import JsonValue  # noqa: TC001 - read by people, and by no type checker only
from cropmark_trace.policy import PinnedChain, Policy
from cropmark_trace.record import Record
from cropmark_trace.summary import iso
from cropmark_trace.verdict import Finding

SLACK: Final = 86_400
"""Seconds by which a claimed time may lie after the anchor's block: clocks of farms and chains differ."""


def question(bundle: Bundle, said: Checkpoint | None) -> ChainQuestion | None:
    """Return what to ask about a bundle's anchor, or None if there is none."""
    anchor = bundle.anchor
    if anchor is None or said is None:
        return None
    earlier = {
        item.record.not_before.block
        for item in bundle.records
        if item.record.not_before is not None and item.record.not_before.chain == anchor.chain
    }
    return ChainQuestion(
        anchor.chain, anchor.contract, anchor.log_id, said.size, anchor.block, sorted({anchor.block, *earlier})
    )  # fmt: skip


def _pinned(anchor: Anchor, policy: Policy | None) -> PinnedChain | None:
    for item in policy.chains if policy else ():
        if (item.chain, item.contract, item.log_id) == (anchor.chain, anchor.contract, anchor.log_id):
            return item
    return None


def _unasked(anchor: Anchor, chain: ChainFacts | None, block_hash: str | None) -> Finding | None:
    """Return why the chain could not be asked, or None if it was."""
    if chain is None:
        return Finding("no-rpc" if block_hash is None else "block-hash-only", {"chain": anchor.chain})
    if chain.chain != anchor.chain:
        return Finding("other-chain", {"chain": anchor.chain, "source": chain.source})
    return None


def anchored(
    bundle: Bundle, said: Checkpoint | None, policy: Policy | None, chain: ChainFacts | None, block_hash: str | None
) -> Iterator[Finding]:
    """Yield what speaks against the chain holding this checkpoint. ``block_hash`` is the anchor's, told by a person."""
    anchor = bundle.anchor
    if anchor is None or said is None:
        yield Finding("not-anchored")
        return
    pinned = _pinned(anchor, policy)
    if policy is not None and pinned is None:
        yield Finding("other-contract", {"contract": anchor.contract})
    if block_hash is not None and block_hash != anchor.block_hash:
        yield Finding("block-differs", {"block": anchor.block, "source": "--block-hash"})
    unasked = _unasked(anchor, chain, block_hash)
    if unasked is not None or chain is None:
        yield unasked or Finding("no-rpc", {"chain": anchor.chain})
        return
    told: dict[str, JsonValue] = {"block": anchor.block, "source": chain.source, "chain": anchor.chain}
    if not _is_anchors_block(anchor, chain):
        yield Finding("block-differs", told)
    root = f"0x{said.root.hex()}"
    if chain.root is None:
        yield Finding("root-missing", told)
    elif chain.root != root:
        yield Finding("root-differs", told)
    if (root, anchor.transaction, anchor.block_hash) not in {
        (event.root, event.transaction, event.block_hash) for event in chain.events
    }:
        yield Finding("not-in-block", told)
    if policy is None:
        yield Finding("no-policy", told)
    elif pinned is not None and pinned.operator:
        yield Finding("operator-chain", told)
    yield Finding("ok", told)


def time_window(
    bundle: Bundle, policy: Policy | None, chain: ChainFacts | None, block_hash: str | None
) -> Iterator[Finding]:
    """Yield what speaks against the records lying between the blocks that they and the anchor name."""
    anchor = bundle.anchor
    if anchor is None:
        yield Finding("not-anchored")
        return
    yield from _claims(bundle, anchor)
    if block_hash is not None and block_hash != anchor.block_hash:
        yield Finding("block-differs", {"block": anchor.block, "source": "--block-hash"})
    unasked = _unasked(anchor, chain, block_hash)
    if unasked is not None or chain is None:
        yield unasked or Finding("no-rpc", {"chain": anchor.chain})
        return
    yield from _bounds(bundle, anchor, chain)
    after = [block.time for item in bundle.records if (block := _lower(item.record, anchor, chain)) is not None]
    bounded = len(after) == len(bundle.records)
    window: dict[str, JsonValue] = {
        "after": iso(min(after) * 1000) if bounded else None,
        "before": iso(anchor.time * 1000),
        "source": chain.source,
    }
    pinned = _pinned(anchor, policy)
    if policy is None:
        yield Finding("no-policy", window)
    elif pinned is not None and pinned.operator:
        yield Finding("operator-chain", window)
    yield Finding("ok" if bounded else "no-lower-bound", window)


def _claims(bundle: Bundle, anchor: Anchor) -> Iterator[Finding]:
    """Yield records whose own words cannot be true, whatever the chain says."""
    for number, item in enumerate(bundle.records, start=1):
        before = item.record.not_before
        if before is not None and (before.size > item.index or before.block > anchor.block):
            yield Finding("before-it-could", {"record": number})
        if max(item.record.written_at, item.record.event_time) > (anchor.time + SLACK) * 1000:
            yield Finding("after-the-anchor", {"record": number})


def _bounds(bundle: Bundle, anchor: Anchor, chain: ChainFacts) -> Iterator[Finding]:
    """Yield blocks that the chain has otherwise than the records and the anchor say."""
    for number, item in enumerate(bundle.records, start=1):
        before = item.record.not_before
        if before is not None and before.chain == anchor.chain and _lower(item.record, anchor, chain) is None:
            yield Finding("block-differs", {"record": number, "block": before.block, "source": chain.source})
    if not _is_anchors_block(anchor, chain):
        yield Finding("block-differs", {"block": anchor.block, "source": chain.source})


def _lower(said: Record, anchor: Anchor, chain: ChainFacts) -> Block | None:
    """Return the block that a record names as older than itself, if the chain has it."""
    before = said.not_before
    if before is None or before.chain != anchor.chain:
        return None
    block = chain.blocks.get(before.block)
    return block if block is not None and block.hash == before.block_hash else None


def _is_anchors_block(anchor: Anchor, chain: ChainFacts) -> bool:
    return chain.blocks.get(anchor.block) == Block(anchor.block_hash, anchor.time)
