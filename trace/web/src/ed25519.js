// Ed25519 verification (RFC 8032): the browser's own where it has it and the page's origin is secure, else in JavaScript.
// Strict, so that both give one answer: canonical encodings, S below the group order, no cofactor.
import { Point, hashes } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal, fromHex } from "./bytes.js";

hashes.sha512 = sha512;
const ORDER = Point.CURVE().n;
const FIELD = Point.CURVE().p;

function littleEndian(bytes) {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]);
  return value;
}

/** Tells whether lengths, S and the key's y are in their ranges; engines differ in what they let through here. */
function isWellFormed(key, signature) {
  if (key.length !== 32 || signature.length !== 64 || littleEndian(signature.subarray(32)) >= ORDER) return false;
  return BigInt.asUintN(255, littleEndian(key)) < FIELD;
}

/** Verifies in JavaScript: S·B − k·A must be R, byte for byte. */
export function verifyBundled(key, signature, message) {
  if (!isWellFormed(key, signature)) return false;
  const r = signature.subarray(0, 32);
  let point;
  try {
    point = Point.fromBytes(key);
  } catch (error) {
    return false; // no point of the curve
  }
  const s = littleEndian(signature.subarray(32));
  const k = littleEndian(sha512(concat(r, key, message))) % ORDER;
  const left = s === 0n ? Point.ZERO : Point.BASE.multiply(s, false);
  return equal(left.subtract(point.multiply(k, false)).toBytes(), r);
}

/** Verifies with WebCrypto. */
export async function verifyNative(key, signature, message, subtle = globalThis.crypto.subtle) {
  if (!isWellFormed(key, signature)) return false;
  let imported;
  try {
    imported = await subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  } catch (error) {
    return false;
  }
  return subtle.verify("Ed25519", imported, signature, message);
}

// RFC 8032 §7.1, test 2.
const KNOWN = [
  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  "72",
].map(fromHex);

let chosen = null;

async function choose() {
  const subtle = typeof crypto === "object" && crypto ? crypto.subtle : undefined;
  if (subtle) {
    try {
      const good = await verifyNative(...KNOWN, subtle);
      const bad = await verifyNative(KNOWN[0], KNOWN[1], new Uint8Array([0x73]), subtle);
      if (good && !bad) return { name: "native", verify: (key, signature, message) => verifyNative(key, signature, message, subtle) };
    } catch (error) {
      // An engine without Ed25519 throws here.
    }
  }
  return { name: "bundled", verify: verifyBundled };
}

/** Resolves to {name, verify}: "native" where the browser proved on a known signature that it can, else "bundled". */
export const best = () => (chosen = chosen || choose());
