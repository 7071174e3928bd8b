// The checks, one function each: as check_records.py, check_log.py, check_anchor.py and check_evidence.py. Each returns
// its findings in the documented order, since the first of the worst gives the code.
import { concat, equal, hex, toBigInt, utf8 } from "./bytes.js";
import { encode } from "./cbor.js";
import { stood } from "./evidence.js";
import { sha256 } from "./hash.js";
import { canonical } from "./jcs.js";
import { leafHash, verifyInclusion } from "./merkle.js";
import { NoteError, openNote, parseVkey } from "./note.js";
import { signerOf, verifyProof } from "./proof.js";
import { iso, own } from "./shape.js";
import { openHeader, parseLeaf } from "./telemetry.js";
import { finding } from "./verdict.js";

const RANGE_FLAG = 1;
const SLACK_SECONDS = 86400;
const SAMPLES = 8;

export function schema(bundle, batch) {
  const found = [];
  if (batch !== null && batch !== bundle.batch) found.push(finding("other-batch", { batch: bundle.batch, scanned: batch }));
  const first = bundle.records[0].record;
  bundle.records.forEach(({ record }, at) => {
    if (record.batch !== bundle.batch) found.push(finding("other-batch", { batch: record.batch, scanned: bundle.batch }));
    if (record.farm !== first.farm || record.field !== first.field) found.push(finding("other-farm", { record: at + 1 }));
  });
  bundle.keys.forEach(({ key }, at) => {
    if (key.farm !== first.farm) found.push(finding("other-farm", { key: at + 1 }));
  });
  return [...found, finding("ok", { records: bundle.records.length })];
}

async function proofSet(said, which) {
  const found = [];
  const required = said.signers.map((signer) => signer.id);
  const present = said.proofs.map(signerOf);
  for (const signer of required) {
    if (!present.includes(signer)) found.push(finding("signature-missing", { ...which, signer }));
  }
  if (present.join(" ") !== required.join(" ")) found.push(finding("signature-extra", which));
  for (const [at, item] of said.proofs.entries()) {
    if (!(await verifyProof(said.plain, item))) found.push(finding("signature-wrong", { ...which, signer: present[at] }));
  }
  return found;
}

export async function signatures(bundle) {
  const found = [];
  let count = 0;
  for (const [at, { record }] of bundle.records.entries()) {
    count += record.signers.length;
    found.push(...(await proofSet(record, { record: at + 1 })));
  }
  for (const [at, { key }] of bundle.keys.entries()) {
    count += key.signers.length;
    found.push(...(await proofSet(key, { key: at + 1 })));
  }
  return [...found, finding("ok", { records: bundle.records.length, signatures: count })];
}

function judged(logged, { use, role, farm, index }, policy, which) {
  if (logged === undefined) return [finding("key-not-registered", which)];
  const found = [];
  if (policy && logged.key.registrar !== policy.registrar) found.push(finding("other-registrar", which));
  if (logged.index >= index) found.push(finding("key-registered-later", which));
  if (logged.key.use !== use) found.push(finding("wrong-use", which));
  if (logged.key.role !== role) found.push(finding("wrong-role", which));
  if (logged.key.farm !== farm) found.push(finding("wrong-farm", which));
  return found;
}

export function keys(bundle, policy) {
  const registered = new Map(bundle.keys.map((item) => [item.key.key, item]));
  const found = [];
  const signers = new Map();
  let byOperator = false;
  bundle.records.forEach((item, at) => {
    const held = [];
    for (const signer of item.record.signers) {
      const logged = registered.get(signer.id);
      const needed = { use: "record", role: signer.role, farm: item.record.farm, index: item.index };
      found.push(...judged(logged, needed, policy, { record: at + 1, signer: signer.id }));
      if (logged !== undefined) {
        const { key, role, name, custody } = logged.key;
        signers.set(`${signer.id} ${signer.role}`, { id: key, role, name, custody });
        if (custody === "operator") held.push(logged.key.registrar);
      }
    }
    byOperator = byOperator || held.length > 0;
    if (new Set(held).size < held.length) found.push(finding("one-custodian", { record: at + 1 }));
  });
  const farm = bundle.records[0].record.farm;
  bundle.segments.forEach((cited, at) => {
    const needed = { use: "segment", role: "gateway", farm, index: cited.index };
    found.push(...judged(registered.get(cited.did), needed, policy, { gateway: at + 1, signer: cited.did }));
  });
  const told = { signers: [...signers.values()] };
  if (!policy) found.push(finding("no-policy", told));
  return [...found, finding(byOperator ? "held-by-operator" : "ok", told)];
}

export function chain(bundle) {
  const found = [];
  if (bundle.records[0].record.previous.length) found.push(finding("not-first", { record: 1 }));
  for (let at = 1; at < bundle.records.length; at++) {
    const before = bundle.records[at - 1];
    const item = bundle.records[at];
    const previous = item.record.previous.join(" ");
    if (previous !== hex(before.record.id)) {
      const fork = previous === before.record.previous.join(" ");
      found.push(finding(fork ? "fork" : "gap", { record: at + 1 }));
    }
    if (item.index <= before.index) found.push(finding("order", { record: at + 1 }));
  }
  return [...found, finding("ok", { records: bundle.records.length })];
}

const recordEntry = (said) => encode(["cropmark/entry/v1", "record", said.id, said.digest]);
const under = (said, data, item) => verifyInclusion(leafHash(data), item.index, said.size, item.path, said.root);

export async function log(bundle, said, policy) {
  if (said === null) return [finding("checkpoint-malformed")];
  const found = [];
  if (said.origin !== bundle.origin || (policy && said.origin !== policy.origin)) {
    found.push(finding("other-origin", { origin: said.origin }));
  }
  if (policy) {
    try {
      await openNote(bundle.checkpoint, [parseVkey(policy.logKey)]);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      found.push(finding(error.defect === "forged" ? "checkpoint-forged" : "checkpoint-not-signed"));
    }
  }
  bundle.records.forEach((item, at) => {
    if (!under(said, recordEntry(item.record), item)) found.push(finding("record-not-in-log", { record: at + 1 }));
  });
  bundle.keys.forEach((item, at) => {
    if (!under(said, recordEntry(item.key), item)) found.push(finding("key-not-in-log", { key: at + 1 }));
  });
  bundle.segments.forEach((item, at) => {
    const data = encode(["cropmark/entry/v1", "segments", item.key, item.size, item.rootBytes]);
    if (!under(said, data, item)) found.push(finding("segments-not-in-log", { gateway: at + 1 }));
  });
  return [...found, finding(policy ? "ok" : "no-policy", { origin: said.origin, size: Number(said.size) })];
}

export async function witnesses(bundle, policy) {
  const known = policy ? policy.witnesses.map((item) => ({ ...parseVkey(item.vkey), operator: item.operator })) : [];
  if (!known.length) return [finding("none")];
  const quorum = Math.max(1, policy.quorum);
  const found = [];
  let seen = [];
  try {
    seen = (await openNote(bundle.checkpoint, known)).map((key) => key.operator);
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    if (error.defect === "forged") found.push(finding("forged"));
  }
  const operators = [...new Set(seen)].sort();
  if (operators.length < quorum) found.push(finding("too-few", { operators, quorum }));
  return [...found, finding("ok", { operators, quorum })];
}

// What to ask a chain about a bundle's anchor, or null: as check_anchor.question.
export function question(bundle, said) {
  const { anchor } = bundle;
  if (anchor === null || said === null) return null;
  const earlier = bundle.records
    .map((item) => item.record.notBefore)
    .filter((before) => before !== null && before.chain === anchor.chain)
    .map((before) => before.block);
  const blocks = [...new Set([anchor.block, ...earlier])].sort((a, b) => a - b);
  return { chain: anchor.chain, contract: anchor.contract, logId: anchor.logId, size: said.size, block: anchor.block, blocks };
}

function pinnedOf(anchor, policy) {
  const same = (item) =>
    item.chain === anchor.chain && item.contract === anchor.contract && item.logId === anchor.logId;
  return policy ? policy.chains.find(same) : undefined;
}

function unasked(anchor, facts, blockHash) {
  if (facts === null) return finding(blockHash === null ? "no-rpc" : "block-hash-only", { chain: anchor.chain });
  if (facts.chain !== anchor.chain) return finding("other-chain", { chain: anchor.chain, source: facts.source });
  return null;
}

// What a person says the anchor's block is, against what the bundle says.
const byHand = (anchor, blockHash) =>
  blockHash === null || blockHash === anchor.blockHash
    ? []
    : [finding("block-differs", { block: anchor.block, source: "--block-hash" })];

const blockOf = (facts, number) => (own(facts.blocks, String(number)) ? facts.blocks[String(number)] : null);

function isAnchorsBlock(anchor, facts) {
  const block = blockOf(facts, anchor.block);
  return block !== null && block.hash === anchor.blockHash && block.time === anchor.seconds;
}

export function anchored(bundle, said, policy, facts, blockHash) {
  const { anchor } = bundle;
  if (anchor === null || said === null) return [finding("not-anchored")];
  const found = [];
  const pinned = pinnedOf(anchor, policy);
  if (policy && pinned === undefined) found.push(finding("other-contract", { contract: anchor.contract }));
  found.push(...byHand(anchor, blockHash));
  const silent = unasked(anchor, facts, blockHash);
  if (silent !== null) return [...found, silent];
  const details = { block: anchor.block, source: facts.source, chain: anchor.chain };
  if (!isAnchorsBlock(anchor, facts)) found.push(finding("block-differs", details));
  const root = `0x${hex(said.root)}`;
  if (facts.root === null) found.push(finding("root-missing", details));
  else if (facts.root !== root) found.push(finding("root-differs", details));
  const isIt = (event) =>
    event.root === root && event.transaction === anchor.transaction && event.blockHash === anchor.blockHash;
  if (!facts.events.some(isIt)) found.push(finding("not-in-block", details));
  if (!policy) found.push(finding("no-policy", details));
  else if (pinned !== undefined && pinned.operator) found.push(finding("operator-chain", details));
  return [...found, finding("ok", details)];
}

function claims(bundle, anchor) {
  const found = [];
  bundle.records.forEach(({ record, index }, at) => {
    const before = record.notBefore;
    if (before !== null && (before.size > index || before.block > anchor.block)) {
      found.push(finding("before-it-could", { record: at + 1 }));
    }
    if (Math.max(record.writtenAt, record.eventTime) > (anchor.seconds + SLACK_SECONDS) * 1000) {
      found.push(finding("after-the-anchor", { record: at + 1 }));
    }
  });
  return found;
}

// The block that a record names as older than itself, if the chain has it.
function lower(record, anchor, facts) {
  const before = record.notBefore;
  if (before === null || before.chain !== anchor.chain) return null;
  const block = blockOf(facts, before.block);
  return block !== null && block.hash === before.blockHash ? block : null;
}

export function timeWindow(bundle, policy, facts, blockHash) {
  const { anchor } = bundle;
  if (anchor === null) return [finding("not-anchored")];
  const found = claims(bundle, anchor);
  found.push(...byHand(anchor, blockHash));
  const silent = unasked(anchor, facts, blockHash);
  if (silent !== null) return [...found, silent];
  bundle.records.forEach(({ record }, at) => {
    const before = record.notBefore;
    if (before !== null && before.chain === anchor.chain && lower(record, anchor, facts) === null) {
      found.push(finding("block-differs", { record: at + 1, block: before.block, source: facts.source }));
    }
  });
  if (!isAnchorsBlock(anchor, facts)) found.push(finding("block-differs", { block: anchor.block, source: facts.source }));
  const after = bundle.records.map((item) => lower(item.record, anchor, facts)).filter((block) => block !== null);
  const bounded = after.length === bundle.records.length;
  const told = {
    after: bounded ? iso(Math.min(...after.map((block) => block.time)) * 1000) : null,
    before: iso(anchor.seconds * 1000),
    source: facts.source,
  };
  const pinned = pinnedOf(anchor, policy);
  if (!policy) found.push(finding("no-policy", told));
  else if (pinned !== undefined && pinned.operator) found.push(finding("operator-chain", told));
  return [...found, finding(bounded ? "ok" : "no-lower-bound", told)];
}

function draws(id, sizes) {
  const drawn = [];
  sizes.forEach((size, tree) => {
    for (let at = 0; at < SAMPLES; at++) {
      const digest = sha256(concat(utf8("cropmark/sample/v1\n"), id, Uint8Array.of(tree, at)));
      const seq = toBigInt(digest.subarray(0, 8)) % BigInt(size);
      drawn.push({ tree, seq, number: toBigInt(digest.subarray(8, 16)) });
    }
  });
  return drawn;
}

// The headers and readings that a bundle shows, each as far as it is proved, else null.
async function shownOf(bundle, cited) {
  const parties = new Map(bundle.keys.map((item) => [item.key.key, item.key.party]));
  const headers = [];
  for (const shown of bundle.headers) {
    const tree = bundle.segments[shown.tree];
    const header = tree === undefined ? null : await openHeader(shown.data);
    const fits =
      header !== null && equal(header.key, tree.key) && header.farm === cited.farm &&
      header.gateway === (parties.has(tree.did) ? parties.get(tree.did) : header.gateway) &&
      verifyInclusion(leafHash(shown.data), header.seq, tree.size, shown.path, tree.rootBytes);
    headers.push(fits ? header : null);
  }
  const readings = bundle.readings.map((shown) => {
    const header = shown.header < headers.length ? headers[shown.header] : null;
    const reading = header === null ? null : parseLeaf(shown.leaf);
    if (reading === null || reading.farm !== cited.farm) return null;
    const proved = verifyInclusion(leafHash(shown.leaf), shown.index, header.count, shown.path, header.root);
    return proved ? reading : null;
  });
  return { headers, readings };
}

const minus = (a, b) => [...a].filter((item) => !b.has(item));

function sampleFindings(bundle, cited, { headers, readings }) {
  const counts = new Map();
  headers.forEach((header, at) => {
    if (header !== null) counts.set(`${bundle.headers[at].tree} ${header.seq}`, header.count);
  });
  const absent = new Set();
  const chosen = new Set();
  for (const { tree, seq, number } of draws(cited.id, cited.evidence.gateways.map((item) => item.size))) {
    const count = counts.get(`${tree} ${seq}`);
    if (count === undefined) absent.add(`${tree} ${seq}`);
    else if (count > 0) chosen.add(`${tree} ${seq} ${number % BigInt(count)}`);
  }
  const shown = new Set();
  bundle.readings.forEach((item, at) => {
    if (readings[at] === null || item.why !== "sample") return;
    shown.add(`${bundle.headers[item.header].tree} ${headers[item.header].seq} ${item.index}`);
  });
  const found = [];
  const missing = absent.size + minus(chosen, shown).length;
  if (missing) found.push(finding("sample-missing", { missing }));
  const extra = minus(shown, chosen).length;
  if (extra) found.push(finding("sample-not-chosen", { readings: extra }));
  return found;
}

function isEnd(reading, metric, end, season) {
  const columns = own(season.metrics, metric) ? season.metrics[metric] : undefined;
  if (columns === undefined || reading.metric !== metric || reading.flags & RANGE_FLAG) return false;
  const numbers = columns[end].filter((number) => number !== null);
  if (!numbers.length || reading.decimals !== columns.decimals) return false;
  return reading.mantissa === BigInt(end === "min" ? Math.min(...numbers) : Math.max(...numbers));
}

function extremeFindings(bundle, cited, season, { readings }) {
  const shown = new Map();
  bundle.readings.forEach((item, at) => {
    if (readings[at] !== null && item.why !== "sample") shown.set(hex(leafHash(item.leaf)), readings[at]);
  });
  const named = new Set();
  const found = [];
  for (const metric of Object.keys(season.extremes)) {
    for (const end of ["min", "max"]) {
      const hash = season.extremes[metric][end];
      named.add(hash);
      const reading = shown.get(hash);
      if (reading === undefined) {
        found.push(finding("extreme-missing", { metric, end }));
      } else if (!isEnd(reading, metric, end, season) || !stood(cited.evidence.devices, reading.device, reading.time)) {
        found.push(finding("extreme-differs", { metric, end }));
      }
    }
  }
  const extra = minus(shown.keys(), named).length;
  if (extra) found.push(finding("extreme-not-named", { readings: extra }));
  return found;
}

function isOf(season, evidence) {
  const digest = hex(sha256(utf8("cropmark/summary/v1\n"), canonical(season)));
  const sameStretch = season.field === evidence.field && season.from === evidence.from && season.to === evidence.to;
  return digest === evidence.summary && sameStretch;
}

export async function evidence(bundle) {
  const item = bundle.records.find(({ record }) => record.evidence !== null);
  if (item === undefined) {
    const stray = bundle.segments.length || bundle.headers.length || bundle.readings.length || bundle.summary !== null;
    return [...(stray ? [finding("segments-differ")] : []), finding("no-evidence")];
  }
  const cited = item.record;
  const found = [];
  const trees = bundle.segments.map((tree) => `${tree.did} ${tree.size} ${tree.root}`);
  const named = cited.evidence.gateways.map((tree) => `${tree.key} ${tree.size} ${tree.root}`);
  if (trees.join("\n") !== named.join("\n")) found.push(finding("segments-differ"));
  let season = bundle.summary;
  if (season === null || !isOf(season, cited.evidence)) {
    found.push(finding("summary-changed"));
    season = null;
  }
  const shown = await shownOf(bundle, cited);
  shown.headers.forEach((header, at) => {
    if (header === null) found.push(finding("header-wrong", { header: at + 1 }));
  });
  shown.readings.forEach((reading, at) => {
    if (reading === null) found.push(finding("reading-not-proved", { reading: at + 1 }));
  });
  found.push(...sampleFindings(bundle, cited, shown));
  if (season !== null) found.push(...extremeFindings(bundle, cited, season, shown));
  const { readings, expected, gaps } = cited.evidence;
  const told = { readings, expected, shown: bundle.readings.length, gaps };
  return [...found, finding("summary-not-recomputed", told), finding("ok", told)];
}

