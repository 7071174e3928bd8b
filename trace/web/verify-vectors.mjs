// Runs Wycheproof's Ed25519 vectors, and hostile signatures of our own, through both paths of the verifier.
// Usage: node verify-vectors.mjs ed25519_test.json; prints {"tests", "differ": [...]}, each with what was expected.
import { readFileSync } from "node:fs";
import { Point } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, fromHex } from "./src/bytes.js";
import { verifyBundled, verifyNative } from "./src/ed25519.js";

const cases = [];
for (const group of JSON.parse(readFileSync(process.argv[2], "utf8")).testGroups) {
  for (const test of group.tests) {
    const [key, signature, message] = [group.publicKey.pk, test.sig, test.msg].map(fromHex);
    cases.push({ name: `wycheproof ${test.tcId}`, key, signature, message, valid: test.result === "valid" });
  }
}

const ORDER = Point.CURVE().n;
const little = (value) => Uint8Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * at)) & 255n));
const number = (bytes) => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
const TORSION = Point.fromBytes(fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")); // of order 8

/** Signs so that only a verifier that multiplies by the cofactor, or adds the order to S, would be content. */
function forged(seed, { key: keyShift = Point.ZERO, r: rShift = Point.ZERO, s: sShift = 0n }) {
  const secret = number(sha512(seed)) % ORDER;
  const nonce = number(sha512(concat(seed, seed))) % ORDER;
  const key = Point.BASE.multiply(secret).add(keyShift).toBytes();
  const r = Point.BASE.multiply(nonce).add(rShift).toBytes();
  const k = number(sha512(concat(r, key, seed))) % ORDER;
  return { key, signature: concat(r, little(((nonce + k * secret) % ORDER) + sShift)), message: seed, k };
}

for (let at = 0; at < 8; at++) {
  const seed = new Uint8Array([at, 7, 9]);
  const mixed = forged(seed, { key: TORSION });
  cases.push({ name: `honest ${at}`, ...forged(seed, {}), valid: true });
  cases.push({ name: `key of mixed order ${at}`, ...mixed, valid: mixed.k % 8n === 0n });
  cases.push({ name: `R of mixed order ${at}`, ...forged(seed, { r: TORSION }), valid: false });
  cases.push({ name: `S beyond the order ${at}`, ...forged(seed, { s: ORDER }), valid: false });
}
const beyond = little(2n ** 255n - 19n + 1n); // y = 1, written as p + 1
cases.push({ name: "key not canonical", key: beyond, signature: concat(little(1n), little(0n)), message: beyond, valid: false });

const differ = [];
for (const { name, key, signature, message, valid } of cases) {
  const bundled = verifyBundled(key, signature, message);
  const native = await verifyNative(key, signature, message);
  if (bundled !== valid || native !== valid) differ.push({ name, valid, bundled, native });
}
console.log(JSON.stringify({ tests: cases.length, differ }));
