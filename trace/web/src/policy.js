// What a verifier trusts: log, registrar, witnesses, chains (docs/formats.md §10). It comes by another way than the bundle.
import { equal } from "./bytes.js";
import { COSIGNATURE, SIGNATURE, parseVkey } from "./note.js";
import * as shape from "./shape.js";
import { array, closed, fits, integer } from "./shape.js";

const FORM = closed({
  origin: shape.text,
  logKey: shape.text,
  registrar: shape.did,
  witnesses: array(closed({ operator: shape.text, vkey: shape.text }), 0, 64),
  quorum: integer(0, 64),
  chains: array(
    closed({ chain: integer(1), contract: shape.ADDRESS, logId: shape.CHAIN_HASH, operator: shape.boolean }),
    0,
    16,
  ),
});

/** Returns the policy that parsed JSON says, with its keys read, or null for what is none. */
export function readPolicy(value) {
  if (!fits(FORM, value)) return null;
  const log = parseVkey(value.logKey);
  const witnesses = value.witnesses.map((item) => ({ operator: item.operator, vkey: parseVkey(item.vkey) }));
  if (!log || log.kind !== SIGNATURE) return null;
  if (!witnesses.every(({ vkey }) => vkey && vkey.kind === COSIGNATURE && !equal(vkey.key, log.key))) return null;
  return { ...value, log, witnesses };
}

/** Returns the pinned chain that an anchor is in, or null. */
export const pinned = (policy, anchor) =>
  (policy &&
    policy.chains.find(
      (item) => item.chain === anchor.chain && item.contract === anchor.contract && item.logId === anchor.logId,
    )) ||
  null;
