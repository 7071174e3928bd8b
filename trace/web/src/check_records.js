// The checks schema, signatures, keys and chain: what the records say by themselves.
import { toHex } from "./bytes.js";
import { signerOf, verifyProof } from "./credential.js";
import { finding } from "./verdict.js";

export function schema(bundle, batch) {
  const found = [];
  if (batch !== null && batch !== bundle.batch) found.push(finding("other-batch", { batch: bundle.batch, scanned: batch }));
  const first = bundle.records[0].said;
  bundle.records.forEach(({ said }, at) => {
    if (said.batch !== bundle.batch) found.push(finding("other-batch", { batch: said.batch, scanned: bundle.batch }));
    if (said.farm !== first.farm || said.field !== first.field) found.push(finding("other-farm", { record: at + 1 }));
  });
  bundle.keys.forEach(({ said }, at) => {
    if (said.farm !== first.farm) found.push(finding("other-farm", { key: at + 1 }));
  });
  return [...found, finding("ok", { records: bundle.records.length })];
}

async function proofSet(record, which) {
  const found = [];
  const required = record.signers.map((signer) => signer.id);
  const present = record.proofs.map(signerOf);
  for (const signer of required) if (!present.includes(signer)) found.push(finding("signature-missing", { ...which, signer }));
  if (present.length !== required.length || present.some((did, at) => did !== required[at])) {
    found.push(finding("signature-extra", which));
  }
  for (const [at, proof] of record.proofs.entries()) {
    if (!(await verifyProof(record, proof))) found.push(finding("signature-wrong", { ...which, signer: present[at] }));
  }
  return found;
}

export async function signatures(bundle) {
  const found = [];
  for (const [at, record] of bundle.records.entries()) found.push(...(await proofSet(record, { record: at + 1 })));
  for (const [at, key] of bundle.keys.entries()) found.push(...(await proofSet(key, { key: at + 1 })));
  const count = [...bundle.records, ...bundle.keys].reduce((sum, item) => sum + item.signers.length, 0);
  return [...found, finding("ok", { records: bundle.records.length, signatures: count })];
}

function judged(logged, { use, role, farm, index, policy, which }) {
  if (!logged) return [finding("key-not-registered", which)];
  const codes = [
    policy && logged.subject.enrolledBy !== policy.registrar && "other-registrar",
    logged.index >= index && "key-registered-later",
    logged.subject.use !== use && "wrong-use",
    logged.subject.role !== role && "wrong-role",
    logged.said.farm !== farm && "wrong-farm",
  ];
  return codes.filter(Boolean).map((code) => finding(code, which));
}

export function keys(bundle, policy) {
  const registered = new Map(bundle.keys.map((item) => [item.subject.id, item]));
  const found = [];
  const signers = new Map();
  let byOperator = false;
  bundle.records.forEach(({ said, index }, at) => {
    const held = [];
    for (const { id, role } of said.requiredSigners) {
      const logged = registered.get(id);
      const which = { record: at + 1, signer: id };
      found.push(...judged(logged, { use: "record", role, farm: said.farm, index, policy, which }));
      if (!logged) continue;
      const { party, custody, enrolledBy, role: registeredRole } = logged.subject;
      signers.set(`${id} ${role}`, { id, role: registeredRole, name: party.name, custody });
      if (custody === "operator") held.push(enrolledBy);
    }
    byOperator = byOperator || held.length > 0;
    if (new Set(held).size < held.length) found.push(finding("one-custodian", { record: at + 1 }));
  });
  const { farm } = bundle.records[0].said;
  bundle.segments.forEach(({ did, index }, at) => {
    const which = { gateway: at + 1, signer: did };
    found.push(...judged(registered.get(did), { use: "segment", role: "gateway", farm, index, policy, which }));
  });
  const told = { signers: [...signers.values()] };
  if (!policy) found.push(finding("no-policy", told));
  return [...found, finding(byOperator ? "held-by-operator" : "ok", told)];
}

export function chain(bundle) {
  const found = [];
  if (bundle.records[0].said.previous.length) found.push(finding("not-first", { record: 1 }));
  bundle.records.slice(1).forEach((item, at) => {
    const before = bundle.records[at];
    const names = item.said.previous.join();
    if (names !== toHex(before.id)) {
      found.push(finding(names === before.said.previous.join() ? "fork" : "gap", { record: at + 2 }));
    }
    if (item.index <= before.index) found.push(finding("order", { record: at + 2 }));
  });
  return [...found, finding("ok", { records: bundle.records.length })];
}
