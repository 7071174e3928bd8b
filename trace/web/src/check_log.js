// The checks log and witnesses: is all of it under one signed checkpoint, and who else saw that checkpoint.
import { sha256 } from "./bytes.js";
import { encode } from "./cbor.js";
import { leafHash, verifyInclusion } from "./merkle.js";
import { openNote } from "./note.js";
import { finding } from "./verdict.js";

const DOMAIN = "cropmark/entry/v1";
const recordEntry = (item) => encode([DOMAIN, "record", item.id, sha256(item.bytes)]);
const segmentsEntry = (item) => encode([DOMAIN, "segments", item.key, item.size, item.root]);

export async function log(bundle, said, policy) {
  if (!said) return [finding("checkpoint-malformed")];
  const found = [];
  if (said.origin !== bundle.origin || (policy && said.origin !== policy.origin)) {
    found.push(finding("other-origin", { origin: said.origin }));
  }
  if (policy) {
    const { forged, by } = await openNote(bundle.checkpoint, [policy.log]);
    if (forged) found.push(finding("checkpoint-forged"));
    else if (!by.length) found.push(finding("checkpoint-not-signed"));
  }
  const under = (items, entry, code, name) =>
    items.forEach((item, at) => {
      if (!verifyInclusion(leafHash(entry(item)), BigInt(item.index), said.size, item.path, said.root)) {
        found.push(finding(code, { [name]: at + 1 }));
      }
    });
  under(bundle.records, recordEntry, "record-not-in-log", "record");
  under(bundle.keys, recordEntry, "key-not-in-log", "key");
  under(bundle.segments, segmentsEntry, "segments-not-in-log", "gateway");
  return [...found, finding(policy ? "ok" : "no-policy", { origin: said.origin, size: Number(said.size) })];
}

export async function witnesses(bundle, policy) {
  const known = policy ? policy.witnesses : [];
  if (!known.length) return [finding("none")];
  const { forged, by } = await openNote(bundle.checkpoint, known.map((witness) => witness.vkey));
  const seen = known.filter((witness) => by.includes(witness.vkey)).map((witness) => witness.operator);
  const operators = [...new Set(seen)].sort();
  const quorum = Math.max(1, policy.quorum);
  const told = { operators, quorum };
  const found = forged ? [finding("forged")] : [];
  if (operators.length < quorum) found.push(finding("too-few", told));
  return [...found, finding("ok", told)];
}
