// Segment headers and reading leaves: as cropmark_ingest/segment.py and reading.py. Null for anything else.
import { equal, hex } from "./bytes.js";
import { CborError, decode } from "./cbor.js";
import { verify1 } from "./cose.js";

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
const MAX_HEADER = 256 * 1024;
const MAX_TIME = 253402300800000n;
const LOW = -(1n << 63n);
const HIGH = (1n << 63n) - 1n;

const isInt = (value, low = LOW, high = HIGH) =>
  (typeof value === "number" || typeof value === "bigint") && BigInt(value) >= low && BigInt(value) <= high;
const isBytes = (value, length) => value instanceof Uint8Array && (length === undefined || value.length === length);
const isText = (value) => typeof value === "string";

function goodGap(gap) {
  if (!Array.isArray(gap) || gap.length !== 5) return false;
  const [reason, device, session, first, last] = gap;
  return (
    isText(reason) && Array.from(reason).length <= 64 && isText(device) && NAME.test(device) && isBytes(session, 8) &&
    isInt(first, 0n) && isInt(last, 0n) && BigInt(first) <= BigInt(last)
  );
}

export async function openHeader(bytes) {
  if (bytes.length > MAX_HEADER) return null;
  const signed = await verify1(bytes, "cropmark/segment/v1");
  if (signed === null) return null;
  let parts;
  try {
    parts = decode(signed.payload);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
  if (!Array.isArray(parts) || parts.length !== 13 || parts[0] !== "cropmark/segment/v1") return null;
  const [, farm, gateway, seq, prev, root, count, first, last, digest, length, sealedAt, gaps] = parts;
  const good =
    isText(farm) && NAME.test(farm) && isText(gateway) && NAME.test(gateway) && isInt(seq, 0n) &&
    isBytes(prev, 32) && isBytes(root, 32) && isInt(count, 0n, 65536n) && isInt(first) && isInt(last) &&
    BigInt(first) <= BigInt(last) && isBytes(digest, 32) && isInt(length, 0n, 4194304n) &&
    isInt(sealedAt, 0n, MAX_TIME - 1n) && Array.isArray(gaps) && gaps.length <= 4096 && gaps.every(goodGap) &&
    (BigInt(seq) === 0n) === equal(prev, new Uint8Array(32));
  return good ? { key: signed.key, farm, gateway, seq, root, count: Number(count), first, last, sealedAt } : null;
}

export function parseLeaf(bytes) {
  let parts;
  try {
    parts = decode(bytes);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
  if (!Array.isArray(parts) || parts.length !== 6 || parts[0] !== "cropmark/reading/v1") return null;
  const [, farm, device, session, metric, fixed] = parts;
  if (![farm, device, metric].every(isText) || !isBytes(session, 8) || !isBytes(fixed, 45)) return null;
  const view = new DataView(fixed.buffer, fixed.byteOffset, fixed.length);
  const signed = (at) => (BigInt(view.getInt32(at)) << 32n) | BigInt(view.getUint32(at + 4));
  return {
    farm,
    device,
    session: hex(session),
    metric,
    counter: (BigInt(view.getUint32(0)) << 32n) | BigInt(view.getUint32(4)),
    index: view.getUint16(8),
    time: signed(10),
    mantissa: signed(18),
    decimals: view.getInt8(26),
    flags: view.getUint16(27),
    deviceTime: signed(29),
    gatewayTime: signed(37),
  };
}

