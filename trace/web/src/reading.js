// One reading of one sensor, as the leaf of a segment's tree (docs/formats.md §5).
import { signed, toHex, unsigned } from "./bytes.js";
import { CborError, decode } from "./cbor.js";

export const FLAG_RANGE = 1;
const FIXED = 45;

/** Returns the reading that leaf bytes say, numbers as BigInt, or null if they are none. */
export function parseLeaf(bytes) {
  let parts;
  try {
    parts = decode(bytes);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
  if (!Array.isArray(parts) || parts.length !== 6) return null;
  const [domain, farm, device, session, metric, fixed] = parts;
  if (domain !== "cropmark/reading/v1" || ![farm, device, metric].every((part) => typeof part === "string")) return null;
  if (!(session instanceof Uint8Array) || session.length !== 8) return null;
  if (!(fixed instanceof Uint8Array) || fixed.length !== FIXED) return null;
  const at = (start, end) => fixed.subarray(start, end);
  return {
    farm,
    device,
    session: toHex(session),
    metric,
    counter: unsigned(at(0, 8)),
    index: Number(unsigned(at(8, 10))),
    time: signed(at(10, 18)),
    mantissa: signed(at(18, 26)),
    decimals: Number(signed(at(26, 27))),
    flags: Number(unsigned(at(27, 29))),
    deviceTime: signed(at(29, 37)),
    gatewayTime: signed(at(37, 45)),
  };
}
