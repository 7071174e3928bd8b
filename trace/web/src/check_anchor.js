// The checks anchor and time-window: does a chain hold this checkpoint, and what lies between which blocks.
// A chain that the log's operator runs proves nothing to others, so it never passes.
import { toHex } from "./bytes.js";
import { pinned } from "./policy.js";
import { iso, timeOf } from "./shape.js";
import { finding } from "./verdict.js";

/** Seconds by which a claimed time may lie after the anchor's block: clocks of farms and chains differ. */
const SLACK = 86400;

/** Returns what to ask a chain about a bundle, or null. */
export function question(bundle, said) {
  const { anchor } = bundle;
  if (!anchor || !said) return null;
  const blocks = new Set([anchor.block]);
  for (const { said: { notBefore } } of bundle.records) {
    if (notBefore && notBefore.chain === anchor.chain) blocks.add(notBefore.block);
  }
  const { chain, contract, logId, block } = anchor;
  return { chain, contract, logId, size: said.size, block, blocks: [...blocks].sort((one, other) => one - other) };
}

function unasked(anchor, chain, blockHash) {
  if (!chain) return finding(blockHash === null ? "no-rpc" : "block-hash-only", { chain: anchor.chain });
  if (chain.chain !== anchor.chain) return finding("other-chain", { chain: anchor.chain, source: chain.source });
  return null;
}

function byHand(anchor, blockHash) {
  const differs = blockHash !== null && blockHash !== anchor.blockHash;
  return differs ? [finding("block-differs", { block: anchor.block, source: "--block-hash" })] : [];
}

function isAnchorsBlock(anchor, chain) {
  const block = chain.blocks[anchor.block];
  return block !== undefined && block.hash === anchor.blockHash && block.time * 1000 === timeOf(anchor.time);
}

export function anchored(bundle, said, policy, chain, blockHash) {
  const { anchor } = bundle;
  if (!anchor || !said) return [finding("not-anchored")];
  const pin = pinned(policy, anchor);
  const found = policy && !pin ? [finding("other-contract", { contract: anchor.contract })] : [];
  found.push(...byHand(anchor, blockHash));
  const not = unasked(anchor, chain, blockHash);
  if (not) return [...found, not];
  const told = { block: anchor.block, chain: anchor.chain, source: chain.source };
  const root = `0x${toHex(said.root)}`;
  if (!isAnchorsBlock(anchor, chain)) found.push(finding("block-differs", told));
  if (chain.root === null) found.push(finding("root-missing", told));
  else if (chain.root !== root) found.push(finding("root-differs", told));
  const isEvent = (event) =>
    event.root === root && event.transaction === anchor.transaction && event.blockHash === anchor.blockHash;
  if (!chain.events.some(isEvent)) found.push(finding("not-in-block", told));
  if (!policy) found.push(finding("no-policy", told));
  else if (pin && pin.operator) found.push(finding("operator-chain", told));
  return [...found, finding("ok", told)];
}

function claims(bundle, anchor) {
  const found = [];
  bundle.records.forEach(({ said: { notBefore }, index, writtenAt, eventTime }, at) => {
    if (notBefore && (notBefore.size > index || notBefore.block > anchor.block)) {
      found.push(finding("before-it-could", { record: at + 1 }));
    }
    if (Math.max(writtenAt, eventTime) > timeOf(anchor.time) + SLACK * 1000) {
      found.push(finding("after-the-anchor", { record: at + 1 }));
    }
  });
  return found;
}

/** Returns the block that a record names as older than itself, if the chain has it. */
function lower({ said: { notBefore } }, anchor, chain) {
  const block = notBefore && notBefore.chain === anchor.chain ? chain.blocks[notBefore.block] : undefined;
  return block && block.hash === notBefore.blockHash ? block : null;
}

export function timeWindow(bundle, policy, chain, blockHash) {
  const { anchor, records } = bundle;
  if (!anchor) return [finding("not-anchored")];
  const found = [...claims(bundle, anchor), ...byHand(anchor, blockHash)];
  const not = unasked(anchor, chain, blockHash);
  if (not) return [...found, not];
  records.forEach((record, at) => {
    const { notBefore } = record.said;
    if (notBefore && notBefore.chain === anchor.chain && !lower(record, anchor, chain)) {
      found.push(finding("block-differs", { record: at + 1, block: notBefore.block, source: chain.source }));
    }
  });
  if (!isAnchorsBlock(anchor, chain)) found.push(finding("block-differs", { block: anchor.block, source: chain.source }));
  const after = records.map((record) => lower(record, anchor, chain)).filter(Boolean).map((block) => block.time);
  const bounded = after.length === records.length;
  const told = { after: bounded ? iso(Math.min(...after) * 1000) : null, before: anchor.time, source: chain.source };
  const pin = pinned(policy, anchor);
  if (!policy) found.push(finding("no-policy", told));
  else if (pin && pin.operator) found.push(finding("operator-chain", told));
  return [...found, finding(bounded ? "ok" : "no-lower-bound", told)];
}
