// Ed25519 public keys as Multikey text and did:key (W3C Controlled Identifiers §2.2.2); base58-btc.

const DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** Returns multibase base58-btc: "z" and the digits. */
export function base58Encode(bytes) {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  let digits = "";
  for (; value > 0n; value /= 58n) digits = DIGITS[Number(value % 58n)] + digits;
  for (let at = 0; at < bytes.length && bytes[at] === 0; at++) digits = `1${digits}`;
  return `z${digits}`;
}

/** Returns the `size` bytes that multibase text stands for, or null for any other text. */
export function base58Decode(text, size) {
  if (text[0] !== "z" || text.length > 100) return null;
  let value = 0n;
  for (const letter of text.slice(1)) {
    const digit = DIGITS.indexOf(letter);
    if (digit < 0) return null;
    value = value * 58n + BigInt(digit);
  }
  const bytes = new Uint8Array(size);
  for (let at = size - 1; at >= 0; at--, value >>= 8n) bytes[at] = Number(value & 255n);
  return value === 0n && base58Encode(bytes) === text ? bytes : null;
}

/** Returns the did:key of a 32-byte Ed25519 key. */
export function didOf(key) {
  const coded = new Uint8Array(34);
  coded.set([0xed, 0x01]);
  coded.set(key, 2);
  return `did:key:${base58Encode(coded)}`;
}

/** Returns the 32-byte key of a did:key, or null for anything else. */
export function publicOf(did) {
  if (!did.startsWith("did:key:")) return null;
  const bytes = base58Decode(did.slice(8), 34);
  return bytes !== null && bytes[0] === 0xed && bytes[1] === 0x01 ? bytes.slice(2) : null;
}

/** Returns the one verification method of a did:key. */
export const methodOf = (did) => `${did}#${did.slice(8)}`;
