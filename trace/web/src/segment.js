// Segment headers: COSE_Sign1 (RFC 9052) by a gateway over deterministic CBOR (docs/formats.md §4, §5).
import { utf8 } from "./bytes.js";
import { CborError, decode, encode } from "./cbor.js";
import { best } from "./ed25519.js";
import { NAME, fits } from "./shape.js";

const DOMAIN = "cropmark/segment/v1";
const MAX_BYTES = 256 * 1024;
const MAX_TIME = 253402300800000n;
const I63 = 1n << 63n;

const isBytes = (value, length) => value instanceof Uint8Array && (length === undefined || value.length === length);
const isName = (value) => fits(NAME, value);
const isInt = (value, low = -I63, high = I63 - 1n) => typeof value === "bigint" && value >= low && value <= high;

function decoded(bytes) {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
}

/** Returns {key, payload} of a COSE_Sign1 of ours whose signature holds, or null. */
async function verifySign1(bytes) {
  const parts = decoded(bytes);
  if (!Array.isArray(parts) || parts.length !== 4) return null;
  const [shielded, open, payload, signature] = parts;
  if (![shielded, payload, signature].every((part) => isBytes(part)) || !(open instanceof Map) || open.size) return null;
  const header = decoded(shielded);
  if (!(header instanceof Map) || header.size !== 2 || header.get(1n) !== -8n || !isBytes(header.get(4n), 32)) return null;
  const key = header.get(4n);
  const { verify } = await best();
  const message = encode(["Signature1", shielded, utf8(DOMAIN), payload]);
  return (await verify(key, signature, message)) ? { key, payload } : null;
}

const isGap = (raw) =>
  Array.isArray(raw) &&
  raw.length === 5 &&
  typeof raw[0] === "string" &&
  raw[0].length <= 128 &&
  Array.from(raw[0]).length <= 64 &&
  isName(raw[1]) &&
  isBytes(raw[2], 8) &&
  isInt(raw[3], 0n) &&
  isInt(raw[4], 0n) &&
  raw[3] <= raw[4];

/** Returns the header that COSE bytes say if form and signature hold, or null. Integers are BigInt. */
export async function openHeader(bytes) {
  if (bytes.length > MAX_BYTES) return null;
  const signed = await verifySign1(bytes);
  const parts = signed && decoded(signed.payload);
  if (!Array.isArray(parts) || parts.length !== 13) return null;
  const [domain, farm, gateway, seq, prev, root, count, first, last, digest, length, sealedAt, gaps] = parts;
  const good =
    domain === DOMAIN &&
    isName(farm) &&
    isName(gateway) &&
    isInt(seq, 0n) &&
    [prev, root, digest].every((hash) => isBytes(hash, 32)) &&
    isInt(count, 0n, 65536n) &&
    isInt(first) &&
    isInt(last) &&
    first <= last &&
    isInt(length, 0n, 4194304n) &&
    isInt(sealedAt, 0n, MAX_TIME - 1n) &&
    Array.isArray(gaps) &&
    gaps.length <= 4096 &&
    gaps.every(isGap) &&
    (seq === 0n) === prev.every((byte) => byte === 0);
  return good ? { key: signed.key, farm, gateway, seq, root, count, sealedAt } : null;
}
