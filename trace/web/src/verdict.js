// The verdict: eleven named checks, each with a result and a code of a closed list (docs/formats.md §10).

const UNREAD = { "not-readable": "not-checked" };
const NO_RPC = { "no-rpc": "not-checked", "block-hash-only": "not-checked", "other-chain": "not-checked" };
const failing = (...codes) => codes.reduce((all, code) => ({ ...all, [code]: "fail" }), {});

export const CODES = {
  schema: {
    ok: "pass",
    ...failing("unknown-version", "number", "text", "not-canonical", "profile", "other-batch", "other-farm"),
  },
  signatures: { ok: "pass", ...failing("signature-missing", "signature-extra", "signature-wrong"), ...UNREAD },
  keys: {
    ok: "pass",
    "held-by-operator": "pass",
    "one-custodian": "warn",
    "no-policy": "warn",
    ...failing("key-not-registered", "other-registrar", "key-registered-later", "wrong-use", "wrong-role", "wrong-farm"),
    ...UNREAD,
  },
  chain: { ok: "pass", ...failing("not-first", "fork", "gap", "order"), ...UNREAD },
  log: {
    ok: "pass",
    "no-policy": "warn",
    ...failing("checkpoint-malformed", "other-origin", "checkpoint-forged", "checkpoint-not-signed"),
    ...failing("record-not-in-log", "key-not-in-log", "segments-not-in-log"),
    ...UNREAD,
  },
  witnesses: { ok: "pass", none: "warn", "too-few": "warn", ...failing("forged"), ...UNREAD },
  anchor: {
    ok: "pass",
    "not-anchored": "warn",
    "operator-chain": "warn",
    "no-policy": "warn",
    ...NO_RPC,
    ...failing("other-contract", "block-differs", "root-missing", "root-differs", "not-in-block"),
    ...UNREAD,
  },
  "time-window": {
    ok: "pass",
    "no-lower-bound": "warn",
    "operator-chain": "warn",
    "no-policy": "warn",
    "not-anchored": "not-checked",
    ...NO_RPC,
    ...failing("block-differs", "before-it-could", "after-the-anchor"),
    ...UNREAD,
  },
  "mass-balance": { "not-in-this-version": "not-checked", ...UNREAD },
  evidence: {
    ok: "pass",
    "no-evidence": "warn",
    "summary-not-recomputed": "warn",
    ...failing("segments-differ", "summary-changed", "header-wrong", "reading-not-proved", "sample-missing"),
    ...failing("sample-not-chosen", "extreme-missing", "extreme-not-named", "extreme-differs"),
    ...UNREAD,
  },
  status: { "not-in-this-version": "not-checked", ...UNREAD },
};

const WORST_FIRST = ["fail", "warn", "not-checked", "pass"];

/** Returns the check that findings amount to: the worst counts, and of equally bad ones the first. */
export function settle(name, findings) {
  const rank = (finding) => WORST_FIRST.indexOf(CODES[name][finding.code]);
  const worst = findings.reduce((one, other) => (rank(other) < rank(one) ? other : one));
  return { name, result: CODES[name][worst.code], code: worst.code, details: worst.details };
}

export const finding = (code, details = {}) => ({ code, details });

/** Returns the worst result of what was checked: fail, warn or pass. */
export const worst = (checks) =>
  ["fail", "warn", "pass", "not-checked"].find((result) => checks.some((check) => check.result === result));
