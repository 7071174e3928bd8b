// Verify a bundle: bytes in, verdict out (docs/formats.md §10). The same names, results and codes as the Python verifier.
// Pure: no clock, no network. Hostile bytes give a verdict with a failed check, or UnusableError.
import { BundleError, parse } from "./bundle.js";
import * as anchor from "./check_anchor.js";
import * as evidence from "./check_evidence.js";
import * as log from "./check_log.js";
import * as records from "./check_records.js";
import { parseCheckpoint } from "./note.js";
import { readPolicy } from "./policy.js";
import { CODES, finding, settle, worst } from "./verdict.js";

export { UnusableError } from "./bundle.js";

/** Returns what to ask a chain about a bundle, or null; throws UnusableError. */
export function question(bytes) {
  try {
    const bundle = parse(bytes);
    return anchor.question(bundle, parseCheckpoint(bundle.checkpoint));
  } catch (error) {
    if (error instanceof BundleError) return null;
    throw error;
  }
}

function unread(error) {
  return Object.keys(CODES).map((name) =>
    settle(name, [name === "schema" ? finding(error.code, { reason: error.message }) : finding("not-readable")]),
  );
}

/**
 * Resolves to {batch, verdict, checks, readings}: the readings are those that are proved. `policy` is a policy's JSON or null, `batch` the scanned code, `chain` what an
 * RPC outside the bundle answered to the question, `blockHash` the anchor's block as a person knows it from elsewhere.
 * `progress` hears the name of each check before it is made.
 */
export async function verify(bytes, { policy = null, batch = null, chain = null, blockHash = null, progress = () => {} }) {
  let bundle;
  try {
    bundle = parse(bytes);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    return { batch: null, verdict: "fail", checks: unread(error), readings: [] };
  }
  const trusted = policy === null ? null : readPolicy(policy);
  const said = parseCheckpoint(bundle.checkpoint);
  let readings = [];
  const later = () => [finding("not-in-this-version")];
  const made = {
    schema: () => records.schema(bundle, batch),
    signatures: () => records.signatures(bundle),
    keys: () => records.keys(bundle, trusted),
    chain: () => records.chain(bundle),
    log: () => log.log(bundle, said, trusted),
    witnesses: () => log.witnesses(bundle, trusted),
    anchor: () => anchor.anchored(bundle, said, trusted, chain, blockHash),
    "time-window": () => anchor.timeWindow(bundle, trusted, chain, blockHash),
    "mass-balance": later,
    evidence: async () => {
      const made = await evidence.check(bundle);
      readings = made.readings;
      return made.found;
    },
    status: later,
  };
  const checks = [];
  for (const name of Object.keys(made)) {
    progress(name);
    checks.push(settle(name, await made[name]()));
  }
  return { batch: bundle.batch, verdict: worst(checks), checks, readings };
}
